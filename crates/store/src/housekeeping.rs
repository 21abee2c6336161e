//! What has to be done now and then so that the rest stays fast and right.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Double, Integer};

use crate::intake::entries::Entries;
use crate::intake::resolutions;
use crate::schema::rejected_events;
use crate::{Error, Store};

#[derive(QueryableByName)]
struct Made {
    #[diesel(sql_type = Integer)]
    made: i32,
}

/// Makes the partitions of this month and of the months ahead, and returns how many were made. Any number of callers at
/// once: one works, the others return 0.
///
/// # Errors
/// As [`Error`] tells.
pub fn make_partitions(store: &Store, months_ahead: u32) -> Result<u32, Error> {
    let months = i32::try_from(months_ahead).unwrap_or(i32::MAX);
    let made = store.run(|connection| {
        diesel::sql_query("SELECT eye_make_partitions($1) AS made")
            .bind::<Integer, _>(months)
            .get_result::<Made>(connection)
    })?;
    Ok(u32::try_from(made.made).unwrap_or(0))
}

#[derive(QueryableByName)]
struct Merged {
    #[diesel(sql_type = BigInt)]
    merged: i64,
}

/// Hardly more changes of counts than this are merged by one statement.
const MERGE_CHUNK: i32 = 20_000;

/// Merges the changes of counts and of the books, and returns how many it merged. Any number of callers at once: one
/// works. Writers do so while they write; this is for what they leave behind when they stop. It ends also where they
/// never do: what was added meanwhile is left to the next call.
///
/// # Errors
/// As [`Error`] tells.
pub fn merge_counts(store: &Store) -> Result<u64, Error> {
    let mut merged = 0;
    loop {
        let chunk = merge_some_counts(store)?;
        merged += chunk;
        if chunk < u64::from(MERGE_CHUNK.unsigned_abs()) {
            return Ok(merged);
        }
    }
}

/// The same, of one statement's worth of each.
pub(crate) fn merge_some_counts(store: &Store) -> Result<u64, Error> {
    let merge = |statement: &str| {
        store.run(|connection| {
            diesel::sql_query(statement).bind::<Integer, _>(MERGE_CHUNK).get_result::<Merged>(connection)
        })
    };
    let counts = merge("SELECT eye_merge_counts($1) AS merged")?.merged.unsigned_abs();
    let books = merge("SELECT eye_merge_books($1) AS merged")?.merged.unsigned_abs();
    Ok(counts.max(books))
}

/// Nothing is older: a longer time than this leads out of what Postgres holds.
const AGE_MAX: Duration = Duration::from_secs(100 * 365 * 24 * 3_600);

/// So many messages are forgotten by one statement.
const PRUNE_CHUNK: i64 = 20_000;

/// Forgets messages that were taken longer ago than this, and returns how many. A message that may still be in the
/// queue must not be forgotten: the caller passes no less than the age of the queue's oldest message.
///
/// # Errors
/// As [`Error`] tells.
pub fn prune_taken_messages(store: &Store, older_than: Duration) -> Result<usize, Error> {
    let mut pruned = 0;
    loop {
        let chunk = store.run(|connection| {
            diesel::sql_query(
                "DELETE FROM taken_messages WHERE message_id IN (SELECT message_id FROM taken_messages \
                 WHERE taken_at < now() - make_interval(secs => $1) LIMIT $2)",
            )
            .bind::<Double, _>(older_than.min(AGE_MAX).as_secs_f64())
            .bind::<BigInt, _>(PRUNE_CHUNK)
            .execute(connection)
        })?;
        if chunk == 0 {
            return Ok(pruned);
        }
        pruned += chunk;
    }
}

/// So many rejections are looked through by one statement.
const STRAGGLERS_CHUNK: i64 = 5_000;

/// Marks rejections as resolved whose unchanged copy is stored, as far as they are no older than this, and returns how
/// many. The consumers do so while they write; but of two that write the two copies at the same moment, neither sees the
/// other's.
///
/// # Errors
/// As [`Error`] tells.
pub fn resolve_stragglers(store: &Store, no_older_than: Duration) -> Result<usize, Error> {
    let age = TimeDelta::from_std(no_older_than).unwrap_or(TimeDelta::MAX);
    let since = Utc::now().checked_sub_signed(age).unwrap_or(DateTime::UNIX_EPOCH);
    let mut resolved = 0;
    let mut after = 0;
    loop {
        let ids =
            store.read(|connection| unresolved(since, after, STRAGGLERS_CHUNK).load::<i64>(connection))?;
        let Some(last) = ids.last() else { return Ok(resolved) };
        after = *last;
        resolved += store.run(|connection| connection.transaction(|connection| resolve(connection, &ids)))?;
    }
}

fn resolve(connection: &mut PgConnection, ids: &[i64]) -> QueryResult<usize> {
    let mut entries = Entries::default();
    let resolved = resolutions::resolve_stored(connection, ids, &mut entries)?;
    entries.write(connection)?;
    Ok(resolved)
}

#[diesel::dsl::auto_type]
fn unresolved(since: DateTime<Utc>, after: i64, chunk: i64) -> _ {
    rejected_events::table
        .filter(rejected_events::resolved_at.is_null())
        .filter(rejected_events::replayable)
        .filter(rejected_events::created_at.ge(since))
        .filter(rejected_events::id.gt(after))
        .order(rejected_events::id)
        .select(rejected_events::id)
        .limit(chunk)
}
