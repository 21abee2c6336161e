//! At most so many events a second.

use std::time::Duration;

use tokio::time::Instant;

/// Keeps to a number of events a second. Time that was lost, by an outage say, is not made up for by a burst.
#[derive(Debug)]
pub(crate) struct Pace {
    rate: u32,
    next: Option<Instant>,
}

impl Pace {
    pub(crate) fn new(rate: u32) -> Self {
        Self { rate, next: None }
    }

    /// Waits until so many events more may be sent.
    pub(crate) async fn keep(&mut self, events: u16) {
        let due = self.next.unwrap_or_else(Instant::now);
        tokio::time::sleep_until(due).await;
        let share = Duration::from_secs_f64(f64::from(events) / f64::from(self.rate));
        self.next = Some(due.max(Instant::now()) + share);
    }
}
