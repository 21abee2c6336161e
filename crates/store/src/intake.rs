//! Writes what the consumers took from the queue: one transaction a batch.
//!
//! # What one transaction does
//! 1. `inbox`: takes the messages; what was taken before changes nothing.
//! 2. `events`: stores the events and tells copies of what is stored from conflicts with it.
//! 3. `sessions`: adds the events that were stored, and only those, to their sessions.
//! 4. `resolutions`, `rejections`: marks the rejected copies of events that passed as resolved, and writes the new
//!    rejections, and the warnings of what was stored.
//! 5. `entries`: books all of it, once a message (see [`crate::books`]).
//!
//! Every step writes its rows in an order that all writers share, so that two of them wait for each other but hardly
//! ever in a circle. Before the transaction, `known` looks up (or makes) the event types.
//!
//! # When it fails
//! A transaction that the database refused is tried again, now with the events one by one: what it refuses of a single
//! row, by an SQLSTATE that speaks of data, becomes a rejection of that event (`store_refused`); whatever else goes wrong
//! is nobody's fault and is left to the caller, who waits and writes the same batch again. So he does when the reply to
//! the commit was lost: the inbox knows what was taken.

mod batch;
pub(crate) mod entries;
mod events;
mod inbox;
mod known;
mod rejections;
pub(crate) mod resolutions;
mod sessions;
pub(crate) mod time;

use std::thread::sleep;
use std::time::{Duration, Instant};

use diesel::connection::Connection as _;
use event::{ApplicationId, EventId, Hour, Judgement, MessageId, ReceivedAt, RunId};

use self::events::Manner;
use self::known::Known;
use crate::pool::Failure;
use crate::{Error, Store, housekeeping};

/// How often a batch is tried while the database answers and yet fails it: deadlocks pass.
const ATTEMPTS_MAX: u32 = 4;

/// The pause before the third attempt; it grows with each. The second comes at once: most often a row is at fault.
const ATTEMPT_INTERVAL: Duration = Duration::from_millis(20);

/// How long a writer lets changes of counts wait at least: so readers find hardly more of them than all writers store in
/// about this time.
const MERGE_INTERVAL: Duration = Duration::from_secs(1);

/// So many times as long as merging took a writer does not merge: of its time no more than a fifth.
const MERGE_PAUSE: u32 = 4;

/// A queue message whose events were judged.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    /// By which a second delivery of it is known.
    pub id: MessageId,
    /// The run of the gateway that published it, where it says so.
    pub run: Option<RunId>,
    /// Who sent it, where it says so.
    pub application: Option<ApplicationId>,
    /// How many events it has, as it says itself: an unreadable one is booked with so many. 0 for what is outside the books.
    pub event_count: u32,
    /// Whether its events were rejected before and are sent again by an operator: what fails again gets its new errors.
    pub replay: bool,
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
    /// What the gateway has seen confirmed so far.
    Confirmed(Vec<Confirmed>),
}

/// How many events of an application that were received within an hour the run of the message has seen confirmed so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confirmed {
    /// Who sent them.
    pub application: ApplicationId,
    /// When they were received.
    pub hour: Hour,
    /// How many: of several such numbers the greatest counts.
    pub events: u64,
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

/// Writes batches. It remembers event types: one a writing thread.
#[derive(Debug)]
pub struct Writer {
    store: Store,
    known: Known,
    merges_at: Instant,
}

impl Writer {
    /// A writer that knows nothing yet.
    pub fn new(store: Store) -> Self {
        Self { store, known: Known::default(), merges_at: Instant::now() + MERGE_INTERVAL }
    }

    /// Writes a batch in one transaction, and tells for each message what became of it: all of it is on disk when this
    /// returns, or nothing of it.
    ///
    /// # Errors
    /// [`Error::NotMigrated`] and [`Error::Transient`] (also where it took too long, where the outcome of the commit is not
    /// known, and after a few attempts that failed for whatever reason): write the same batch again later.
    /// [`Error::Permanent`] is a mistake in this program; the batch is not written, and nothing of it is lost by keeping it.
    pub fn write(&mut self, messages: &[Message<'_>]) -> Result<Vec<Taken>, Error> {
        let outcome = self.try_to_write(messages);
        if outcome.is_err() {
            // The database that answers next may be another one, which numbers event types otherwise.
            self.known = Known::default();
        } else if self.merges_at <= Instant::now() {
            self.merge_counts();
        }
        outcome.map_err(|error| match error {
            Error::Timeout { .. } => Error::transient(error.to_string()),
            other => other,
        })
    }

    /// Whether a message was taken before.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn has_taken(&self, id: MessageId) -> Result<bool, Error> {
        self.store.read(|connection| inbox::has(connection, id)).map_err(|error| match error {
            Error::Timeout { .. } => Error::transient(error.to_string()),
            other => other,
        })
    }

    /// Merges what this writer and the others have added to the counts of events. The batch is on disk, and counts are right
    /// without: a failure only leaves more to the next.
    fn merge_counts(&mut self) {
        let started = Instant::now();
        if let Err(error) = housekeeping::merge_some_counts(&self.store) {
            tracing::debug!(%error, "merging of counts is put off");
        }
        self.merges_at = Instant::now() + MERGE_INTERVAL.max(started.elapsed() * MERGE_PAUSE);
    }

    fn try_to_write(&mut self, messages: &[Message<'_>]) -> Result<Vec<Taken>, Error> {
        if messages.is_empty() {
            return Ok(Vec::new());
        }
        self.known.learn(&self.store, messages)?;
        let mut manner = Manner::AtOnce;
        let mut attempt = 1;
        loop {
            let outcome = self.store.attempt(|connection| {
                connection.transaction(|connection| batch::write(connection, messages, &self.known, manner))
            });
            match outcome {
                Err(failure) if attempt < ATTEMPTS_MAX && may_pass(&failure) => {
                    tracing::debug!(attempt, error = %failure.error, "batch failed");
                    sleep(ATTEMPT_INTERVAL * (attempt - 1));
                    attempt += 1;
                    manner = Manner::OneByOne;
                }
                outcome => return outcome.map_err(|failure| failure.error),
            }
        }
    }
}

/// True where the database answered, and may answer otherwise at once.
fn may_pass(failure: &Failure) -> bool {
    failure.reached
        && !failure.lost
        && matches!(failure.error, Error::Transient { .. } | Error::Permanent { .. })
}
