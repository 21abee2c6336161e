//! The events of one application that wait, and how they are packed into messages.

use std::collections::VecDeque;
use std::sync::Arc;

use broker::PublishError;
use tokio::time::Instant;

use super::Pending;
use super::flight::{Flight, Piece};
use crate::settings::Settings;

/// How much goes into a message, and how many of them are on their way.
pub(super) struct LaneLimits {
    message_bytes_max: usize,
    message_events_max: usize,
    in_flight_max: usize,
}

impl LaneLimits {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            message_bytes_max: settings.message_bytes_max(),
            // Each event has an entry in the envelope's header: many tiny events would make a huge one.
            message_events_max: settings.request_events_max(),
            in_flight_max: settings.application_messages_in_flight_max(),
        }
    }
}

/// One application's submissions, in the order in which they came.
#[derive(Default)]
pub(super) struct Lane {
    waiting: VecDeque<Waiting>,
    in_flight: usize,
}

struct Waiting {
    pending: Arc<Pending>,
    /// The first of its parts that has not left yet.
    next: usize,
}

impl Lane {
    pub(super) fn wait(&mut self, pending: Arc<Pending>) {
        self.waiting.push_back(Waiting { pending, next: 0 });
    }

    pub(super) fn landed(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    pub(super) fn is_idle(&self) -> bool {
        self.in_flight == 0 && self.waiting.is_empty()
    }

    /// The next message, if one may leave.
    pub(super) fn launch(&mut self, limits: &LaneLimits) -> Option<Flight> {
        if self.in_flight >= limits.in_flight_max {
            return None;
        }
        let pieces = self.pack(limits);
        if pieces.is_empty() {
            return None;
        }
        self.in_flight += 1;
        Some(Flight::new(pieces))
    }

    fn pack(&mut self, limits: &LaneLimits) -> Vec<Piece> {
        let now = Instant::now();
        let mut room =
            Room { bytes: limits.message_bytes_max, events: limits.message_events_max, empty: true };
        let mut pieces = Vec::new();
        while let Some(first) = self.waiting.front_mut() {
            if first.is_wanted(now) {
                match first.take(&mut room) {
                    Some(piece) => pieces.push(piece),
                    None => break,
                }
                if !first.has_left() {
                    break;
                }
            }
            self.waiting.pop_front();
        }
        pieces
    }
}

/// What still fits into a message.
struct Room {
    bytes: usize,
    events: usize,
    empty: bool,
}

impl Room {
    /// Takes an event of this size in. One that is larger than any message goes alone.
    fn admit(&mut self, bytes: usize) -> bool {
        if self.events == 0 || (bytes > self.bytes && !self.empty) {
            return false;
        }
        self.bytes = self.bytes.saturating_sub(bytes);
        self.events -= 1;
        self.empty = false;
        true
    }
}

impl Waiting {
    /// Whether there is still a reason to publish it; whoever waited for too long is told.
    fn is_wanted(&self, now: Instant) -> bool {
        if self.pending.submission.deadline <= now {
            self.pending.receipt.fail(PublishError::TimedOut);
        }
        self.pending.receipt.is_awaited()
    }

    fn has_left(&self) -> bool {
        self.next == self.pending.submission.parts.len()
    }

    /// As many of its parts as there is room for.
    fn take(&mut self, room: &mut Room) -> Option<Piece> {
        let first = self.next;
        let parts = &self.pending.submission.parts[first..];
        let taken = parts.iter().take_while(|part| room.admit(part.range.len())).count();
        self.next = first + taken;
        (taken > 0).then(|| Piece { pending: Arc::clone(&self.pending), parts: first..self.next })
    }
}
