//! Writes what the consumers took from the queue.

use event::{ApplicationId, EventId, Judgement, MessageId, ReceivedAt, RunId};

/// A queue message whose events were judged.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    /// By which a second delivery of it is known.
    pub id: MessageId,
    /// The run of the gateway that published it, where it says so.
    pub run: Option<RunId>,
    /// Who sent it, where it says so.
    pub application: Option<ApplicationId>,
    /// How many events it is booked with; 0 for what is outside the books.
    pub event_count: u32,
    /// What it holds.
    pub contents: Contents<'a>,
}

/// What a queue message holds.
#[derive(Clone, Debug)]
pub enum Contents<'a> {
    /// Events, judged one by one.
    Events(Vec<Judgement<'a>>),
    /// A request body that was no JSON: one record for the operators, never replayed.
    ParseError(Fragment<'a>),
    /// A body that no version of the envelope reads: kept whole, never replayed.
    Unreadable(Fragment<'a>),
}

/// Bytes that are no event, kept with the reason.
#[derive(Clone, Debug)]
pub struct Fragment<'a> {
    /// By which the record is known.
    pub id: EventId,
    /// When a gateway received it, or when it was found.
    pub received_at: ReceivedAt,
    /// What is wrong, for people.
    pub detail: String,
    /// The bytes.
    pub bytes: &'a [u8],
}

/// What became of an event: exactly one of three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It is an event now.
    Stored,
    /// The same was stored, or rejected, before.
    Duplicate,
    /// It is a rejected event now, with its errors.
    Rejected,
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It was taken by this call; the outcomes of its events, in their order.
    Now(Vec<Outcome>),
    /// It was taken before: nothing was changed.
    Before,
}
