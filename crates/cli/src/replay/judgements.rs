//! Waiting until consumers have judged what was sent.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use tokio::time::sleep;

use super::Desk;
use super::stop::Stop;

/// How often the database is asked.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// Of so many events at once: those that were sent first.
const LOOK_EVENTS_MAX: usize = 2_000;

/// The rejections that are on their way, and how many are no longer.
pub(super) struct Judgements {
    desk: Desk,
    stop: Stop,
    waiting: BTreeSet<i64>,
    stored: usize,
    rejected: usize,
}

impl Judgements {
    pub(super) const fn new(desk: Desk, stop: Stop) -> Self {
        Self { desk, stop, waiting: BTreeSet::new(), stored: 0, rejected: 0 }
    }

    /// Waits for these too.
    pub(super) fn expect(&mut self, rejections: Vec<i64>) {
        self.waiting.extend(rejections);
    }

    /// How many events are stored, and how many were rejected again.
    pub(super) const fn counts(&self) -> (usize, usize) {
        (self.stored, self.rejected)
    }

    /// Returns when at most so many events are on their way; tells how many have been judged so far.
    ///
    /// # Errors
    /// No event was judged for too long, or it was asked to stop.
    pub(super) async fn await_until(
        &mut self,
        waiting_max: usize,
        patience: Duration,
        mut tell: impl FnMut(usize),
    ) -> Result<()> {
        let mut stop = self.stop.clone();
        let mut latest = Instant::now();
        while self.waiting.len() > waiting_max {
            let judged = self.look().await?;
            tell(self.stored + self.rejected);
            let (count, seconds) = (self.waiting.len(), patience.as_secs_f64());
            if judged > 0 {
                latest = Instant::now();
                continue;
            } else if latest.elapsed() >= patience {
                bail!(
                    "{count} events that were sent are not judged, and none was for {seconds} s; `eye doctor` tells \
                     whether consumers run, which will judge them all the same"
                );
            }
            tokio::select! {
                () = sleep(LOOK_INTERVAL) => {}
                () = stop.asked() => bail!(
                    "it was stopped while {count} events that were sent are not judged yet; consumers judge them all the same"
                ),
            }
        }
        Ok(())
    }

    async fn look(&mut self) -> Result<usize> {
        let asked: Vec<i64> = self.waiting.iter().copied().take(LOOK_EVENTS_MAX).collect();
        let judged = self.desk.ask(move |store| store.judged_replays(&asked)).await?;
        for (rejection, is_stored) in &judged {
            self.waiting.remove(rejection);
            if *is_stored { self.stored += 1 } else { self.rejected += 1 }
        }
        Ok(judged.len())
    }
}
