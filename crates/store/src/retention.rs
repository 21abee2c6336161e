//! The end of what is older than it may become: events by when they occurred, rejections by when they were received.
//!
//! Events go by whole partitions, so that one may live longer by as much as a partition covers. What lies in the default
//! partition goes row by row. Sessions follow their events; `expired_counts` remembers how much went. Everything is done
//! in short steps of one transaction each, by functions of the database that can do nothing else; a step that does not
//! get its locks soon is left for another time.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Nullable, Text, Timestamptz};

use crate::{Error, Store};

/// A partition of events that holds nothing younger than the limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Its name.
    pub name: String,
    /// Its earliest time; none: since ever.
    pub from: Option<DateTime<Utc>>,
    /// The first time after it.
    pub to: DateTime<Utc>,
    /// How many events it holds.
    pub events: u64,
}

/// What would go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// Before which time everything is expired.
    pub limit: DateTime<Utc>,
    /// Whole partitions, oldest first.
    pub partitions: Vec<Partition>,
    /// Events in partitions that were detached before and are not dropped yet.
    pub detached_events: u64,
    /// Events of the default partition.
    pub default_events: u64,
    /// Rejected events, with their errors.
    pub rejections: u64,
}

impl Preview {
    /// How many events would go.
    pub fn events(&self) -> u64 {
        let whole: u64 = self.partitions.iter().map(|partition| partition.events).sum();
        whole + self.detached_events + self.default_events
    }
}

/// What went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expired {
    /// The partitions that were dropped, with how many events each held.
    pub partitions: Vec<(String, u64)>,
    /// How many events were counted as expired.
    pub events: u64,
    /// How many rejected events went, with their errors.
    pub rejections: u64,
    /// How many sessions were corrected or went.
    pub sessions: u64,
    /// Why something is left; none where nothing is.
    pub left: Option<Left>,
}

/// Why something is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// The time was up.
    Time,
    /// A lock was not free soon: the next call tries again.
    Blocked,
    /// Somebody else is at it.
    Busy,
}

#[derive(Debug, QueryableByName)]
struct Step {
    #[diesel(sql_type = Text)]
    step: String,
    #[diesel(sql_type = Nullable<Text>)]
    partition_name: Option<String>,
    #[diesel(sql_type = BigInt)]
    events: i64,
    #[diesel(sql_type = BigInt)]
    sessions: i64,
    #[diesel(sql_type = BigInt)]
    rejections: i64,
}

/// In this order: what takes locks that others wait for comes first, and what does not goes on where that is blocked.
const STEPS: [&str; 3] = [
    "SELECT step, partition_name, events, sessions, 0::bigint AS rejections FROM eye_expire_partition($1)",
    "SELECT step, partition_name, events, sessions, 0::bigint AS rejections FROM eye_expire_rows($1)",
    "SELECT step, NULL::text AS partition_name, 0::bigint AS events, 0::bigint AS sessions, rejections \
     FROM eye_expire_rejections($1)",
];

/// Ends what is older than so many days, for about so long at most, and calls `progress` after each step. What is left is
/// for the next call, by whichever process.
///
/// # Errors
/// As [`Error`] tells. What was done before the failure stays.
pub fn expire(
    store: &Store,
    days: NonZeroU32,
    time_max: Duration,
    mut progress: impl FnMut(&Expired),
) -> Result<Expired, Error> {
    let started = Instant::now();
    let mut expired = Expired::default();
    for statement in STEPS {
        loop {
            if started.elapsed() >= time_max {
                expired.left = Some(Left::Time);
                return Ok(expired);
            }
            let step = store.run(|connection| take(connection, statement, days))?;
            match expired.note(step) {
                Next::Again => progress(&expired),
                Next::Other => break,
                Next::Nothing => return Ok(expired),
            }
        }
    }
    Ok(expired)
}

fn take(connection: &mut PgConnection, statement: &str, days: NonZeroU32) -> QueryResult<Step> {
    diesel::sql_query(statement).bind::<Integer, _>(number(days)).get_result(connection)
}

