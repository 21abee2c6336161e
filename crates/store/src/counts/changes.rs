//! What is counted and not yet moved into the counts.

use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Nullable};

use super::Quarter;
use crate::prepared::Prepared;

/// The changes as rows: `u` with the columns `event_type_id`, `application_id`, `quarter` and `events`.
pub(crate) const CHANGES: &str = "event_count_changes m CROSS JOIN LATERAL \
     unnest(m.event_type_ids, m.application_ids, m.quarters, m.events) \
     AS u (event_type_id, application_id, quarter, events)";

/// How the count of a type of an application and of a quarter has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, QueryableByName)]
pub(crate) struct Change {
    #[diesel(sql_type = Integer)]
    pub(crate) event_type_id: i32,
    #[diesel(sql_type = Integer)]
    pub(crate) application_id: i32,
    #[diesel(sql_type = Integer)]
    quarter: i32,
    #[diesel(sql_type = BigInt)]
    pub(crate) events: i64,
}

impl Change {
    pub(crate) fn quarter(&self) -> Quarter {
        Quarter(i64::from(self.quarter))
    }
}

/// What was added of these types and applications and is not moved yet. What was taken away is left out: whoever looks
/// for events looks where they were.
pub(crate) fn additions(
    connection: &mut PgConnection,
    types: Option<&[i32]>,
    applications: Option<&[i32]>,
) -> QueryResult<Vec<Change>> {
    let query = diesel::sql_query(format!(
        "SELECT u.event_type_id, u.application_id, u.quarter, sum(u.events)::bigint AS events FROM {CHANGES} \
         WHERE ($1 IS NULL OR u.event_type_id = ANY ($1)) AND ($2 IS NULL OR u.application_id = ANY ($2)) \
         AND u.events > 0 GROUP BY 1, 2, 3"
    ))
    .bind::<Nullable<Array<Integer>>, _>(types)
    .bind::<Nullable<Array<Integer>>, _>(applications);
    Prepared(query).load(connection)
}
