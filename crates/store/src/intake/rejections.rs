//! What has errors: one row of the bytes that were sent, and one error a broken rule.
//!
//! What was rejected is a duplicate when it is rejected again, and leaves no errors behind; but an operator who sends it
//! again asks how it is judged now: then its new errors are added to those of its row. Events that are stored leave their
//! warnings in the same way.

use std::borrow::Cow;
use std::collections::HashMap;

use diesel::data_types::PgTimestamp;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Bytea, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use event::{Code, Event, Rejection, Violation};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{Fragment, time};

/// By which a rejection is known: the same bytes under the same id are the same event.
type EventKey = (Uuid, Option<i32>, [u8; 32]);

/// What a record is of, and so how it meets the row that its bytes may have already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A rejection. Where there is a row it is a duplicate, and changes nothing.
    Rejection,
    /// Another rejection of what was sent again by an operator. Its errors are added, unless a copy was stored meanwhile.
    Replay,
    /// Warnings of an event that was stored. They are added.
    Warnings,
}

/// Errors or warnings of an event on their way into the database.
#[derive(Clone, Debug)]
pub(super) struct Record<'b> {
    /// Which outcome of the batch is its own.
    pub(super) slot: usize,
    kind: Kind,
    key: EventKey,
    received_at: PgTimestamp,
    session_id: Option<&'b str>,
    category: Option<&'b str>,
    name: Option<&'b str>,
    occurred_at: Option<PgTimestamp>,
    input: &'b [u8],
    truncated: bool,
    replayable: bool,
    violations: Cow<'b, [Violation]>,
}

impl<'b> Record<'b> {
    /// What was judged as breaking a rule. `application` is that of the rejection, where it is registered.
    pub(super) fn of_rejection(slot: usize, application: Option<i32>, rejection: &'b Rejection<'b>) -> Self {
        Self {
            slot,
            kind: Kind::Rejection,
            key: (rejection.id.into(), application, digest(rejection.input)),
            received_at: time::in_range(rejection.received_at.as_micros()),
            session_id: rejection.session_id.as_ref().and_then(|text| storable(text.as_str())),
            category: rejection.category.as_ref().and_then(|text| storable(text.as_str())),
            name: rejection.name.as_ref().and_then(|text| storable(text.as_str())),
            occurred_at: rejection.occurred_at.map(|at| time::in_range(at.as_micros())),
            input: rejection.input,
            truncated: rejection.truncated,
            replayable: true,
            violations: Cow::Borrowed(&rejection.violations),
        }
    }

    /// The same, of an event that an operator sent again.
    pub(super) fn replayed(self, replay: bool) -> Self {
        Self { kind: if replay { Kind::Replay } else { self.kind }, ..self }
    }

    /// An event that is stored with warnings.
    pub(super) fn of_warnings(slot: usize, application: Option<i32>, event: &'b Event<'b>) -> Self {
        let warnings: &'b [Violation] = &event.warnings;
        Self {
            kind: Kind::Warnings,
            replayable: false,
            truncated: event.warnings_truncated,
            ..Self::of_event(slot, application, event, warnings)
        }
    }

    /// An event that breaks rules which only the store can judge.
    pub(super) fn of_event(
        slot: usize,
        application: Option<i32>,
        event: &'b Event<'b>,
        violations: impl Into<Cow<'b, [Violation]>>,
    ) -> Self {
        Self {
            slot,
            kind: Kind::Rejection,
            key: (event.id.into(), application, digest(event.input)),
            received_at: time::in_range(event.received_at.as_micros()),
            session_id: storable(event.session_id.as_str()),
            category: storable(event.category.as_str()),
            name: storable(event.name.as_str()),
            occurred_at: Some(time::in_range(event.occurred_at.as_micros())),
            input: event.input,
            truncated: false,
            replayable: true,
            violations: violations.into(),
        }
    }

    /// Bytes that are no event.
    pub(super) fn of_fragment(
        slot: usize,
        application: Option<i32>,
        fragment: &'b Fragment<'b>,
        violation: Violation,
    ) -> Self {
        Self {
            slot,
            kind: Kind::Rejection,
            key: (fragment.id.into(), application, digest(fragment.bytes)),
            received_at: time::in_range(fragment.received_at.as_micros()),
            session_id: None,
            category: None,
            name: None,
            occurred_at: None,
            input: fragment.bytes,
            truncated: false,
            replayable: false,
            violations: Cow::Owned(vec![violation]),
        }
    }
}

fn digest(input: &[u8]) -> [u8; 32] {
    Sha256::digest(input).into()
}

/// A text that Postgres can hold: it holds no NUL.
fn storable(text: &str) -> Option<&str> {
    (!text.contains('\0')).then_some(text)
}

/// The same text with NUL spelled out.
fn spelled(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\\u0000")) } else { Cow::Borrowed(text) }
}

