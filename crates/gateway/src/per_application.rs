//! A counter of each application.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use metrics::Counter;

/// The counters of one metric by the application's name, each looked up among all metrics once: that takes as long as to take
/// a small body apart. There are as many as applications are registered.
pub(crate) struct PerApplication {
    look_up: fn(String) -> Counter,
    known: RwLock<HashMap<Arc<str>, Counter>>,
}

impl PerApplication {
    /// `look_up` finds the counter of the application with this name.
    pub(crate) fn new(look_up: fn(String) -> Counter) -> Self {
        Self { look_up, known: RwLock::default() }
    }

    pub(crate) fn increment(&self, application: &Arc<str>, by: usize) {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(counter) = known.get(application) {
            return counter.increment(by as u64);
        }
        drop(known);
        let counter = (self.look_up)(application.to_string());
        counter.increment(by as u64);
        self.known.write().unwrap_or_else(PoisonError::into_inner).insert(Arc::clone(application), counter);
    }
}
