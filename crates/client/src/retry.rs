//! When to try again.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use tokio::time::Instant;

/// The longest `Retry-After` that is believed.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(300);

/// Exponential pauses with full jitter, so that clients that failed together do not come back together.
#[derive(Debug)]
pub(crate) struct Backoff {
    /// The most that the next pause may be.
    ceiling: Duration,
    ceiling_max: Duration,
    begun: Instant,
    give_up_after: Duration,
}

impl Backoff {
    pub(crate) fn new(first: Duration, max: Duration, give_up_after: Duration) -> Self {
        Self { ceiling: first.min(max), ceiling_max: max, begun: Instant::now(), give_up_after }
    }

    /// How long to wait for the next try, which is never before the gateway asked for it; none: it is time to give up.
    pub(crate) fn next_pause(&mut self, retry_after: Option<Duration>) -> Option<Duration> {
        let left = self.give_up_after.checked_sub(self.begun.elapsed())?;
        let asked = retry_after.unwrap_or_default();
        if asked > left || left.is_zero() {
            return None;
        }
        let pause = asked + self.ceiling.mul_f64(random_fraction());
        self.ceiling = (self.ceiling * 2).min(self.ceiling_max);
        // The last try is made when time is up, not a pause before.
        Some(pause.min(left))
    }
}

/// From 0 up to 1.
fn random_fraction() -> f64 {
    // Without randomness pauses are as long as they may be.
    getrandom::u32().map_or(1.0, |number| f64::from(number) / 2_f64.powi(32))
}

/// How long the gateway asks to be left alone: whole seconds, or a date (RFC 9110, 10.2.3).
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let asked = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        // A date that has passed asks for nothing.
        Err(_) => {
            (DateTime::parse_from_rfc2822(text).ok()?.to_utc() - Utc::now()).to_std().unwrap_or_default()
        }
    };
    Some(asked.min(RETRY_AFTER_MAX))
}
