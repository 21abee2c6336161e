//! How much each application has sent.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Nullable, Text, Timestamptz};

use crate::page::Page;
use crate::{Error, Store};

/// An application and what of it is stored.
#[derive(Clone, Debug, PartialEq, Eq, QueryableByName)]
pub struct ApplicationCount {
    /// Its name.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// When it was registered.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: DateTime<Utc>,
    /// How many events of it are stored.
    #[diesel(sql_type = BigInt)]
    pub event_count: i64,
    /// How many errors of it are kept.
    #[diesel(sql_type = BigInt)]
    pub error_count: i64,
}

impl Store {
    /// A page of applications by name, each counted exactly, from an index alone: its cost grows with what is stored. With
    /// `own`, that application alone.
    ///
    /// # Errors
    /// [`Error::Timeout`] where it takes too long, else as [`Error`] tells.
    pub fn count_by_application(
        &self,
        own: Option<i32>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Page<ApplicationCount>, Error> {
        let rows = self.read(|connection| {
            diesel::sql_query(
                "SELECT a.name, a.created_at, \
                   (SELECT count(*) FROM events e WHERE e.application_id = a.id) AS event_count, \
                   (SELECT count(*) FROM errors x WHERE x.application_id = a.id) AS error_count \
                 FROM applications a WHERE ($1::integer IS NULL OR a.id = $1) AND ($2::text IS NULL OR a.name > $2) \
                 ORDER BY a.name LIMIT $3",
            )
            .bind::<Nullable<Integer>, _>(own)
            .bind::<Nullable<Text>, _>(after)
            .bind::<BigInt, _>(i64::from(limit) + 1)
            .load::<ApplicationCount>(connection)
        })?;
        Ok(Page::of(rows, limit))
    }
}
