//! Statements that together take no longer than one may.
//!
//! The database gives each statement the same time, and a question may consist of several. So each but the first gets what
//! the ones before it left: whoever asks hears of a time that is up when it is up, and not once for each statement.

use std::time::{Duration, Instant};

use diesel::QueryResult;
use diesel::connection::{AnsiTransactionManager, SimpleConnection as _, TransactionManager as _};
use diesel::pg::PgConnection;
use diesel::result::{DatabaseErrorKind, Error as DieselError};

use crate::error::STATEMENT_TIMEOUT_MESSAGE;
use crate::{Error, Store};

/// The database is not told of less than this part of the time: telling it is a round trip, and most questions take none.
const NEGLIGIBLE: u32 = 32;

/// No statement gets less: what has to be told in so short a time is not told.
const STATEMENT_TIME_MIN: Duration = Duration::from_millis(50);

/// What is detached is gone for every statement from then on, whatever moment it sees. So retention waits for the end, as it
/// does for every reader: this takes no moment yet, and is in nobody else's way.
const KEEP_PARTITIONS: &str = "LOCK TABLE ONLY events IN ACCESS SHARE MODE";

/// When statements that belong together have taken as long as one may.
#[derive(Clone, Copy, Debug)]
struct Deadline {
    started: Instant,
    limit: Duration,
}

impl Deadline {
    /// For how long the next statement may take, where that is noticeably less than the limit: a limit of 0 is none, as it is
    /// for the database.
    ///
    /// # Errors
    /// The one of a statement that took too long, where the time is up.
    fn left(&self) -> QueryResult<Option<Duration>> {
        let taken = self.started.elapsed();
        if self.limit.is_zero() || taken < self.limit / NEGLIGIBLE {
            return Ok(None);
        }
        match self.limit.checked_sub(taken) {
            Some(left) if !left.is_zero() => Ok(Some(left.max(STATEMENT_TIME_MIN).min(self.limit))),
            _ => Err(DieselError::DatabaseError(
                DatabaseErrorKind::Unknown,
                Box::new(STATEMENT_TIMEOUT_MESSAGE.to_owned()),
            )),
        }
    }
}

/// A connection for several statements.
pub(crate) struct InTime<'c> {
    connection: &'c mut PgConnection,
    deadline: Deadline,
    is_shortened: bool,
}

impl Store {
    /// Runs statements that may be run again, as [`Store::read`], and that together take no longer than one may.
    pub(crate) fn read_in_time<T>(
        &self,
        mut statements: impl FnMut(&mut InTime<'_>) -> QueryResult<T>,
    ) -> Result<T, Error> {
        let limit = self.settings().statement_timeout();
        self.read(|connection| {
            let deadline = Deadline { started: Instant::now(), limit };
            let mut in_time = InTime { connection, deadline, is_shortened: false };
            let outcome = statements(&mut in_time);
            in_time.restore();
            outcome
        })
    }

    /// The same for statements that read events and their counts, and see the database as it was at one moment.
    pub(crate) fn at_one_moment<T>(
        &self,
        mut statements: impl FnMut(&mut InTime<'_>) -> QueryResult<T>,
    ) -> Result<T, Error> {
        self.read_in_time(|in_time| {
            in_time.in_snapshot(|in_time| {
                in_time.connection()?.batch_execute(KEEP_PARTITIONS)?;
                statements(in_time)
            })
        })
    }
}

impl InTime<'_> {
    /// For the next statement, which ends when the time of all is up.
    pub(crate) fn connection(&mut self) -> QueryResult<&mut PgConnection> {
        if let Some(left) = self.deadline.left()? {
            self.is_shortened = true;
            set_timeout(self.connection, left)?;
        }
        Ok(self.connection)
    }

    /// Runs statements that see one snapshot, the one of the first that takes any.
    pub(crate) fn in_snapshot<T>(
        &mut self,
        statements: impl FnOnce(&mut InTime<'_>) -> QueryResult<T>,
    ) -> QueryResult<T> {
        let (deadline, is_shortened) = (self.deadline, &mut self.is_shortened);
        self.connection.build_transaction().read_only().repeatable_read().run(|connection| {
            let mut in_time = InTime { connection, deadline, is_shortened: false };
            let outcome = statements(&mut in_time);
            *is_shortened |= in_time.is_shortened;
            outcome
        })
    }

    /// Whoever has the connection next has all the time again. One that can't be told so is not used again: the pool takes
    /// back none whose transactions are in disorder.
    fn restore(&mut self) {
        if self.is_shortened
            && let Err(error) = set_timeout(self.connection, self.deadline.limit)
        {
            tracing::debug!(%error, "a connection is given up: its time could not be restored");
            AnsiTransactionManager::transaction_manager_status_mut(self.connection).set_in_error();
        }
    }
}

fn set_timeout(connection: &mut PgConnection, timeout: Duration) -> QueryResult<()> {
    // Rounded up: what the database ends has taken as long as it may.
    let timeout_ms = timeout.as_nanos().div_ceil(1_000_000);
    connection.batch_execute(&format!("SET statement_timeout = {timeout_ms}"))
}
