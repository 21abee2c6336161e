//! Events under way.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::body::Body;
use crate::buffer::{Buffer, Held};
use crate::{RawEvent, Reason, Undelivered};

/// Events that were taken from the buffer, in their order. Each is settled once, from the front; what is left when the
/// batch is dropped, by whatever end, goes to the application.
pub(crate) struct Batch {
    buffer: Arc<Buffer>,
    /// The number of the first event that was in it.
    first: u64,
    events: VecDeque<Held>,
}

impl Batch {
    pub(crate) fn new(buffer: Arc<Buffer>, first: u64, events: VecDeque<Held>) -> Self {
        Self { buffer, first, events }
    }

    /// How many are not settled.
    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }

    /// A request's body of the next events.
    pub(crate) fn body(&self, count: usize) -> Body {
        Body::of(self.events.iter().take(count).map(|held| &held.event))
    }

    /// The next events were accepted.
    pub(crate) fn accept(&mut self, count: usize) {
        let bytes = self.events.drain(..count).map(Held::settle).sum();
        self.buffer.count_accepted(count, bytes);
    }

    /// The next events will not be tried any more.
    pub(crate) fn hand_over(&mut self, count: usize, reason: &Reason) {
        let events: Vec<_> = self.events.drain(..count).collect();
        self.buffer.hand_over(events, reason);
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        if !self.events.is_empty() {
            self.hand_over(self.events.len(), &Reason::Stopped(self.buffer.trouble()));
        }
        self.buffer.end(self.first);
    }
}

pub(crate) fn undelivered(events: Vec<RawEvent>, reason: &Reason) -> Vec<Undelivered> {
    events.into_iter().map(|event| Undelivered { event, reason: reason.clone() }).collect()
}