/// What follows a step.
enum Next {
    /// The same again.
    Again,
    /// What comes after it.
    Other,
    /// Nothing: somebody else does it.
    Nothing,
}

impl Expired {
    fn note(&mut self, step: Step) -> Next {
        match step.step.as_str() {
            "none" => return Next::Other,
            "blocked" => {
                self.left = Some(Left::Blocked);
                return Next::Other;
            }
            "busy" => {
                self.left = Some(Left::Busy);
                return Next::Nothing;
            }
            // Its events and sessions were told while they were counted.
            "dropped" => {
                self.partitions.push((step.partition_name.unwrap_or_default(), step.events.unsigned_abs()));
            }
            _ => {
                self.events += step.events.unsigned_abs();
                self.sessions += step.sessions.unsigned_abs();
                self.rejections += step.rejections.unsigned_abs();
            }
        }
        Next::Again
    }
}

#[derive(Debug, QueryableByName)]
struct PartitionRow {
    #[diesel(sql_type = Text)]
    partition_name: String,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    lower_bound: Option<DateTime<Utc>>,
    #[diesel(sql_type = Timestamptz)]
    upper_bound: DateTime<Utc>,
}

#[derive(QueryableByName)]
struct Limit {
    #[diesel(sql_type = Timestamptz)]
    expiry_limit: DateTime<Utc>,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

/// What [`expire`] would end, counted row by row. For the owner.
///
/// # Errors
/// As [`Error`] tells.
pub fn preview(store: &Store, days: NonZeroU32) -> Result<Preview, Error> {
    store.read(|connection| look(connection, days))
}

fn look(connection: &mut PgConnection, days: NonZeroU32) -> QueryResult<Preview> {
    let Limit { expiry_limit: limit } = diesel::sql_query("SELECT eye_expiry_limit($1) AS expiry_limit")
        .bind::<Integer, _>(number(days))
        .get_result(connection)?;
    let rows: Vec<PartitionRow> =
        diesel::sql_query("SELECT * FROM eye_expired_partitions($1) ORDER BY upper_bound")
            .bind::<Integer, _>(number(days))
            .load(connection)?;
    let mut partitions = Vec::with_capacity(rows.len());
    for PartitionRow { partition_name: name, lower_bound: from, upper_bound: to } in rows {
        let events = count_table(connection, &name)?;
        partitions.push(Partition { name, from, to, events });
    }
    let detached: Vec<Name> =
        diesel::sql_query("SELECT 'expired_' || partition_name AS name FROM expiring_partitions")
            .load(connection)?;
    let mut detached_events = 0;
    for Name { name } in detached {
        detached_events += count_table(connection, &name)?;
    }
    let default = "SELECT count(*) FROM events_default WHERE occurred_at < $1";
    let rejections = "SELECT count(DISTINCT rejected_event_id) FROM errors WHERE received_at < $1";
    Ok(Preview {
        limit,
        partitions,
        detached_events,
        default_events: count_before(connection, default, limit)?,
        rejections: count_before(connection, rejections, limit)?,
    })
}

/// The name comes from the catalogue; quoted as an identifier, it may be any.
fn count_table(connection: &mut PgConnection, name: &str) -> QueryResult<u64> {
    let quoted = name.replace('"', "\"\"");
    let row: Count =
        diesel::sql_query(format!("SELECT count(*) FROM public.\"{quoted}\"")).get_result(connection)?;
    Ok(row.count.unsigned_abs())
}

fn count_before(connection: &mut PgConnection, query: &str, limit: DateTime<Utc>) -> QueryResult<u64> {
    let row: Count = diesel::sql_query(query).bind::<Timestamptz, _>(limit).get_result(connection)?;
    Ok(row.count.unsigned_abs())
}

fn number(days: NonZeroU32) -> i32 {
    i32::try_from(days.get()).unwrap_or(i32::MAX)
}
