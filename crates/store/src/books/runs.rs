//! What the runs of gateways saw confirmed, beside what was taken of it.

use diesel::data_types::PgTimestamp;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use event::{Hour, RunId};
use uuid::Uuid;

use super::HourRange;
use crate::intake::time;
use crate::{Error, Store};

/// What is booked of a run of a gateway and an application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The run, as the gateway logs it at its start.
    pub run: RunId,
    /// The application; none where it is not registered.
    pub application: Option<String>,
    /// The first hour and the last one.
    pub hours: (Hour, Hour),
    /// Events that the gateway told to be confirmed.
    pub confirmed: i64,
    /// Events of it that were taken from the queue.
    pub taken: i64,
}

/// The runs of gateways.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runs {
    /// How many there are.
    pub count: i64,
    /// Those, by application, of which not as much was taken as was confirmed.
    pub differing: Vec<Run>,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = SqlUuid)]
    run_id: Uuid,
    #[diesel(sql_type = Nullable<Text>)]
    application: Option<String>,
    #[diesel(sql_type = Timestamptz)]
    first_hour: PgTimestamp,
    #[diesel(sql_type = Timestamptz)]
    last_hour: PgTimestamp,
    #[diesel(sql_type = BigInt)]
    confirmed: i64,
    #[diesel(sql_type = BigInt)]
    taken: i64,
    #[diesel(sql_type = BigInt)]
    runs: i64,
}

impl From<Row> for Run {
    fn from(row: Row) -> Self {
        let Row { run_id, application, first_hour, last_hour, confirmed, taken, .. } = row;
        let hours = (time::to_hour(first_hour), time::to_hour(last_hour));
        Self { run: RunId::from(run_id), application, hours, confirmed, taken }
    }
}

// Of what a run told of an hour the greatest counts; what was taken of it adds up.
const RUNS: &str = "\
WITH hours AS (SELECT run_id, application_id, hour, coalesce(max(confirmed), 0) AS confirmed, sum(taken) AS taken FROM (\
SELECT run_id, application_id, hour, confirmed, taken FROM run_books \
UNION ALL SELECT run_id, application_id, hour, confirmed, taken FROM book_changes WHERE run_id IS NOT NULL) AS lines \
WHERE hour >= $1 AND hour < $2 GROUP BY 1, 2, 3), \
runs AS MATERIALIZED (SELECT run_id, application_id, min(hour) AS first_hour, max(hour) AS last_hour, \
sum(confirmed)::bigint AS confirmed, sum(taken)::bigint AS taken FROM hours GROUP BY 1, 2), \
counted AS (SELECT count(DISTINCT run_id) AS runs FROM runs) \
SELECT r.run_id, a.name AS application, r.first_hour, r.last_hour, r.confirmed, r.taken, c.runs \
FROM counted c CROSS JOIN runs r LEFT JOIN applications a ON a.id = r.application_id \
WHERE r.confirmed <> r.taken ORDER BY r.run_id, a.name";

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    runs: i64,
}

const COUNT: &str = "\
SELECT count(DISTINCT run_id) AS runs FROM (SELECT run_id, hour FROM run_books \
UNION ALL SELECT run_id, hour FROM book_changes WHERE run_id IS NOT NULL) AS lines WHERE hour >= $1 AND hour < $2";

impl Store {
    /// The runs of gateways that received events within these hours.
    ///
    /// # Errors
    /// As [`Error`] tells.
    pub fn runs(&self, hours: HourRange) -> Result<Runs, Error> {
        let (from, to) = hours.bounds();
        self.read(|connection| {
            let rows: Vec<Row> = diesel::sql_query(RUNS)
                .bind::<Timestamptz, _>(from)
                .bind::<Timestamptz, _>(to)
                .load(connection)?;
            let count = match rows.first() {
                Some(row) => row.runs,
                None => {
                    let counting = diesel::sql_query(COUNT).bind::<Timestamptz, _>(from);
                    counting.bind::<Timestamptz, _>(to).get_result::<Count>(connection)?.runs
                }
            };
            Ok(Runs { count, differing: rows.into_iter().map(Run::from).collect() })
        })
    }
}
