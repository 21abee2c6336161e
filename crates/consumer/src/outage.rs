//! Times in which the store can't do what it is asked, each logged once: when it begins and when it ends.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use metrics::gauge;
use store::Error;

/// Whether there is an outage. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outages(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    suffering: usize,
    since: Option<Instant>,
}

/// One part's share in an outage, which lasts as long as any part has one.
#[derive(Debug)]
pub(crate) struct Outage(Outages);

impl Outages {
    /// Something failed that will be tried again until it succeeds: to be held until then.
    pub(crate) fn enter(&self, error: &Error) -> Outage {
        let mut state = self.lock();
        state.suffering += 1;
        if state.suffering == 1 {
            state.since = Some(Instant::now());
            tracing::warn!(%error, "waiting for the database");
            gauge!("eye_consumer_store_away").set(1.0);
        }
        Outage(self.clone())
    }

    fn leave(&self) {
        let mut state = self.lock();
        state.suffering = state.suffering.saturating_sub(1);
        if state.suffering > 0 {
            return;
        }
        if let Some(since) = state.since.take() {
            tracing::info!(outage_ms = milliseconds(since), "no longer waiting for the database");
            gauge!("eye_consumer_store_away").set(0.0);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Outage {
    fn drop(&mut self) {
        self.0.leave();
    }
}

/// Milliseconds since then, for logs.
pub(crate) fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
