//! Sessions, read.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text, Timestamptz};

use crate::events::applications;
use crate::page::Page;
use crate::{Error, Store};

/// Which sessions are wanted. What is empty or none does not narrow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionFilter {
    /// Any of these.
    pub session_ids: Vec<String>,
    /// With an event of any of these applications, by name.
    pub applications: Vec<String>,
    /// With an event that occurred then or later …
    pub from: Option<DateTime<Utc>>,
    /// … and before.
    pub to: Option<DateTime<Utc>>,
}

/// A session, as its events make it.
#[derive(Clone, Debug, PartialEq, Eq, QueryableByName)]
pub struct Session {
    /// Its id.
    #[diesel(sql_type = Text)]
    pub session_id: String,
    /// Its place in the order in which sessions were first stored.
    #[diesel(sql_type = BigInt)]
    pub ordinal: i64,
    /// When its first event occurred.
    #[diesel(sql_type = Timestamptz)]
    pub first_event_at: DateTime<Utc>,
    /// When its last event occurred.
    #[diesel(sql_type = Timestamptz)]
    pub last_event_at: DateTime<Utc>,
    /// How many events it has.
    #[diesel(sql_type = BigInt)]
    pub event_count: i64,
    /// The names of the applications that sent them.
    #[diesel(sql_type = Array<Text>)]
    pub applications: Vec<String>,
}

const APPLICATIONS: &str = "ARRAY(SELECT a.name FROM applications a WHERE a.id = ANY (s.application_ids) ORDER BY a.name) AS applications";

/// The same session as one application alone sees it: counted from that application's events.
const OWN_COLUMNS: &str = "s.session_id, s.ordinal, own.first_event_at, own.last_event_at, own.event_count, \
     ARRAY(SELECT a.name FROM applications a WHERE a.id = $6) AS applications";

const OWN_EVENTS: &str = "CROSS JOIN LATERAL (SELECT min(occurred_at) AS first_event_at, max(occurred_at) AS last_event_at, \
     count(*) AS event_count FROM events e WHERE e.session_id = s.session_id AND e.application_id = $6) own";

fn list_sql(own: bool) -> String {
    let (columns, events) = if own {
        (OWN_COLUMNS.to_owned(), OWN_EVENTS)
    } else {
        (
            format!(
                "s.session_id, s.ordinal, s.first_event_at, s.last_event_at, s.event_count, {APPLICATIONS}"
            ),
            "",
        )
    };
    format!(
        "SELECT {columns} FROM (SELECT * FROM sessions s \
           WHERE (cardinality($1::text[]) = 0 OR s.session_id = ANY ($1)) \
             AND ($2::integer[] IS NULL OR s.application_ids && $2) \
             AND ($3::timestamptz IS NULL OR s.last_event_at >= $3) AND ($4::timestamptz IS NULL OR s.first_event_at < $4) \
             AND ($3::timestamptz IS NULL AND $4::timestamptz IS NULL OR EXISTS (SELECT FROM events e \
               WHERE e.session_id = s.session_id AND ($3::timestamptz IS NULL OR e.occurred_at >= $3) \
                 AND ($4::timestamptz IS NULL OR e.occurred_at < $4) AND ($6::integer IS NULL OR e.application_id = $6))) \
             AND ($5::bigint IS NULL OR s.ordinal < $5) AND ($6::integer IS NULL OR s.application_ids @> ARRAY[$6]) \
           ORDER BY s.ordinal DESC LIMIT $7) s {events} ORDER BY s.ordinal DESC"
    )
}

impl Store {
    /// A page of sessions, those that were first stored last first. With `own`, only what that application has of them.
    ///
    /// # Errors
    /// [`Error::Timeout`] where it takes too long, else as [`Error`] tells.
    pub fn list_sessions(
        &self,
        filter: &SessionFilter,
        own: Option<i32>,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Page<Session>, Error> {
        let rows = self.read(|connection| {
            let applications = applications(connection, &filter.applications)?;
            if applications.as_ref().is_some_and(Vec::is_empty) {
                return Ok(Vec::new());
            }
            diesel::sql_query(list_sql(own.is_some()))
                .bind::<Array<Text>, _>(&filter.session_ids)
                .bind::<Nullable<Array<Integer>>, _>(applications)
                .bind::<Nullable<Timestamptz>, _>(filter.from)
                .bind::<Nullable<Timestamptz>, _>(filter.to)
                .bind::<Nullable<BigInt>, _>(before)
                .bind::<Nullable<Integer>, _>(own)
                .bind::<BigInt, _>(i64::from(limit) + 1)
                .load::<Session>(connection)
        })?;
        Ok(Page::of(rows, limit))
    }

    /// One session.
    ///
    /// # Errors
    /// As [`Error`] tells.
    pub fn find_session(&self, session_id: &str, own: Option<i32>) -> Result<Option<Session>, Error> {
        let filter = SessionFilter { session_ids: vec![session_id.to_owned()], ..Default::default() };
        Ok(self.list_sessions(&filter, own, None, 1)?.rows.pop())
    }
}
