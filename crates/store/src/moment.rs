//! Statements that see the database as it was at one moment, and that together take no longer than one may.

use diesel::connection::SimpleConnection as _;
use diesel::pg::PgConnection;
use diesel::prelude::*;

use crate::in_time::Deadline;
use crate::{Error, Store};

/// What is detached is gone for every statement from then on, whatever moment it sees. So retention waits for the end, as it
/// does for every reader: this takes no moment yet, and is in nobody else's way.
const KEEP_PARTITIONS: &str = "LOCK TABLE ONLY events IN ACCESS SHARE MODE";

/// A moment of the database.
pub(crate) struct Moment<'c> {
    connection: &'c mut PgConnection,
    deadline: Deadline,
}

impl Store {
    /// Runs statements that read events and their counts.
    pub(crate) fn at_one_moment<T>(
        &self,
        mut statements: impl FnMut(&mut Moment<'_>) -> QueryResult<T>,
    ) -> Result<T, Error> {
        self.read(|connection| {
            let deadline = self.deadline();
            connection.build_transaction().read_only().repeatable_read().run(|connection| {
                connection.batch_execute(KEEP_PARTITIONS)?;
                statements(&mut Moment { connection, deadline })
            })
        })
    }
}

impl Moment<'_> {
    /// For the next statement, which ends when the time of all is up.
    pub(crate) fn connection(&mut self) -> QueryResult<&mut PgConnection> {
        if let Some(left_ms) = self.deadline.left_ms()? {
            self.connection.batch_execute(&format!("SET LOCAL statement_timeout = {left_ms}"))?;
        }
        Ok(self.connection)
    }
}
