//! Whatever happens to a store, its books balance.

use std::time::Duration;

use event::Judgement;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;
use store::books::HourRange;
use store::housekeeping::{merge_counts, resolve_stragglers};
use store::intake::Taken;

use crate::books::{MICROS_PER_HOUR, rejected, replay};
use crate::ground::{Ground, message, sample};

/// One thing that happens to a store.
#[derive(Clone, Debug)]
enum Step {
    /// A message: which event, and whether it passes, of each.
    Send(Vec<(usize, bool)>),
    /// The same message once more.
    SendAgain,
    /// Operators send these again.
    Replay(Vec<(usize, bool)>),
    Merge,
    Stragglers,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let events = || prop::collection::vec((0_usize..6, any::<bool>()), 0..6);
    let step = prop_oneof![
        4 => events().prop_map(Step::Send),
        1 => Just(Step::SendAgain),
        3 => events().prop_map(Step::Replay),
        1 => Just(Step::Merge),
        1 => Just(Step::Stragglers),
    ];
    prop::collection::vec(step, 1..20)
}

#[test]
fn whatever_happens_the_books_balance_and_every_event_is_taken_once_a_message() {
    let mut runner = TestRunner::new(Config { cases: 40, ..Config::default() });
    runner
        .run(&steps(), |steps| {
            let ground = Ground::new();
            // Two of them are the same event with other content.
            let mut events: Vec<_> = (0..5).map(|n| sample().later(n * MICROS_PER_HOUR / 2)).collect();
            events.push(events[0].clone().data(json!({ "other": true })));
            let judgements = |chosen: &[(usize, bool)]| -> Vec<Judgement<'static>> {
                chosen
                    .iter()
                    .map(|&(n, passes)| if passes { events[n].judged() } else { rejected(&events[n]) })
                    .collect()
            };
            let (mut taken, mut last) = (0, None);
            for step in &steps {
                match step {
                    Step::Send(chosen) => {
                        let sent = message(judgements(chosen));
                        ground.write(std::slice::from_ref(&sent));
                        taken += chosen.len() as i64;
                        last = Some(sent);
                    }
                    Step::SendAgain => {
                        let again = last.as_ref().map(|sent| ground.write(std::slice::from_ref(sent)));
                        prop_assert!(again.is_none_or(|again| again == [Taken::Before]));
                    }
                    Step::Replay(chosen) => {
                        // Only what is rejected is sent again.
                        let kept = |n: &usize| {
                            let id = events[*n].id;
                            ground.count(&format!(
                                "rejected_events WHERE event_id = '{id}' AND input = '\\x{}'",
                                hex(&events[*n].sent())
                            )) > 0
                        };
                        let chosen: Vec<_> = chosen.iter().filter(|(n, _)| kept(n)).copied().collect();
                        replay(&ground, judgements(&chosen));
                    }
                    Step::Merge => drop(merge_counts(&ground.store).expect("merge")),
                    Step::Stragglers => {
                        resolve_stragglers(&ground.store, Duration::from_secs(3_600)).expect("resolve");
                    }
                }
                let compared = ground.store.compare_books(HourRange::default(), |_| ()).expect("compare");
                prop_assert_eq!(&compared.differences, &[], "{:?}", step);
                prop_assert_eq!(compared.taken, taken, "{:?}", step);
            }
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
