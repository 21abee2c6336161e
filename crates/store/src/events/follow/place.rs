//! Where somebody is who follows what is stored: told by snapshots, and by a place among the events between two.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Timestamptz};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::TRANSACTION_DURATION_MAX;
use crate::events::Event;

/// Which transactions had ended, at a moment of a database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Which database: numbers mean nothing in another one.
    database: i64,
    /// The database's clock.
    #[serde(deserialize_with = "crate::position::time")]
    pub(super) at: DateTime<Utc>,
    /// All before have ended.
    pub(super) ended_before: i64,
    /// None from here on had ended.
    pub(super) begins_at: i64,
    /// Those between that had not ended.
    pub(super) running: Vec<i64>,
}

/// Where somebody is who follows what is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    pub(super) since: Snapshot,
    /// Where what is new since then was not read to its end.
    pub(super) within: Option<Within>,
}

/// A place among the events between two snapshots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Within {
    pub(super) until: Snapshot,
    pub(super) after: StoredPosition,
}

/// The whole sort key of what is new: the order in which it was stored and received, as far as there is one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredPosition {
    #[serde(deserialize_with = "crate::position::time")]
    pub(super) stored_at: DateTime<Utc>,
    #[serde(deserialize_with = "crate::position::time")]
    pub(super) received_at: DateTime<Utc>,
    pub(super) application_id: i32,
    pub(super) id: Uuid,
    pub(super) session_id: String,
    #[serde(deserialize_with = "crate::position::time")]
    pub(super) occurred_at: DateTime<Utc>,
}

#[derive(QueryableByName)]
struct SnapshotRow {
    #[diesel(sql_type = BigInt)]
    database: i64,
    #[diesel(sql_type = Timestamptz)]
    at: DateTime<Utc>,
    #[diesel(sql_type = BigInt)]
    ended_before: i64,
    #[diesel(sql_type = BigInt)]
    begins_at: i64,
    #[diesel(sql_type = Array<BigInt>)]
    running: Vec<i64>,
}

impl Snapshot {
    /// The moment, by the database's clock.
    pub const fn at(&self) -> DateTime<Utc> {
        self.at
    }

    /// Everything stored before is seen. What is stored carries the time at which its transaction began, so some of what was
    /// stored since is seen too.
    pub(super) fn known_before(&self) -> DateTime<Utc> {
        self.at.checked_sub_signed(TRANSACTION_DURATION_MAX).unwrap_or(self.at)
    }

    pub(super) fn sees(&self, transaction: i64) -> bool {
        transaction < self.ended_before
            || (transaction < self.begins_at && !self.running.contains(&transaction))
    }

    /// Whether it can be an earlier moment of the same database.
    pub(super) fn is_before(&self, other: &Self) -> bool {
        self.database == other.database && self.begins_at <= other.begins_at
    }
}

impl Place {
    /// After all that a snapshot sees.
    pub const fn after(snapshot: Snapshot) -> Self {
        Self { since: snapshot, within: None }
    }

    /// The snapshot whose events are known; those of a later one may be too, in part.
    pub const fn since(&self) -> &Snapshot {
        &self.since
    }

    /// Everything stored before is known, and some of what was stored since may be.
    pub fn known_before(&self) -> DateTime<Utc> {
        self.since.known_before()
    }

    /// Whether it can be an earlier place of the same database.
    pub fn is_before(&self, other: &Self) -> bool {
        let latest = self.within.as_ref().map_or(&self.since, |within| &within.until);
        self.since.is_before(latest) && latest.is_before(&other.since)
    }

    /// Whether all that is known is what one snapshot sees.
    pub const fn is_whole(&self) -> bool {
        self.within.is_none()
    }
}

/// Postgres counts transactions in 32 bits in rows and in 64 in snapshots. They fit a bigint for some million years.
pub(super) fn snapshot(connection: &mut PgConnection) -> QueryResult<Snapshot> {
    let row = diesel::sql_query(
        "SELECT (SELECT oid::bigint FROM pg_database WHERE datname = current_database()) AS database, now() AS at, \
           pg_snapshot_xmin(s)::text::bigint AS ended_before, pg_snapshot_xmax(s)::text::bigint AS begins_at, \
           ARRAY(SELECT x::text::bigint FROM pg_snapshot_xip(s) AS x) AS running FROM pg_current_snapshot() AS s",
    )
    .get_result::<SnapshotRow>(connection)?;
    let SnapshotRow { database, at, ended_before, begins_at, running } = row;
    Ok(Snapshot { database, at, ended_before, begins_at, running })
}

impl StoredPosition {
    pub(super) fn of(event: &Event) -> Self {
        Self {
            stored_at: event.stored_at,
            received_at: event.received_at,
            application_id: event.application_id,
            id: event.id,
            session_id: event.session_id.clone(),
            occurred_at: event.occurred_at,
        }
    }
}
