//! Errors one by one, and what became of an event.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Bool, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use event::EventId;
use uuid::Uuid;

use super::filter::{self, CONDITIONS, ErrorFilter, RESOLVED_AT, TABLES};
use crate::events::applications;
use crate::page::Page;
use crate::{Error, Store};

/// How many bytes of an event a list shows.
pub const INPUT_BYTES_IN_LISTS: i32 = 2 * 1024;

/// One broken rule of one event.
#[derive(Clone, Debug, PartialEq, Eq, QueryableByName)]
pub struct StoredError {
    /// Its number.
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    /// The event's id.
    #[diesel(sql_type = SqlUuid)]
    pub event_id: Uuid,
    /// The name of the application, where it is known.
    #[diesel(sql_type = Nullable<Text>)]
    pub application: Option<String>,
    /// The event's session, where that is valid.
    #[diesel(sql_type = Nullable<Text>)]
    pub session_id: Option<String>,
    /// The event's category, where that is valid.
    #[diesel(sql_type = Nullable<Text>)]
    pub category: Option<String>,
    /// The event's name, where that is valid.
    #[diesel(sql_type = Nullable<Text>)]
    pub name: Option<String>,
    /// The top-level field that is wrong.
    #[diesel(sql_type = Nullable<Text>)]
    pub field: Option<String>,
    /// JSON Pointer to the wrong value.
    #[diesel(sql_type = Text)]
    pub path: String,
    /// The rule.
    #[diesel(sql_type = Text)]
    pub code: String,
    /// What was expected and what was found.
    #[diesel(sql_type = Text)]
    pub message: String,
    /// The wrong value as it was written, cut.
    #[diesel(sql_type = Nullable<Text>)]
    pub value: Option<String>,
    /// The event as it was sent; in lists its first bytes.
    #[diesel(sql_type = Binary)]
    pub input: Vec<u8>,
    /// Whether there were more errors than are kept.
    #[diesel(sql_type = Bool)]
    pub errors_truncated: bool,
    /// Error or warning.
    #[diesel(sql_type = Text)]
    pub severity: String,
    /// When the event was received.
    #[diesel(sql_type = Timestamptz)]
    pub received_at: DateTime<Utc>,
    /// When the error was stored.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
    /// When an unchanged copy was stored.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub resolved_at: Option<DateTime<Utc>>,
}

fn columns(input: &str) -> String {
    format!(
        "x.id, x.event_id, a.name AS application, r.session_id, r.category, r.name, x.field, x.path, x.code, x.message, \
         x.value, {input} AS input, r.errors_truncated, x.severity, x.received_at, x.created_at, {RESOLVED_AT} AS resolved_at"
    )
}

impl Store {
    /// A page of errors, the newest first. With `own`, those of that application alone.
    ///
    /// # Errors
    /// [`Error::Timeout`] where it takes too long, else as [`Error`] tells.
    pub fn list_errors(
        &self,
        filter: &ErrorFilter,
        own: Option<i32>,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Page<StoredError>, Error> {
        let sql = format!(
            "SELECT {} FROM {TABLES} WHERE {CONDITIONS} AND ($14::bigint IS NULL OR x.id < $14) \
             ORDER BY x.id DESC LIMIT $15",
            columns("substr(r.input, 1, $16)")
        );
        let rows = self.read_in_time(|in_time| {
            let applications = applications(in_time.connection()?, &filter.applications)?;
            filter::query(&sql, filter, applications, own)
                .bind::<Nullable<BigInt>, _>(before)
                .bind::<BigInt, _>(i64::from(limit) + 1)
                .bind::<Integer, _>(INPUT_BYTES_IN_LISTS)
                .load::<StoredError>(in_time.connection()?)
        })?;
        Ok(Page::of(rows, limit))
    }

    /// One error, with the whole event as it was sent. With `own`, none of another application.
    ///
    /// # Errors
    /// As [`Error`] tells.
    pub fn find_error(&self, id: i64, own: Option<i32>) -> Result<Option<StoredError>, Error> {
        let sql = format!(
            "SELECT {} FROM {TABLES} WHERE x.id = $1 AND ($2::integer IS NULL OR x.application_id = $2)",
            columns("r.input")
        );
        self.read(|connection| {
            diesel::sql_query(&sql)
                .bind::<BigInt, _>(id)
                .bind::<Nullable<Integer>, _>(own)
                .get_result::<StoredError>(connection)
                .optional()
        })
    }

    /// Whether an application has an event of this id stored, and the newest errors of that id, at most so many, the oldest of
    /// them first; one snapshot answers both.
    ///
    /// # Errors
    /// As [`Error`] tells.
    pub fn find_receipt(
        &self,
        id: EventId,
        application: &str,
        errors_max: u32,
    ) -> Result<(bool, Vec<StoredError>), Error> {
        #[derive(QueryableByName)]
        struct Known {
            #[diesel(sql_type = Bool)]
            known: bool,
        }
        let errors = format!(
            "SELECT {} FROM {TABLES} WHERE x.event_id = $1 AND a.name = $2 ORDER BY x.id DESC LIMIT $3",
            columns("''::bytea")
        );
        self.read_in_time(|in_time| {
            in_time.in_snapshot(|in_time| {
                let stored = diesel::sql_query(
                    "SELECT EXISTS (SELECT FROM events e JOIN applications a ON a.id = e.application_id \
                       WHERE uuid_hash(e.id) = uuid_hash($1) AND e.id = $1 AND a.name = $2) AS known",
                )
                .bind::<SqlUuid, _>(id.as_uuid())
                .bind::<Text, _>(application)
                .get_result::<Known>(in_time.connection()?)?;
                let mut errors = diesel::sql_query(&errors)
                    .bind::<SqlUuid, _>(id.as_uuid())
                    .bind::<Text, _>(application)
                    .bind::<BigInt, _>(i64::from(errors_max))
                    .load::<StoredError>(in_time.connection()?)?;
                errors.reverse();
                Ok((stored.known, errors))
            })
        })
    }
}