/// Writes rejections with their errors, and returns the slots of those that were written: the others are duplicates.
pub(super) fn insert(connection: &mut PgConnection, records: Vec<Record<'_>>) -> QueryResult<Vec<usize>> {
    let (replays, rejections) = records.into_iter().partition(|record| record.kind == Kind::Replay);
    let mut written = write(connection, rejections, ON_REJECTION)?;
    written.extend(write(connection, replays, ON_REPLAY)?);
    resolve_stored(connection, &written.iter().map(|(_, id)| *id).collect::<Vec<_>>())?;
    Ok(written.into_iter().map(|(slot, _)| slot).collect())
}

/// Writes the warnings of events that are stored.
pub(super) fn insert_warnings(connection: &mut PgConnection, warnings: Vec<Record<'_>>) -> QueryResult<()> {
    write(connection, warnings, ON_WARNINGS).map(|_| ())
}

/// Writes records of one kind, and returns the slot and the number of those that were written.
fn write(
    connection: &mut PgConnection,
    mut records: Vec<Record<'_>>,
    on_conflict: &str,
) -> QueryResult<Vec<(usize, i64)>> {
    if records.is_empty() {
        return Ok(Vec::new());
    }
    // Everybody writes in one order. Of the same event the first of the batch counts.
    records.sort_by(|a, b| a.key.cmp(&b.key).then(a.slot.cmp(&b.slot)));
    records.dedup_by(|later, first| later.key == first.key);
    let ids = insert_rejected_events(connection, &records, on_conflict)?;
    let written: Vec<(i64, &Record<'_>)> =
        records.iter().filter_map(|record| Some((*ids.get(&record.key)?, record))).collect();
    if !written.is_empty() {
        insert_errors(connection, &written)?;
    }
    Ok(written.into_iter().map(|(id, record)| (record.slot, id)).collect())
}

const INSERT: &str = "\
INSERT INTO rejected_events AS r (application_id, event_id, received_at, errors_truncated, replayable, warned, \
session_id, category, name, occurred_at, input) \
SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
ON CONFLICT (event_id, application_id, input_digest)";

const ON_REJECTION: &str = "DO NOTHING";

// Judged: no longer on its way. What is resolved, or was stored with warnings, stays what it is.
const ON_REPLAY: &str = "\
DO UPDATE SET replay_requested_at = NULL, errors_truncated = excluded.errors_truncated \
WHERE r.resolved_at IS NULL AND NOT r.warned";

const ON_WARNINGS: &str = "DO UPDATE SET errors_truncated = excluded.errors_truncated";

const RETURNING: &str = "RETURNING r.id, r.event_id, r.application_id, r.input_digest";

#[derive(QueryableByName)]
struct RejectedRow {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = SqlUuid)]
    event_id: Uuid,
    #[diesel(sql_type = Nullable<Integer>)]
    application_id: Option<i32>,
    #[diesel(sql_type = Bytea)]
    input_digest: Vec<u8>,
}

