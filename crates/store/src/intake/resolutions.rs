//! Rejections of which an unchanged copy is stored: they read as resolved, and are booked as the copies that they are.

use std::collections::HashSet;

use diesel::data_types::PgTimestamp;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Bytea, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use event::{Code, Event};
use uuid::Uuid;

use super::entries::{Account, Entries};
use super::rejections::{EventKey, digest};
use super::{Outcome, time};

const FIND: &str = "\
SELECT id, event_id, application_id, input_digest, resolved_at IS NULL AND replayable AS unresolved FROM rejected_events \
WHERE event_id = ANY ($1)";

const LOCK: &str = "SELECT id FROM rejected_events WHERE id = ANY ($1) ORDER BY id FOR UPDATE";

const RESOLVE: &str = "\
UPDATE rejected_events r SET resolved_at = now() WHERE r.id = ANY ($1) AND r.resolved_at IS NULL \
RETURNING r.event_id, r.application_id, r.input_digest, r.received_at, r.booked_events";

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = SqlUuid)]
    event_id: Uuid,
    #[diesel(sql_type = Nullable<Integer>)]
    application_id: Option<i32>,
    #[diesel(sql_type = Bytea)]
    input_digest: Vec<u8>,
    #[diesel(sql_type = Bool)]
    unresolved: bool,
}

impl Row {
    fn is_copy_of(&self, event: &Event<'_>) -> bool {
        self.unresolved
            && self.event_id == *event.id.as_uuid()
            && self.application_id == Some(event.application.get())
            && self.input_digest == digest(event.input)
    }

    fn is_of(&self, (event_id, application_id, input_digest): &EventKey) -> bool {
        (self.event_id, self.application_id) == (*event_id, *application_id)
            && self.input_digest == input_digest
    }
}

#[derive(QueryableByName)]
struct ResolvedRow {
    #[diesel(sql_type = SqlUuid)]
    event_id: Uuid,
    #[diesel(sql_type = Nullable<Integer>)]
    application_id: Option<i32>,
    #[diesel(sql_type = Bytea)]
    input_digest: Vec<u8>,
    #[diesel(sql_type = Timestamptz)]
    received_at: PgTimestamp,
    #[diesel(sql_type = Integer)]
    booked_events: i32,
}

impl ResolvedRow {
    /// What is resolved is a copy of what is stored.
    fn book(&self, entries: &mut Entries) {
        let (application, hour) = (self.application_id, time::to_hour(self.received_at));
        let account = Account { run: None, application, hour };
        entries.move_events(account, Outcome::Rejected, Outcome::Duplicate, self.booked_events.into());
    }
}

/// Rows of rejections that are locked for the batch.
pub(super) struct Locked {
    /// Those of unchanged copies of events that passed.
    copies: Vec<i64>,
}

/// Locks the rows that the batch is going to change: rejections of unchanged copies of events that passed, and what `changed`
/// tells. All at once and in the order in which everybody locks them, retention too: whoever took some now and others later could
/// wait for somebody who waits for him.
pub(super) fn lock(
    connection: &mut PgConnection,
    passed: &[&Event<'_>],
    changed: &[EventKey],
) -> QueryResult<Locked> {
    let mut locked = Locked { copies: Vec::new() };
    let ids: Vec<Uuid> =
        passed.iter().map(|event| event.id.into()).chain(changed.iter().map(|key| key.0)).collect();
    if ids.is_empty() {
        return Ok(locked);
    }
    let rows = diesel::sql_query(FIND).bind::<Array<SqlUuid>, _>(ids).load::<Row>(connection)?;
    let mut ids = Vec::new();
    for row in rows {
        let is_copy = passed.iter().any(|event| row.is_copy_of(event));
        if is_copy {
            locked.copies.push(row.id);
        }
        if is_copy || changed.iter().any(|key| row.is_of(key)) {
            ids.push(row.id);
        }
    }
    if !ids.is_empty() {
        diesel::sql_query(LOCK).bind::<Array<BigInt>, _>(ids).execute(connection)?;
    }
    Ok(locked)
}

/// Marks the rejections of unchanged copies of events that passed as resolved, books that, and returns their keys.
pub(super) fn resolve_copies(
    connection: &mut PgConnection,
    locked: Locked,
    entries: &mut Entries,
) -> QueryResult<HashSet<EventKey>> {
    if locked.copies.is_empty() {
        return Ok(HashSet::new());
    }
    let resolved =
        diesel::sql_query(RESOLVE).bind::<Array<BigInt>, _>(locked.copies).load::<ResolvedRow>(connection)?;
    resolved.iter().for_each(|row| row.book(entries));
    let key = |row: ResolvedRow| Some((row.event_id, row.application_id, row.input_digest.try_into().ok()?));
    Ok(resolved.into_iter().filter_map(key).collect())
}

/// Rules by which the same bytes may be judged otherwise at another time or under other settings. A rejection for any
/// other reason can have no unchanged copy that passed. Those of an event type's schema are among them too.
const PASSING_RULES: [Code; 6] = [
    Code::FutureTimestamp,
    Code::TooLarge,
    Code::TooDeep,
    Code::UnknownEventType,
    Code::StoreRefused,
    Code::ProcessingFailed,
];

// The bytes of stored events are not kept, so that a copy is known by identity and content. LIMIT: see events::COMPARE.
const RESOLVE_STORED: &str = "\
UPDATE rejected_events r SET resolved_at = now() FROM (\
SELECT r.id FROM rejected_events r \
JOIN event_types t ON t.category = r.category AND t.name = r.name \
CROSS JOIN LATERAL (SELECT e.event_type_id, e.data FROM events e \
WHERE hashtextextended(e.session_id, 0) = hashtextextended(r.session_id, 0) AND e.occurred_at = r.occurred_at \
AND eye_event_hash(e.id, e.application_id) = eye_event_hash(r.event_id, r.application_id) \
AND e.session_id = r.session_id AND e.application_id = r.application_id AND e.id = r.event_id LIMIT 1) AS stored \
WHERE r.id = ANY ($1) AND r.resolved_at IS NULL AND r.replayable AND stored.event_type_id = t.id \
AND NOT EXISTS (SELECT FROM errors x WHERE x.rejected_event_id = r.id \
AND x.code <> ALL ($2) AND NOT starts_with(x.code, 'schema.')) \
AND eye_holds_data(r.input, stored.data) ORDER BY r.id FOR UPDATE OF r) AS copies \
WHERE r.id = copies.id RETURNING r.event_id, r.application_id, r.input_digest, r.received_at, r.booked_events";

/// Marks those of these rejections as resolved whose unchanged copies are stored already, books that, and returns how many.
pub(crate) fn resolve_stored(
    connection: &mut PgConnection,
    ids: &[i64],
    entries: &mut Entries,
) -> QueryResult<usize> {
    if ids.is_empty() {
        return Ok(0);
    }
    let resolved = diesel::sql_query(RESOLVE_STORED)
        .bind::<Array<BigInt>, _>(ids)
        .bind::<Array<Text>, _>(PASSING_RULES.map(Code::as_str).to_vec())
        .load::<ResolvedRow>(connection)?;
    resolved.iter().for_each(|row| row.book(entries));
    Ok(resolved.len())
}
