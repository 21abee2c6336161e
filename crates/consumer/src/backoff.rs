//! Pauses between attempts.

use std::time::Duration;

/// The first pause.
const PAUSE_MIN: Duration = Duration::from_millis(50);

/// Pauses that grow: each twice as long as the last, up to a limit, and up to half of it shorter by chance, so that many
/// who lost the same server do not come back at the same moment.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
    max: Duration,
}

impl Backoff {
    pub(crate) fn new(max: Duration) -> Self {
        Self { next: PAUSE_MIN.min(max), max }
    }

    /// How long to wait before the next attempt.
    pub(crate) fn pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(self.max);
        // Without a source of chance, everybody waits the full pause.
        let chance = getrandom::u32().unwrap_or(0);
        pause.mul_f64(1.0 - f64::from(chance) / f64::from(u32::MAX) / 2.0)
    }
}
