//! Sessions, read.

mod list_sql;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text, Timestamptz};

use self::list_sql::{Narrowed, View, Way};
use crate::events::applications;
use crate::page::Page;
use crate::{Error, Store};

/// Which sessions are wanted. What is empty or none does not narrow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionFilter {
    /// Any of these.
    pub session_ids: Vec<String>,
    /// With an event of any of these applications, by name; where a range is given too, with such an event in it.
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

#[derive(QueryableByName)]
struct Answer {
    #[diesel(sql_type = Bool)]
    yes: bool,
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
        let rows = self.read_in_time(|in_time| {
            let applications = applications(in_time.connection()?, &filter.applications)?;
            let applications = match own {
                Some(own) => narrowed_to(own, applications),
                None => applications,
            };
            if applications.as_ref().is_some_and(Vec::is_empty) {
                return Ok(Vec::new());
            }
            let narrowed = Narrowed::by(filter, applications.as_ref(), before.is_some());
            let bound = |sql: String| {
                diesel::sql_query(sql)
                    .bind::<Array<Text>, _>(&filter.session_ids)
                    .bind::<Array<Integer>, _>(applications.clone().unwrap_or_default())
                    .bind::<Nullable<Timestamptz>, _>(filter.from)
                    .bind::<Nullable<Timestamptz>, _>(filter.to)
                    .bind::<Nullable<BigInt>, _>(before)
                    .bind::<BigInt, _>(i64::from(limit) + 1)
            };
            let are_few = match narrowed.few_events_sql() {
                Some(sql) => bound(sql).get_result::<Answer>(in_time.connection()?)?.yes,
                None => false,
            };
            let way = if are_few { Way::ByEvents } else { Way::OneByOne };
            let view = if own.is_some() { View::Own } else { View::Whole };
            bound(narrowed.list_sql(view, way)).load::<Session>(in_time.connection()?)
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

/// What is left of the applications that are asked for, for one who sees a single one.
fn narrowed_to(own: i32, wanted: Option<Vec<i32>>) -> Option<Vec<i32>> {
    let sees_own = wanted.is_none_or(|wanted| wanted.contains(&own));
    Some(if sees_own { vec![own] } else { Vec::new() })
}
