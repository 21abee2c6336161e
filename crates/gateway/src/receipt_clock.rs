//! The clock that dates events: strictly increasing in one gateway, whatever the system's clock does.

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::Utc;
use event::ReceivedAt;

/// One microsecond an event at least, in the order in which requests ask.
#[derive(Debug, Default)]
pub struct ReceiptClock {
    /// The last microsecond given away.
    last: AtomicI64,
}

impl ReceiptClock {
    /// The times of all events of a request at once, so that no other request comes between them.
    pub fn receive(&self, events: usize) -> Receipts {
        self.receive_at(Utc::now().timestamp_micros(), events)
    }

    /// The same while the system's clock shows `now`.
    pub fn receive_at(&self, now: i64, events: usize) -> Receipts {
        // A request holds some thousands of events; the limit is only here because the types allow more.
        let events = i64::try_from(events).unwrap_or(i64::MAX);
        let step = |last: i64| now.max(last.saturating_add(1));
        let advance = |last| Some(step(last).saturating_add(events.saturating_sub(1)));
        let last = self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, advance);
        Receipts { first: step(last.unwrap_or_else(|last| last)) }
    }
}

/// The receive times of one request's events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipts {
    first: i64,
}

impl Receipts {
    /// When the event at this place of its request was received.
    pub fn of(&self, index: usize) -> ReceivedAt {
        ReceivedAt::from_micros(self.first.saturating_add(i64::try_from(index).unwrap_or(i64::MAX)))
    }
}
