//! Waiting for another part of the system, without filling the log: said once, again every few minutes, and once when it
//! is over.

use std::fmt::Display;
use std::time::{Duration, Instant};

/// How often it is said again that something is waited for.
pub const REMINDER_INTERVAL: Duration = Duration::from_secs(300);

/// What a process waits for. Whoever tries again and again tells it of each attempt.
#[derive(Debug)]
pub struct Waiting {
    what: &'static str,
    at: String,
    current: Option<Current>,
}

#[derive(Clone, Copy, Debug)]
struct Current {
    since: Instant,
    said: Instant,
    needs_person: bool,
}

impl Waiting {
    /// Nothing is missing yet. `what` completes "waiting for"; `at` is its address, without a password.
    pub const fn new(what: &'static str, at: String) -> Self {
        Self { what, at, current: None }
    }

    /// An attempt failed. It is logged if it is the first, if a person is needed and was not called before, or if nothing
    /// was said of it for [`REMINDER_INTERVAL`]; returns whether it was.
    pub fn missing(&mut self, now: Instant, reason: &dyn Display, needs_person: bool) -> bool {
        let (what, at) = (self.what, self.at.as_str());
        let since = self.current.map_or(now, |current| current.since);
        let is_due = self.current.is_none_or(|current| {
            now.duration_since(current.said) >= REMINDER_INTERVAL || (needs_person && !current.needs_person)
        });
        if !is_due {
            tracing::debug!(at, error = %reason, "waiting for {what}");
            return false;
        }
        let waiting_s = now.duration_since(since).as_secs();
        if needs_person {
            tracing::error!(at, error = %reason, waiting_s, "waiting for {what}");
        } else {
            tracing::warn!(at, error = %reason, waiting_s, "waiting for {what}");
        }
        self.current = Some(Current { since, said: now, needs_person });
        true
    }

    /// An attempt succeeded: the wait, where there was one, is over.
    pub fn there(&mut self, now: Instant) {
        let (what, at) = (self.what, self.at.as_str());
        if let Some(current) = self.current.take() {
            let outage = now.duration_since(current.since);
            let outage_ms = u64::try_from(outage.as_millis()).unwrap_or(u64::MAX);
            tracing::info!(at, outage_ms, "no longer waiting for {what}");
        }
    }
}
