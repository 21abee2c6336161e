//! A session's row says what its events say, whoever writes them.

use std::sync::Arc;
use std::thread;

use proptest::prelude::{Strategy, any};
use proptest::test_runner::{RngSeed, TestRunner};
use serde_json::json;
use store::intake::{Outcome, Taken};
use uuid::Uuid;

use crate::ground::{BLOG, Ground, SHOP, Sample, judged, message, sample};

#[test]
fn a_session_knows_its_first_and_last_event_its_count_and_its_applications() {
    let ground = Ground::new();
    let at = |second: u32| sample().with("timestamp", format!("2026-10-01T00:00:{second:02}Z"));
    ground.write_events(judged(&[at(30), at(20).application(BLOG), at(40)]));
    ground.write_events(judged(&[at(10), at(50)]));
    let session = ground.ask(
        "SELECT concat_ws(' ', session_id, extract(second FROM first_event_at)::int, \
         extract(second FROM last_event_at)::int, event_count, application_ids::text) FROM sessions",
    );
    assert_eq!(session, "s-1 10 50 5 {1,2}");
    ground.assert_sessions_agree();
    ground.assert_books_agree();
}

#[test]
fn copies_and_rejections_count_in_no_session() {
    let ground = Ground::new();
    let event = sample();
    let conflict = event.clone().data(json!({ "other": true }));
    let future = sample().session("s-2").with("timestamp", "2999-01-01T00:00:00Z");
    ground.write_events(judged(&[event.clone(), event, conflict, future]));
    assert_eq!(ground.ask("SELECT session_id || event_count FROM sessions"), "s-11");
    ground.assert_sessions_agree();
    ground.assert_books_agree();
}

/// Few sessions, times, ids and payloads: so that writers meet.
fn events() -> impl Strategy<Value = Vec<Sample>> {
    let event =
        (0..4_u8, 0..4_u8, 0..12_u8, 0..2_u8, any::<bool>()).prop_map(|(session, at, id, data, shop)| {
            Sample { id: Uuid::from_u128(u128::from(id) + 1), ..sample() }
                .session(&format!("s-{session}"))
                .with("timestamp", format!("2026-10-01T00:00:0{at}Z"))
                .data(json!({ "n": data }))
                .application(if shop { SHOP } else { BLOG })
        });
    proptest::collection::vec(event, 0..40)
}

#[test]
fn four_writers_at_once_store_each_identity_once_and_keep_every_session_right() {
    let config = proptest::test_runner::Config { cases: 24, failure_persistence: None, ..Default::default() };
    let seed: u64 = std::env::var("EYE_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    println!("EYE_TEST_SEED={seed}");
    let mut runner =
        TestRunner::new(proptest::test_runner::Config { rng_seed: RngSeed::Fixed(seed), ..config });
    let ground = Arc::new(Ground::new());
    let work = proptest::collection::vec(proptest::collection::vec(events(), 1..4), 4);
    runner
        .run(&work, |writers| {
            ground.execute("TRUNCATE events, sessions, rejected_events, errors, taken_messages, books, run_books, book_changes");
            let outcomes = write_at_once(&ground, &writers);
            check(&ground, &writers, &outcomes);
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
}

/// What each writer saw of each of its batches.
fn write_at_once(ground: &Arc<Ground>, writers: &[Vec<Vec<Sample>>]) -> Vec<Vec<Vec<Outcome>>> {
    let write = |batches: Vec<Vec<Sample>>| {
        let ground = Arc::clone(ground);
        thread::spawn(move || {
            let mut writer = ground.writer();
            let write = |batch: &Vec<Sample>| {
                let taken = writer.write(&[message(judged(batch))]).expect("write");
                match taken.into_iter().next() {
                    Some(Taken::Now(outcomes)) => outcomes,
                    other => panic!("{other:?}"),
                }
            };
            batches.iter().map(write).collect()
        })
    };
    let threads: Vec<_> = writers.iter().map(|batches| write(batches.clone())).collect();
    threads.into_iter().map(|thread| thread.join().expect("a writer")).collect()
}

type Identity = (String, String, i32, Uuid);

fn identity(sample: &Sample) -> Identity {
    let field = |name| sample.fields[name].to_string();
    (field("session_id"), field("timestamp"), sample.application, sample.id)
}

/// The model: one event of each identity is stored; the others are copies of it, or in conflict with it.
fn check(ground: &Ground, writers: &[Vec<Vec<Sample>>], outcomes: &[Vec<Vec<Outcome>>]) {
    let samples = || writers.iter().flatten().flatten();
    let seen: Vec<_> = samples().zip(outcomes.iter().flatten().flatten()).collect();
    let mut identities: Vec<_> = samples().map(identity).collect();
    identities.sort();
    identities.dedup();
    for identity_of in &identities {
        let of_it: Vec<_> = seen.iter().filter(|(sample, _)| identity(sample) == *identity_of).collect();
        let stored: Vec<_> = of_it.iter().filter(|(_, outcome)| **outcome == Outcome::Stored).collect();
        assert_eq!(stored.len(), 1, "{identity_of:?}: {of_it:?}");
        let content = &stored[0].0.fields["data"];
        for (sample, outcome) in of_it {
            let same = sample.fields["data"] == *content;
            assert!(!same || **outcome != Outcome::Rejected, "a copy was rejected: {sample:?}");
            assert!(same || **outcome != Outcome::Stored, "stored twice: {sample:?}");
        }
    }
    assert_eq!(ground.count("events"), i64::try_from(identities.len()).expect("few"));
    let rejected = seen.iter().filter(|(_, outcome)| **outcome == Outcome::Rejected).count();
    assert_eq!(ground.count("rejected_events"), i64::try_from(rejected).expect("few"));
    ground.assert_sessions_agree();
    ground.assert_books_agree();
}
