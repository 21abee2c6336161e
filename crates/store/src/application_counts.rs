//! How much each application has sent.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Nullable, Text, Timestamptz};

use crate::counts::changes::CHANGES;
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
    /// A page of applications by name, each counted exactly, from what the database counts as it stores. With `own`, that
    /// application alone.
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
            diesel::sql_query(format!(
                "WITH page AS (SELECT a.id, a.name, a.created_at FROM applications a \
                   WHERE ($1::integer IS NULL OR a.id = $1) AND ($2::text IS NULL OR a.name > $2) ORDER BY a.name LIMIT $3), \
                 changes AS (SELECT u.application_id, sum(u.events) AS events FROM {CHANGES} GROUP BY 1), \
                 error_changes AS (SELECT application_id, sum(errors) AS errors FROM error_count_changes GROUP BY 1) \
                 SELECT p.name, p.created_at, (coalesce(t.events, 0) + coalesce(c.events, 0))::bigint AS event_count, \
                   (coalesce(x.errors, 0) + coalesce(y.errors, 0))::bigint AS error_count FROM page p \
                 LEFT JOIN event_totals t ON t.event_type_id = 0 AND t.application_id = p.id \
                 LEFT JOIN changes c ON c.application_id = p.id \
                 LEFT JOIN error_totals x ON x.application_id = p.id \
                 LEFT JOIN error_changes y ON y.application_id = p.id ORDER BY p.name"
            ))
            .bind::<Nullable<Integer>, _>(own)
            .bind::<Nullable<Text>, _>(after)
            .bind::<BigInt, _>(i64::from(limit) + 1)
            .load::<ApplicationCount>(connection)
        })?;
        Ok(Page::of(rows, limit))
    }
}
