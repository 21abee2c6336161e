//! How the database is, for operators: its size, its partitions, what should have gone.

use std::num::NonZeroU32;

use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Nullable, Timestamptz};

use crate::{Error, Store};

/// Beyond so many, events of the default partition are not counted.
pub const DEFAULT_EVENTS_COUNTED_MAX: i64 = 100_000;

/// How the database is.
#[derive(Clone, Debug, PartialEq, Eq, QueryableByName)]
pub struct Condition {
    /// What all of it takes on its disk.
    #[diesel(sql_type = BigInt)]
    pub bytes: i64,
    /// Until when monthly partitions are made; none where there is none.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub partitions_until: Option<DateTime<Utc>>,
    /// Events outside of the partitions made for their time, up to [`DEFAULT_EVENTS_COUNTED_MAX`].
    #[diesel(sql_type = BigInt)]
    pub default_events: i64,
    /// The database's clock.
    #[diesel(sql_type = Timestamptz)]
    pub now: DateTime<Utc>,
}

const LOOK: &str = "\
SELECT pg_database_size(current_database()) AS bytes, \
(SELECT max(to_date(right(c.relname, 7), 'YYYY_MM')::timestamp + interval '1 month') AT TIME ZONE 'UTC' \
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid \
WHERE i.inhparent = 'public.events'::regclass AND c.relname ~ '^events_[0-9]{4}_[0-9]{2}$') AS partitions_until, \
(SELECT count(*) FROM (SELECT FROM events_default LIMIT $1) AS counted) AS default_events, now() AS now";

/// Looks at the database. For the owner.
///
/// # Errors
/// As [`Error`] tells.
pub fn look(store: &Store) -> Result<Condition, Error> {
    store.read(|connection| {
        diesel::sql_query(LOOK).bind::<BigInt, _>(DEFAULT_EVENTS_COUNTED_MAX).get_result(connection)
    })
}

/// How many partitions should have gone for a day or longer, by a retention of so many days. For the owner.
///
/// # Errors
/// As [`Error`] tells.
pub fn overdue_partitions(store: &Store, retention_days: NonZeroU32) -> Result<u64, Error> {
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    // A retention of the most that is allowed has no day to spare.
    let days = i32::try_from(retention_days.get()).unwrap_or(i32::MAX).saturating_add(1).min(36_500);
    let count = |connection: &mut PgConnection| {
        let statement = "SELECT (SELECT count(*) FROM eye_expired_partitions($1)) \
            + (SELECT count(*) FROM expiring_partitions WHERE detached_at < now() - interval '1 day') AS count";
        diesel::sql_query(statement).bind::<Integer, _>(days).get_result::<Count>(connection)
    };
    Ok(store.read(count)?.count.unsigned_abs())
}
