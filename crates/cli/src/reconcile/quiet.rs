//! Waits until nothing that was there at the beginning is on its way any more, and holds what gateways saw confirmed
//! against what was taken.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use broker::{Inspector, Queue};
use chrono::{DateTime, Utc};
use event::RunId;
use serde::Serialize;
use store::Store;
use store::books::{HourRange, Run, Runs};
use store::pipeline;
use tokio::time::sleep;

use crate::output::tell;

/// How long between two looks: gateways tell each second what was confirmed, and consumers what they hold.
const LOOK_INTERVAL: Duration = Duration::from_millis(1_100);

/// Nothing is on its way when so many looks in a row have seen nothing.
const LOOKS: u32 = 3;

/// How often it is told what is waited for.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);

/// What a look at the queues showed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct QueueLook {
    /// Whether nothing was seen for three looks.
    pub(crate) quiet: bool,
    /// Messages that wait for consumers.
    pub(crate) ready_messages: u32,
    /// Messages that were given up and wait to be judged again.
    pub(crate) dead_letters: u32,
    /// Deliveries that consumers hold since before the command began.
    pub(crate) held: i64,
    /// Why the broker could not be asked.
    pub(crate) error: Option<String>,
}

impl QueueLook {
    const fn is_empty(&self) -> bool {
        self.ready_messages == 0 && self.dead_letters == 0 && self.held == 0
    }

    /// What is on its way, for people.
    pub(crate) fn describe(&self) -> String {
        let Self { ready_messages, dead_letters, held, .. } = self;
        format!("{ready_messages} messages wait, {held} are with consumers, {dead_letters} are dead letters")
    }
}

/// What the looks came to.
pub(crate) struct Outcome {
    /// The last look.
    pub(crate) queue: QueueLook,
    /// How many runs of gateways there are.
    pub(crate) runs: i64,
    /// What was confirmed and not taken, though nothing is on its way.
    pub(crate) lost: Vec<Run>,
    /// Of what more was taken than confirmed.
    pub(crate) untold: Vec<Run>,
}

/// Run and application.
type Key = (RunId, Option<String>);

/// What was confirmed and is not taken: so much was confirmed when it was first seen, at this look of those that saw nothing
/// on its way.
#[derive(Default)]
struct Missing(BTreeMap<Key, (i64, u32)>);

impl Missing {
    /// Takes up what is missing now, and lets go what has come. With `closed`, nothing more is taken up: what was confirmed
    /// meanwhile may be on its way.
    fn look(&mut self, runs: &Runs, number: u32, closed: bool) {
        let short = runs.differing.iter().filter(|run| run.confirmed > run.taken);
        let short: BTreeMap<Key, &Run> = short.map(|run| (key(run), run)).collect();
        self.0.retain(|key, (confirmed, _)| short.get(key).is_some_and(|run| run.taken < *confirmed));
        if !closed {
            for (key, run) in short {
                self.0.entry(key).or_insert((run.confirmed, number));
            }
        }
    }

    /// Whether all that is left has been missing for long enough to be called lost.
    fn is_certain(&self, number: u32) -> bool {
        self.0.values().all(|(_, since)| number >= since + LOOKS - 1)
    }
}

fn key(run: &Run) -> Key {
    (run.run, run.application.clone())
}

