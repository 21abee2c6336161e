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
use event::{Event, Rejection, Violation};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::entries::Entries;
use super::{Fragment, resolutions, time};

/// By which a rejection is known: the same bytes under the same id are the same event.
pub(super) type EventKey = (Uuid, Option<i32>, [u8; 32]);

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
    /// How many events it stands for in the books.
    booked_events: i32,
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
            booked_events: 1,
            violations: Cow::Borrowed(&rejection.violations),
        }
    }

    /// By which the row is known that it changes where there is one; none where it leaves that as it is.
    pub(super) fn changes(&self) -> Option<EventKey> {
        (self.kind != Kind::Rejection).then_some(self.key)
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
            booked_events: 0,
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
            booked_events: 1,
            violations: violations.into(),
        }
    }

    /// Bytes that are no event.
    pub(super) fn of_fragment(
        slot: usize,
        application: Option<i32>,
        fragment: &'b Fragment<'b>,
        violation: Violation,
        booked_events: i32,
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
            booked_events,
            violations: Cow::Owned(vec![violation]),
        }
    }
}

pub(super) fn digest(input: &[u8]) -> [u8; 32] {
    Sha256::digest(input).into()
}

/// By which the rejection of an event is known that passes now: its application is registered.
pub(super) fn key(event: &Event<'_>) -> EventKey {
    (event.id.into(), Some(event.application.get()), digest(event.input))
}

/// A text that Postgres can hold: it holds no NUL.
fn storable(text: &str) -> Option<&str> {
    (!text.contains('\0')).then_some(text)
}

/// The same text with NUL spelled out.
fn spelled(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\\u0000")) } else { Cow::Borrowed(text) }
}

/// A record that was written.
pub(super) struct Written {
    /// Which outcome of the batch is its own.
    pub(super) slot: usize,
    /// Whether its row is a new one.
    pub(super) new: bool,
    id: i64,
}

/// Writes rejections with their errors, and returns those that were written: the others are duplicates. Rejections of what
/// is stored are resolved, which is booked.
pub(super) fn insert(
    connection: &mut PgConnection,
    records: Vec<Record<'_>>,
    entries: &mut Entries,
) -> QueryResult<Vec<Written>> {
    let (replays, rejections) = records.into_iter().partition(|record| record.kind == Kind::Replay);
    let mut written = write(connection, rejections, ON_REJECTION)?;
    written.extend(write(connection, replays, ON_REPLAY)?);
    let ids = written.iter().map(|written| written.id).collect::<Vec<_>>();
    resolutions::resolve_stored(connection, &ids, entries)?;
    Ok(written)
}

/// Writes the warnings of events that are stored.
pub(super) fn insert_warnings(connection: &mut PgConnection, warnings: Vec<Record<'_>>) -> QueryResult<()> {
    write(connection, warnings, ON_WARNINGS).map(|_| ())
}

/// Writes records of one kind, and returns those that were written.
fn write(
    connection: &mut PgConnection,
    mut records: Vec<Record<'_>>,
    on_conflict: &str,
) -> QueryResult<Vec<Written>> {
    if records.is_empty() {
        return Ok(Vec::new());
    }
    // Everybody writes in one order. Of the same event the first of the batch counts.
    records.sort_by(|a, b| a.key.cmp(&b.key).then(a.slot.cmp(&b.slot)));
    records.dedup_by(|later, first| later.key == first.key);
    let rows = insert_rejected_events(connection, &records, on_conflict)?;
    let written: Vec<(&RejectedRow, &Record<'_>)> =
        records.iter().filter_map(|record| Some((rows.get(&record.key)?, record))).collect();
    if !written.is_empty() {
        insert_errors(connection, &written)?;
    }
    Ok(written
        .into_iter()
        .map(|(row, record)| Written { slot: record.slot, new: row.new, id: row.id })
        .collect())
}

const INSERT: &str = "\
INSERT INTO rejected_events AS r (application_id, event_id, received_at, errors_truncated, replayable, warned, \
session_id, category, name, occurred_at, input, booked_events) \
SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
ON CONFLICT (event_id, application_id, input_digest)";

const ON_REJECTION: &str = "DO NOTHING";

// Judged: no longer on its way. What is resolved, or was stored with warnings, stays what it is.
const ON_REPLAY: &str = "\
DO UPDATE SET replay_requested_at = NULL, errors_truncated = excluded.errors_truncated \
WHERE r.resolved_at IS NULL AND NOT r.warned";

const ON_WARNINGS: &str = "DO UPDATE SET errors_truncated = excluded.errors_truncated";

// A row that nobody has updated or locked is a new one.
const RETURNING: &str = "RETURNING r.id, r.event_id, r.application_id, r.input_digest, r.xmax = 0 AS new";

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
    #[diesel(sql_type = Bool)]
    new: bool,
}

fn insert_rejected_events(
    connection: &mut PgConnection,
    records: &[Record<'_>],
    on_conflict: &str,
) -> QueryResult<HashMap<EventKey, RejectedRow>> {
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
        .bind::<Array<Integer>, _>(records.iter().map(|record| record.booked_events).collect::<Vec<_>>())
        .load::<RejectedRow>(connection)?;
    let key = |row: RejectedRow| {
        let digest = row.input_digest.as_slice().try_into().ok()?;
        Some(((row.event_id, row.application_id, digest), row))
    };
    Ok(rows.into_iter().filter_map(key).collect())
}

const INSERT_ERRORS: &str = "\
INSERT INTO errors (rejected_event_id, application_id, event_id, received_at, severity, code, field, path, message, value) \
SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

fn insert_errors(connection: &mut PgConnection, records: &[(&RejectedRow, &Record<'_>)]) -> QueryResult<()> {
    let errors: Vec<(i64, &Record<'_>, &Violation)> = records
        .iter()
        .flat_map(|(row, record)| record.violations.iter().map(|violation| (row.id, *record, violation)))
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
