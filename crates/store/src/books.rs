//! The books: whether every event that was taken from the queue has come to its one end, and stands where it should.
//!
//! # What is booked
//! By application and hour of receipt (`received_at`, in UTC):
//!
//! | number | counts |
//! |---|---|
//! | taken | events taken from the queue, once a message whatever happens (the inbox) |
//! | stored | those that were stored as events |
//! | duplicate | copies of what is stored or rejected |
//! | rejected | those that were rejected and are not resolved |
//! | expired | of the stored and the rejected ones, those that retention ended; they are no longer counted there |
//!
//! At every moment taken = stored + duplicate + rejected + expired; the rows of `events` are as many as stored, and the
//! events of `rejected_events` as many as rejected: the transaction that writes the rows books them. So a row that is
//! removed by any other hand is missed, by application and hour ([`crate::Store::compare_books`]).
//!
//! - A rejection of which an unchanged copy is stored is resolved, and moves from rejected to duplicate: it is a copy of
//!   what is stored. Where it was sent again by an operator and passed, it is itself what is stored, and moves to stored.
//!   What is sent again was taken before, and is not taken once more; where it fails again, nothing moves.
//! - A message that can't be read counts as rejected, as many events as its headers tell. `booked_events` of its row says so.
//! - Parse errors and warnings are outside of the books.
//! - What stood in the tables before there were books is booked as taken and as what it was then; its duplicates are not
//!   known.
//!
//! By run of a gateway, application and hour: taken, and confirmed, which the gateway itself tells, by messages that go the
//! way of its events. Each tells the sum of its run so far, so that a later one makes up for one that is lost, and the
//! greatest counts whichever comes last. Once nothing is on its way, no more was confirmed than taken ([`crate::Store::runs`]).
//! More may have been taken: a confirm was lost, a gateway was killed before it told, or is of a version before.
//!
//! # How it is kept
//! A transaction adds a row an account to `book_changes`, where nobody waits for anybody; writers move them into `books` and
//! `run_books`, at most once a second. What is read is the sum of both, in one statement. `expired_counts` is retention's.

mod comparison;
mod ledger;
mod runs;

use chrono::{DateTime, Utc};
use diesel::data_types::PgTimestamp;
use event::{Hour, ReceivedAt};

use crate::intake::time;

pub use comparison::{Comparison, Difference, Number, Progress};
pub use ledger::{Booked, LedgerFilter, Place};
pub use runs::{Run, Runs};

/// What is booked of each account: lines to be added up by application and hour.
const LINES: &str = "\
SELECT application_id, hour, 0::bigint AS confirmed, taken, stored, duplicate, rejected, \
0::bigint AS expired_events, 0::bigint AS expired_rejections FROM books \
UNION ALL SELECT application_id, hour, 0, taken, stored, duplicate, rejected, 0, 0 FROM book_changes \
UNION ALL SELECT application_id, hour, 0, 0, 0, 0, 0, events, rejections FROM expired_counts \
UNION ALL SELECT application_id, hour, max(confirmed), 0, 0, 0, 0, 0, 0 FROM (\
SELECT run_id, application_id, hour, confirmed FROM run_books WHERE confirmed > 0 \
UNION ALL SELECT run_id, application_id, hour, confirmed FROM book_changes WHERE confirmed IS NOT NULL) AS told \
GROUP BY run_id, application_id, hour";

/// The hours that are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HourRange {
    /// Hours that begin then or later.
    pub from: Option<DateTime<Utc>>,
    /// Hours that begin before.
    pub to: Option<DateTime<Utc>>,
}

impl HourRange {
    /// Both ends as Postgres knows them, each the beginning of an hour; no end is its infinity.
    fn bounds(&self) -> (PgTimestamp, PgTimestamp) {
        let bound = |at: DateTime<Utc>| {
            let hour = ReceivedAt::from_micros(at.timestamp_micros()).hour();
            let begun = at.timestamp_micros() > hour.start_micros();
            time::of_hour(Hour::from_number(hour.number() + i64::from(begun)))
        };
        (self.from.map_or(PgTimestamp(i64::MIN), bound), self.to.map_or(PgTimestamp(i64::MAX), bound))
    }
}

/// When an hour begins; the far end of the calendar where it has no such date.
pub fn beginning(hour: Hour) -> DateTime<Utc> {
    ReceivedAt::from_micros(hour.start_micros()).as_date_time()
}
