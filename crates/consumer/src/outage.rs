//! Times in which the store can't do what it is asked, each logged once: when it begins and when it ends.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use metrics::gauge;
use service::patience::Waiting;
use store::Error;

/// Whether there is an outage. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Outages(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    suffering: usize,
    waiting: Waiting,
}

/// One part's share in an outage, which lasts as long as any part has one.
#[derive(Debug)]
pub(crate) struct Outage(Outages);

impl Outages {
    /// None so far, of the database at this place.
    pub(crate) fn new(place: String) -> Self {
        Self(Arc::new(Mutex::new(State { suffering: 0, waiting: Waiting::new("the database", place) })))
    }

    /// Something failed that will be tried again until it succeeds: to be held until then.
    pub(crate) fn enter(&self, error: &Error) -> Outage {
        let mut state = self.lock();
        state.suffering += 1;
        state.waiting.missing(Instant::now(), error, !error.is_transient());
        if state.suffering == 1 {
            gauge!("eye_consumer_store_away").set(1.0);
        }
        Outage(self.clone())
    }

    /// It goes on: said again, but only every few minutes.
    pub(crate) fn go_on(&self, error: &Error) {
        self.lock().waiting.missing(Instant::now(), error, !error.is_transient());
    }

    fn leave(&self) {
        let mut state = self.lock();
        state.suffering = state.suffering.saturating_sub(1);
        if state.suffering > 0 {
            return;
        }
        state.waiting.there(Instant::now());
        gauge!("eye_consumer_store_away").set(0.0);
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
