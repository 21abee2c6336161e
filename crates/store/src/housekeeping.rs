//! What has to be done now and then so that the rest stays fast and right.

use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer};

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

/// Forgets messages that were taken longer ago than this, and returns how many. A message that may still be in the
/// queue must not be forgotten: the caller passes no less than the age of the queue's oldest message.
///
/// # Errors
/// As [`Error`] tells.
pub fn prune_taken_messages(store: &Store, older_than: Duration) -> Result<usize, Error> {
    let seconds = i64::try_from(older_than.as_secs()).unwrap_or(i64::MAX);
    store.run(|connection| {
        diesel::sql_query("DELETE FROM taken_messages WHERE taken_at < now() - make_interval(secs => $1)")
            .bind::<BigInt, _>(seconds)
            .execute(connection)
    })
}
