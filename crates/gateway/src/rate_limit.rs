//! How many events a second an application, or a key of it, may send.
//!
//! Each event costs a part of a second; whoever sends may be up to one second ahead of what it has paid for. That is
//! the generic cell rate algorithm, with one difference: a request of more events than a second allows would be refused
//! for ever, so it costs a second to be let in and is charged in full. The average holds, whatever the sizes.

use std::collections::HashMap;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How far ahead one may be.
const BURST: Duration = Duration::from_secs(1);

/// From so many on, those that have paid for everything are forgotten.
const SENDERS_KEPT: usize = 1_024;

/// Those that have a limit, each with the time up to which it has used it.
#[derive(Debug)]
pub struct RateLimits<S>(Mutex<HashMap<S, Instant>>);

impl<S> Default for RateLimits<S> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

/// Too much, and how long to wait before the same is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exceeded(pub Duration);

impl<S: Eq + Hash> RateLimits<S> {
    /// Lets a request in and charges for its events, or tells when it would be let in.
    ///
    /// # Errors
    /// The sender is over its limit.
    pub fn admit(
        &self,
        sender: S,
        per_second: NonZeroU32,
        events: usize,
        now: Instant,
    ) -> Result<(), Exceeded> {
        let mut used_up_to = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if used_up_to.len() >= SENDERS_KEPT {
            used_up_to.retain(|_, until| *until > now);
        }
        let until = used_up_to.entry(sender).or_insert(now);
        let from = now.max(*until);
        let cost = cost(events, per_second);
        let ahead = (from + cost.min(BURST)).saturating_duration_since(now);
        match ahead.checked_sub(BURST) {
            None | Some(Duration::ZERO) => {
                *until = from + cost;
                Ok(())
            }
            Some(wait) => Err(Exceeded(wait)),
        }
    }
}

fn cost(events: usize, per_second: NonZeroU32) -> Duration {
    Duration::from_secs_f64(events as f64 / f64::from(per_second.get()))
}
