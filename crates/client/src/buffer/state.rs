//! What the buffer's lock guards; nothing here waits.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::{Events, Held};
use crate::{Settings, Statistics};

/// Events are numbered from 0 in the order in which they were submitted.
pub(super) struct State {
    batch_events_max: usize,
    batch_bytes_max: usize,
    flush_interval: Duration,
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
    /// The first numbers of the batches under way.
    under_way: Vec<u64>,
    /// What has a lower number is due.
    flush_before: u64,
    /// How many submitters wait for room.
    pub(super) blocked: usize,
    closed: bool,
    /// Why the latest try failed; none once one has succeeded.
    pub(super) trouble: Option<String>,
    pub(super) counts: Statistics,
}

struct Waiting {
    held: Held,
    since: Instant,
}

/// What a worker does next.
pub(super) enum Next {
    /// Send these, the first of which has this number.
    Due { first: u64, events: Events },
    /// Look again then, or when told.
    NotBefore(Option<Instant>),
    /// Nothing waits and nothing will come.
    Ended,
}

impl State {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            batch_events_max: settings.batch_events_max,
            batch_bytes_max: settings.batch_bytes_max,
            flush_interval: settings.flush_interval,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            under_way: Vec::new(),
            flush_before: 0,
            blocked: 0,
            closed: false,
            trouble: None,
            counts: Statistics::default(),
        }
    }

    /// Takes an event, unless closed; tells whether the worker that waits should look.
    pub(super) fn push(&mut self, held: Held) -> Result<bool, Held> {
        if self.closed {
            return Err(held);
        }
        let first = self.waiting.is_empty();
        let bytes = held.bytes();
        self.waiting_bytes += bytes;
        self.counts.submitted += 1;
        self.counts.buffered_events += 1;
        self.counts.buffered_bytes += bytes as u64;
        self.waiting.push_back(Waiting { held, since: Instant::now() });
        Ok(first || self.is_batch())
    }

    /// Makes all that waits due; gives the number of the event that will come next.
    pub(super) fn ask_for_flush(&mut self) -> u64 {
        self.flush_before = self.counts.submitted;
        self.flush_before
    }

    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    pub(super) fn next(&mut self, now: Instant) -> Next {
        let Some(oldest) = self.waiting.front() else {
            return if self.closed { Next::Ended } else { Next::NotBefore(None) };
        };
        // An interval beyond the end of time is never over.
        let over = oldest.since.checked_add(self.flush_interval);
        let asked = self.closed || self.blocked > 0 || self.first() < self.flush_before;
        if asked || self.is_batch() || over.is_some_and(|over| over <= now) {
            return self.cut();
        }
        Next::NotBefore(over)
    }

    /// Whether what waits fills a batch.
    fn is_batch(&self) -> bool {
        self.waiting.len() >= self.batch_events_max || self.waiting_bytes >= self.batch_bytes_max
    }

    /// The number of the event that has waited longest, or will come next.
    fn first(&self) -> u64 {
        self.counts.submitted - self.waiting.len() as u64
    }

    /// Cuts off a batch: at least one event.
    fn cut(&mut self) -> Next {
        let (first, mut events, mut bytes) = (self.first(), Events::new(), 0);
        while let Some(Waiting { held, .. }) = self.waiting.front() {
            bytes += held.bytes();
            if events.len() == self.batch_events_max || (bytes > self.batch_bytes_max && !events.is_empty()) {
                break;
            }
            self.waiting_bytes -= held.bytes();
            events.extend(self.waiting.pop_front().map(|waiting| waiting.held));
        }
        self.under_way.push(first);
        Next::Due { first, events }
    }

    /// Cuts off all that waits, which may be nothing, with the number of its first.
    pub(super) fn take_all(&mut self) -> (u64, Events) {
        let first = self.first();
        self.waiting_bytes = 0;
        self.under_way.push(first);
        (first, self.waiting.drain(..).map(|waiting| waiting.held).collect())
    }

    /// Books events out, into one of the counts.
    pub(super) fn settle(&mut self, events: usize, bytes: usize, count: fn(&mut Statistics) -> &mut u64) {
        *count(&mut self.counts) += events as u64;
        self.counts.buffered_events -= events as u64;
        self.counts.buffered_bytes -= bytes as u64;
    }

    /// Ends one batch that began there. Another can only be empty, as the last of a closed buffer may be.
    pub(super) fn end(&mut self, first: u64) {
        if let Some(at) = self.under_way.iter().position(|&other| other == first) {
            self.under_way.swap_remove(at);
        }
    }

    /// The number before which all is settled.
    pub(super) fn settled(&self) -> u64 {
        self.under_way.iter().copied().min().unwrap_or(u64::MAX).min(self.first())
    }
}
