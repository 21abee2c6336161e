//! Statements that together take no longer than one may.
//!
//! The database gives each statement the same time, and a question may consist of several. So each but the first gets what
//! the ones before it left: whoever asks hears of a time that is up when it is up, and not once for each statement.

use std::time::{Duration, Instant};

use diesel::QueryResult;
use diesel::connection::SimpleConnection as _;
use diesel::pg::PgConnection;
use diesel::result::{DatabaseErrorKind, Error as DieselError};

use crate::error::STATEMENT_TIMEOUT_MESSAGE;
use crate::{Error, Store};

/// The database is not told of less than this part of the time: telling it is a round trip, and most questions take none.
const NEGLIGIBLE: u32 = 32;

/// When statements that belong together have taken as long as one may.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    started: Instant,
    limit: Duration,
}

impl Deadline {
    pub(crate) fn after(limit: Duration) -> Self {
        Self { started: Instant::now(), limit }
    }

    /// For how long the next statement may take, in milliseconds, where that is noticeably less than the limit: a limit of 0
    /// is none, as it is for the database.
    ///
    /// # Errors
    /// The one of a statement that took too long, where the time is up.
    pub(crate) fn left_ms(&self) -> QueryResult<Option<u128>> {
        let taken = self.started.elapsed();
        if self.limit.is_zero() || taken < self.limit / NEGLIGIBLE {
            return Ok(None);
        }
        match self.limit.checked_sub(taken) {
            // Rounded up: what the database ends has taken as long as it may.
            Some(left) if !left.is_zero() => Ok(Some(left.as_millis() + 1)),
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
        let deadline = self.deadline();
        self.read(|connection| {
            let mut in_time = InTime { connection, deadline, is_shortened: false };
            let outcome = statements(&mut in_time);
            // Whoever has the connection next has all the time again; one that can't be told so is lost.
            in_time.restore()?;
            outcome
        })
    }
}

impl InTime<'_> {
    /// For the next statement, which ends when the time of all is up.
    pub(crate) fn connection(&mut self) -> QueryResult<&mut PgConnection> {
        if let Some(left_ms) = self.deadline.left_ms()? {
            self.is_shortened = true;
            self.set_timeout(left_ms)?;
        }
        Ok(self.connection)
    }

    fn restore(&mut self) -> QueryResult<()> {
        if self.is_shortened { self.set_timeout(self.deadline.limit.as_millis()) } else { Ok(()) }
    }

    fn set_timeout(&mut self, timeout_ms: u128) -> QueryResult<()> {
        self.connection.batch_execute(&format!("SET statement_timeout = {timeout_ms}"))
    }
}
