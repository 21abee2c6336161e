//! The books as a list.

use diesel::data_types::PgTimestamp;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz};
use event::Hour;

use super::{HourRange, LINES};
use crate::intake::time;
use crate::page::Page;
use crate::{Error, Store};

/// Which part of the books is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerFilter {
    /// Of these applications; of all where there are none, also what no application is known of.
    pub applications: Vec<String>,
    /// Of these hours.
    pub hours: HourRange,
}

/// What is booked of an application and an hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booked {
    /// The application; none for messages that told of none that is registered.
    pub application: Option<String>,
    /// The hour of receipt.
    pub hour: Hour,
    /// Events that gateways told to be confirmed.
    pub confirmed: i64,
    /// Events that were taken from the queue.
    pub taken: i64,
    /// Those of them that are stored.
    pub stored: i64,
    /// Copies.
    pub duplicate: i64,
    /// Those that are rejected.
    pub rejected: i64,
    /// Those that were stored or rejected and are gone.
    pub expired: i64,
}

/// Where the list goes on: after this account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its hour.
    pub hour: Hour,
    /// Its application.
    pub application: Option<String>,
}

impl Booked {
    /// Its place in the list.
    pub fn place(&self) -> Place {
        Place { hour: self.hour, application: self.application.clone() }
    }
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Nullable<Text>)]
    application: Option<String>,
    #[diesel(sql_type = Timestamptz)]
    hour: PgTimestamp,
    #[diesel(sql_type = BigInt)]
    confirmed: i64,
    #[diesel(sql_type = BigInt)]
    taken: i64,
    #[diesel(sql_type = BigInt)]
    stored: i64,
    #[diesel(sql_type = BigInt)]
    duplicate: i64,
    #[diesel(sql_type = BigInt)]
    rejected: i64,
    #[diesel(sql_type = BigInt)]
    expired: i64,
}

impl From<Row> for Booked {
    fn from(row: Row) -> Self {
        let Row { application, hour, confirmed, taken, stored, duplicate, rejected, expired } = row;
        let hour = time::to_hour(hour);
        Self { application, hour, confirmed, taken, stored, duplicate, rejected, expired }
    }
}

/// The newest hour first. No name is empty, so that what has none comes before all others of its hour.
///
/// The page ends within the next hours of `books`, if there are so many (the first may have given its last row to the page
/// before): what lies before them is not added up.
fn page() -> String {
    let wanted = "hour >= $1 AND hour < $2 AND hour <= $3 \
         AND (cardinality($4) = 0 OR application_id IN (SELECT id FROM applications WHERE name = ANY ($4)))";
    format!(
        "WITH last AS (SELECT CASE WHEN count(*) > $6 + 1 THEN min(hour) ELSE '-infinity' END AS hour FROM (\
         SELECT DISTINCT hour FROM books WHERE {wanted} ORDER BY hour DESC LIMIT $6 + 2) AS next), \
         accounts AS (SELECT application_id, hour, sum(confirmed)::bigint AS confirmed, sum(taken)::bigint AS taken, \
         sum(stored - expired_events)::bigint AS stored, sum(duplicate)::bigint AS duplicate, \
         sum(rejected - expired_rejections)::bigint AS rejected, \
         sum(expired_events + expired_rejections)::bigint AS expired FROM ({LINES}) AS lines \
         WHERE {wanted} AND hour >= (SELECT hour FROM last) GROUP BY 1, 2) \
         SELECT a.name AS application, b.hour, b.confirmed, b.taken, b.stored, b.duplicate, b.rejected, b.expired \
         FROM accounts b LEFT JOIN applications a ON a.id = b.application_id \
         WHERE $5 IS NULL OR b.hour < $3 OR coalesce(a.name, '') > $5 \
         ORDER BY b.hour DESC, coalesce(a.name, '') LIMIT $6 + 1"
    )
}

impl Store {
    /// A page of the books, the newest hours first, the applications of an hour by name.
    ///
    /// # Errors
    /// [`Error::Timeout`] where it takes too long, else as [`Error`] tells.
    pub fn ledger(
        &self,
        filter: &LedgerFilter,
        after: Option<&Place>,
        limit: u32,
    ) -> Result<Page<Booked>, Error> {
        let (from, to) = filter.hours.bounds();
        let up_to = after.map_or(PgTimestamp(i64::MAX), |place| time::of_hour(place.hour));
        let name = after.map(|place| place.application.as_deref().unwrap_or_default());
        let rows = self.read(|connection| {
            diesel::sql_query(page())
                .bind::<Timestamptz, _>(from)
                .bind::<Timestamptz, _>(to)
                .bind::<Timestamptz, _>(up_to)
                .bind::<Array<Text>, _>(&filter.applications)
                .bind::<Nullable<Text>, _>(name)
                .bind::<BigInt, _>(i64::from(limit))
                .load::<Row>(connection)
        })?;
        Ok(Page::of(rows.into_iter().map(Booked::from).collect(), limit))
    }
}
