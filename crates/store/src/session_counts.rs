//! Sessions counted by their events.

use diesel::prelude::*;
use diesel::sql_types::BigInt;

use crate::events::unpaged::{matching, query, spelled_out};
use crate::events::{EventFilter, Resolved, resolve};
use crate::in_time::InTime;
use crate::reach::Reach;
use crate::{Error, Store};

/// How many sessions there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionCount {
    /// Of different ids.
    pub sessions: u64,
    /// What was looked at.
    pub reach: Reach,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    sessions: i64,
}

impl Store {
    /// Counts the sessions that have an event which a filter lets through, among the newest `events_max` events.
    ///
    /// # Errors
    /// [`Error::Timeout`] where it takes too long, else as [`Error`] tells.
    pub fn count_sessions(&self, filter: &EventFilter, events_max: u32) -> Result<SessionCount, Error> {
        self.at_one_moment(|in_time| {
            let Some(resolved) = resolve(in_time, filter)? else {
                return Ok(SessionCount { sessions: 0, reach: Reach::NOTHING });
            };
            let reach = Reach::find(in_time, &resolved, filter, events_max)?;
            let resolved = spelled_out(in_time.connection()?, &resolved)?;
            let sessions = count(in_time, &resolved, &reach.narrow(filter))?;
            Ok(SessionCount { sessions, reach })
        })
    }
}

/// `count(DISTINCT …)` would sort; this hashes. Ids are compared by bytes, which is faster than by the rules of a language.
fn count(in_time: &mut InTime<'_>, resolved: &Resolved, filter: &EventFilter) -> QueryResult<u64> {
    let sql = format!(
        "SELECT count(*) AS sessions FROM (SELECT DISTINCT e.session_id COLLATE \"C\" FROM events e WHERE {}) s",
        matching(resolved, filter)
    );
    let row: Row = query(sql, resolved, filter).get_result(in_time.connection()?)?;
    Ok(row.sessions.unsigned_abs())
}