/// Looks again and again, for so long at most.
///
/// # Errors
/// The database can't be asked.
pub(crate) async fn wait(
    store: &Store,
    broker: &broker::Settings,
    hours: HourRange,
    patience: Duration,
) -> anyhow::Result<Outcome> {
    let (began, started) = (pipeline::look(store)?.now, Instant::now());
    let mut inspector = Inspector::new(broker);
    let mut missing = Missing::default();
    let (mut number, mut told) = (0, None::<Instant>);
    loop {
        let (mut queue, runs) = look(&mut inspector, store, hours, began).await?;
        // What is seen on its way may be what is missing.
        (number, missing) = if queue.is_empty() { (number + 1, missing) } else { (0, Missing::default()) };
        if number > 0 {
            missing.look(&runs, number, number > LOOKS);
        }
        queue.quiet = number >= LOOKS && missing.is_certain(number) && queue.error.is_none();
        if queue.quiet || queue.error.is_some() || started.elapsed() + LOOK_INTERVAL > patience {
            inspector.close().await;
            return Ok(outcome(queue, runs, &missing));
        }
        if told.is_none_or(|told| told.elapsed() >= PROGRESS_INTERVAL) {
            told = Some(Instant::now());
            tell(&format!("waiting until nothing is on its way: {}", queue.describe()));
        }
        sleep(LOOK_INTERVAL).await;
    }
}

async fn look(
    inspector: &mut Inspector,
    store: &Store,
    hours: HourRange,
    began: DateTime<Utc>,
) -> anyhow::Result<(QueueLook, Runs)> {
    // In this order: a message goes from the first queue to the second, never back; and last what was taken.
    let mut queue = QueueLook::default();
    match ready(inspector).await {
        Ok((ready_messages, dead_letters)) => {
            (queue.ready_messages, queue.dead_letters) = (ready_messages, dead_letters)
        }
        Err(error) => queue.error = Some(error.to_string()),
    }
    let consumers = pipeline::look(store)?.consumers;
    let old = consumers
        .iter()
        .filter(|(report, _)| report.oldest_received_at.is_some_and(|oldest| oldest <= began));
    queue.held = old.map(|(report, _)| i64::from(report.deliveries_held)).sum();
    Ok((queue, store.runs(hours)?))
}

async fn ready(inspector: &mut Inspector) -> Result<(u32, u32), broker::Error> {
    let events = inspector.look(Queue::Events).await?.ready_messages;
    Ok((events, inspector.look(Queue::Dead).await?.ready_messages))
}

fn outcome(queue: QueueLook, runs: Runs, missing: &Missing) -> Outcome {
    let Runs { count, differing } = runs;
    let (more, short): (Vec<_>, Vec<_>) = differing.into_iter().partition(|run| run.taken > run.confirmed);
    // While something is on its way, it may be what is missing.
    let is_lost = |run: &Run| queue.quiet && missing.0.contains_key(&key(run));
    let lost = short.into_iter().filter(is_lost).collect();
    Outcome { queue, runs: count, lost, untold: more }
}

#[cfg(test)]
mod tests {
    use event::Hour;
    use uuid::Uuid;

    use super::*;

    fn runs(differing: &[(u128, i64, i64)]) -> Runs {
        let run = |&(run, confirmed, taken)| Run {
            run: RunId::from(Uuid::from_u128(run)),
            application: Some("shop".to_owned()),
            hours: (Hour::from_number(0), Hour::from_number(0)),
            confirmed,
            taken,
        };
        Runs { count: 2, differing: differing.iter().map(run).collect() }
    }

    #[test]
    fn what_is_missing_for_three_looks_is_lost() {
        let mut missing = Missing::default();
        for (number, certain) in [(1, false), (2, false), (3, true)] {
            missing.look(&runs(&[(1, 10, 9), (2, 4, 5)]), number, false);
            assert_eq!((missing.0.len(), missing.is_certain(number)), (1, certain), "look {number}");
        }
    }

    #[test]
    fn what_comes_meanwhile_is_not_lost_though_more_is_confirmed() {
        let mut missing = Missing::default();
        missing.look(&runs(&[(1, 10, 9)]), 1, false);
        missing.look(&runs(&[(1, 20, 15)]), 2, false);
        assert!(missing.0.values().all(|(confirmed, since)| (*confirmed, *since) == (20, 2)));
        missing.look(&runs(&[(1, 30, 19)]), 3, false);
        assert!(!missing.is_certain(3));
        missing.look(&runs(&[(1, 40, 20)]), 4, true);
        assert!(missing.is_certain(4) && missing.0.is_empty());
    }
}