fn insert_rejected_events(
    connection: &mut PgConnection,
    records: &[Record<'_>],
    on_conflict: &str,
) -> QueryResult<HashMap<EventKey, i64>> {
    let texts = |text: for<'r> fn(&'r Record<'_>) -> Option<&'r str>| -> Vec<Option<&str>> {
        records.iter().map(text).collect()
    };
    let flags = |flag: fn(&Record<'_>) -> bool| -> Vec<bool> { records.iter().map(flag).collect() };
    let rows = diesel::sql_query(format!("{INSERT} {on_conflict} {RETURNING}"))
        .bind::<Array<Nullable<Integer>>, _>(records.iter().map(|record| record.key.1).collect::<Vec<_>>())
        .bind::<Array<SqlUuid>, _>(records.iter().map(|record| record.key.0).collect::<Vec<_>>())
        .bind::<Array<Timestamptz>, _>(records.iter().map(|record| record.received_at).collect::<Vec<_>>())
        .bind::<Array<Bool>, _>(flags(|record| record.truncated))
        .bind::<Array<Bool>, _>(flags(|record| record.replayable))
        .bind::<Array<Bool>, _>(flags(|record| record.kind == Kind::Warnings))
        .bind::<Array<Nullable<Text>>, _>(texts(|record| record.session_id))
        .bind::<Array<Nullable<Text>>, _>(texts(|record| record.category))
        .bind::<Array<Nullable<Text>>, _>(texts(|record| record.name))
        .bind::<Array<Nullable<Timestamptz>>, _>(
            records.iter().map(|record| record.occurred_at).collect::<Vec<_>>(),
        )
        .bind::<Array<Bytea>, _>(records.iter().map(|record| record.input).collect::<Vec<_>>())
        .load::<RejectedRow>(connection)?;
    let key = |row: RejectedRow| {
        let digest = row.input_digest.try_into().ok()?;
        Some(((row.event_id, row.application_id, digest), row.id))
    };
    Ok(rows.into_iter().filter_map(key).collect())
}

const INSERT_ERRORS: &str = "\
INSERT INTO errors (rejected_event_id, application_id, event_id, received_at, severity, code, field, path, message, value) \
SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

fn insert_errors(connection: &mut PgConnection, records: &[(i64, &Record<'_>)]) -> QueryResult<()> {
    let errors: Vec<(i64, &Record<'_>, &Violation)> = records
        .iter()
        .flat_map(|(id, record)| record.violations.iter().map(|violation| (*id, *record, violation)))
        .collect();
    let of = |text: fn(&Violation) -> &str| -> Vec<Cow<'_, str>> {
        errors.iter().map(|(_, _, violation)| spelled(text(violation))).collect()
    };
    let optional = |text: fn(&Violation) -> Option<&str>| -> Vec<Option<Cow<'_, str>>> {
        errors.iter().map(|(_, _, violation)| text(violation).map(spelled)).collect()
    };
    diesel::sql_query(INSERT_ERRORS)
        .bind::<Array<BigInt>, _>(errors.iter().map(|(id, _, _)| *id).collect::<Vec<_>>())
        .bind::<Array<Nullable<Integer>>, _>(errors.iter().map(|(_, of, _)| of.key.1).collect::<Vec<_>>())
        .bind::<Array<SqlUuid>, _>(errors.iter().map(|(_, of, _)| of.key.0).collect::<Vec<_>>())
        .bind::<Array<Timestamptz>, _>(errors.iter().map(|(_, of, _)| of.received_at).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(of(|violation| violation.severity.as_str()))
        .bind::<Array<Text>, _>(of(|violation| violation.code.as_str()))
        .bind::<Array<Nullable<Text>>, _>(optional(|violation| violation.field.as_deref()))
        .bind::<Array<Text>, _>(of(|violation| &violation.path))
        .bind::<Array<Text>, _>(of(|violation| &violation.message))
        .bind::<Array<Nullable<Text>>, _>(optional(|violation| violation.value.as_deref()))
        .execute(connection)
        .map(|_| ())
}

const FIND_UNRESOLVED: &str = "\
SELECT id, event_id, application_id, input_digest FROM rejected_events \
WHERE event_id = ANY ($1) AND resolved_at IS NULL AND replayable";

// Locked in one order by everybody.
const RESOLVE: &str = "\
UPDATE rejected_events r SET resolved_at = now() \
FROM (SELECT id FROM rejected_events WHERE id = ANY ($1) AND resolved_at IS NULL ORDER BY id FOR UPDATE) AS locked \
WHERE r.id = locked.id";

/// Marks the rejections of unchanged copies of events that passed as resolved.
pub(super) fn resolve_copies(connection: &mut PgConnection, passed: &[&Event<'_>]) -> QueryResult<()> {
    if passed.is_empty() {
        return Ok(());
    }
    let unresolved = diesel::sql_query(FIND_UNRESOLVED)
        .bind::<Array<SqlUuid>, _>(passed.iter().map(|event| event.id.into()).collect::<Vec<Uuid>>())
        .load::<RejectedRow>(connection)?;
    let is_copy = |row: &RejectedRow| {
        passed.iter().any(|event| {
            row.event_id == *event.id.as_uuid()
                && row.application_id == Some(event.application.get())
                && row.input_digest == digest(event.input)
        })
    };
    let copies: Vec<i64> = unresolved.into_iter().filter(is_copy).map(|row| row.id).collect();
    if copies.is_empty() {
        return Ok(());
    }
    diesel::sql_query(RESOLVE).bind::<Array<BigInt>, _>(copies).execute(connection).map(|_| ())
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
WHERE e.session_id = r.session_id AND e.occurred_at = r.occurred_at \
AND e.application_id = r.application_id AND e.id = r.event_id LIMIT 1) AS stored \
WHERE r.id = ANY ($1) AND r.resolved_at IS NULL AND r.replayable AND stored.event_type_id = t.id \
AND NOT EXISTS (SELECT FROM errors x WHERE x.rejected_event_id = r.id \
AND x.code <> ALL ($2) AND NOT starts_with(x.code, 'schema.')) \
AND eye_holds_data(r.input, stored.data) ORDER BY r.id FOR UPDATE OF r) AS copies \
WHERE r.id = copies.id";

/// Marks those of these rejections as resolved whose unchanged copies are stored already, and returns how many.
pub(crate) fn resolve_stored(connection: &mut PgConnection, ids: &[i64]) -> QueryResult<usize> {
    diesel::sql_query(RESOLVE_STORED)
        .bind::<Array<BigInt>, _>(ids)
        .bind::<Array<Text>, _>(PASSING_RULES.map(Code::as_str).to_vec())
        .execute(connection)
}
