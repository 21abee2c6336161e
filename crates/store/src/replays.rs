//! Rejected events that are sent again: found, marked as on their way, and what became of them.
//!
//! A mark keeps two operators from sending the same event at once; it is taken off by the consumer that judges the event
//! again. Whoever sends may end half-way, so that a mark counts for [`MARK_AGE_MAX`] only. Nothing depends on it but
//! effort: an event that is sent twice is stored once.

mod survey;

use std::sync::LazyLock;
use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Double, Integer, Timestamptz, Uuid as SqlUuid};
use event::{ApplicationId, EventId, ReceivedAt};
use uuid::Uuid;

use crate::events::applications;
use crate::rejections::ErrorFilter;
use crate::rejections::filter::{self, CONDITIONS};
use crate::{Error, Store};

pub use survey::Survey;

/// How long an event that was sent again is taken to be on its way.
pub const MARK_AGE_MAX: Duration = Duration::from_secs(10 * 60);

/// At most so many events are read at once.
const EVENTS_MAX: i64 = 1_000;

/// At most so many bytes of events are read at once, or one larger event.
const BYTES_MAX: i64 = 16 * 1024 * 1024;

/// An event that was rejected, as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedEvent {
    /// The number of its rejection.
    pub rejection: i64,
    /// The id that its sender was told.
    pub id: EventId,
    /// Who sent it.
    pub application: ApplicationId,
    /// When the gateway received it.
    pub received_at: ReceivedAt,
    /// The bytes that were sent.
    pub bytes: Vec<u8>,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = SqlUuid)]
    event_id: Uuid,
    #[diesel(sql_type = Integer)]
    application_id: i32,
    #[diesel(sql_type = Timestamptz)]
    received_at: DateTime<Utc>,
    #[diesel(sql_type = Binary)]
    input: Vec<u8>,
}

impl From<Row> for RejectedEvent {
    fn from(row: Row) -> Self {
        Self {
            rejection: row.id,
            id: row.event_id.into(),
            application: row.application_id.into(),
            received_at: ReceivedAt::from_micros(row.received_at.timestamp_micros()),
            bytes: row.input,
        }
    }
}

/// First as many as may be read at once, then those whose bytes are not too many: no window function goes with a lock.
static CLAIM: LazyLock<String> = LazyLock::new(|| {
    format!(
        "WITH candidates AS MATERIALIZED (SELECT r.id, octet_length(r.input)::bigint AS bytes FROM rejected_events r \
         WHERE r.id > $14 AND r.id <= $15 AND r.resolved_at IS NULL AND r.replayable AND r.application_id IS NOT NULL \
         AND NOT {ON_ITS_WAY} \
         AND EXISTS (SELECT FROM errors x WHERE x.rejected_event_id = r.id AND x.severity = 'error' AND {CONDITIONS}) \
         ORDER BY r.id LIMIT $17 FOR UPDATE OF r SKIP LOCKED), \
         chunk AS (SELECT id FROM (SELECT id, sum(bytes) OVER (ORDER BY id) - bytes AS bytes_before FROM candidates) AS summed \
         WHERE bytes_before < $18), \
         claimed AS (UPDATE rejected_events r SET replay_requested_at = now() FROM chunk WHERE r.id = chunk.id \
         RETURNING r.id, r.event_id, r.application_id, r.received_at, r.input) SELECT * FROM claimed ORDER BY id"
    )
});

/// Whether `r` is taken to be on its way; parameter 16 is the age at which a mark counts no more.
const ON_ITS_WAY: &str =
    "(r.replay_requested_at IS NOT NULL AND r.replay_requested_at >= now() - make_interval(secs => $16))";

/// Which rejected events are wanted: those that have an error for which this filter asks.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'f> {
    /// Which errors.
    pub filter: &'f ErrorFilter,
    /// Rejections after this one.
    pub after: i64,
    /// Rejections up to this one: what fails again meanwhile is not sent for ever.
    pub up_to: i64,
}

impl Store {
    /// The number of the newest rejection; 0 where there is none.
    ///
    /// # Errors
    /// As [`Error`] tells.
    pub fn newest_rejection(&self) -> Result<i64, Error> {
        use crate::schema::rejected_events::dsl::{id, rejected_events};
        let newest = self.read(|connection| {
            rejected_events.select(diesel::dsl::max(id)).get_result::<Option<i64>>(connection)
        })?;
        Ok(newest.unwrap_or(0))
    }

    /// The next of the wanted events that can be sent again, oldest rejection first, marked as on their way. None: there
    /// are no more.
    ///
    /// What can't be sent again is passed over: what is resolved or stored, what is no event, what no application is known
    /// of, what is on its way, and what somebody else marks at this moment.
    ///
    /// # Errors
    /// [`Error::Timeout`] where it takes too long, else as [`Error`] tells.
    pub fn claim_replays(&self, wanted: Wanted<'_>) -> Result<Vec<RejectedEvent>, Error> {
        let rows = self.run(|connection| {
            let applications = applications(connection, &wanted.filter.applications)?;
            filter::query(&CLAIM, wanted.filter, applications, None)
                .bind::<BigInt, _>(wanted.after)
                .bind::<BigInt, _>(wanted.up_to)
                .bind::<Double, _>(MARK_AGE_MAX.as_secs_f64())
                .bind::<BigInt, _>(EVENTS_MAX)
                .bind::<BigInt, _>(BYTES_MAX)
                .load::<Row>(connection)
        })?;
        Ok(rows.into_iter().map(RejectedEvent::from).collect())
    }

    /// Takes the marks off events that were not sent after all.
    ///
    /// # Errors
    /// As [`Error`] tells.
    pub fn release_replays(&self, rejections: &[i64]) -> Result<(), Error> {
        // Locked in one order by everybody.
        const RELEASE: &str = "UPDATE rejected_events r SET replay_requested_at = NULL \
             FROM (SELECT id FROM rejected_events WHERE id = ANY ($1) ORDER BY id FOR UPDATE) AS locked \
             WHERE r.id = locked.id";
        self.run(|connection| {
            diesel::sql_query(RELEASE).bind::<Array<BigInt>, _>(rejections).execute(connection).map(|_| ())
        })
    }

    /// Of these rejections those that are no longer on their way, each with whether its event is stored by now.
    ///
    /// # Errors
    /// As [`Error`] tells.
    pub fn judged_replays(&self, rejections: &[i64]) -> Result<Vec<(i64, bool)>, Error> {
        use crate::schema::rejected_events::dsl::{id, rejected_events, replay_requested_at, resolved_at};
        self.read(|connection| {
            rejected_events
                .filter(id.eq_any(rejections))
                .filter(resolved_at.is_not_null().or(replay_requested_at.is_null()))
                .select((id, resolved_at.is_not_null()))
                .load(connection)
        })
    }
}
