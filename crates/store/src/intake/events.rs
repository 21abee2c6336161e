//! The events of a batch: stored, the same as before, in conflict, or refused.

use std::cmp::Ordering;
use std::collections::HashSet;

use diesel::data_types::PgTimestamp;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Bytea, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use event::{Event, SchemaVersion};
use uuid::Uuid;

use super::time;

/// A valid event on its way into the database.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate<'b> {
    /// Which outcome of the batch is its own; earlier events of the batch have smaller ones.
    pub(super) slot: usize,
    /// Whether it was rejected before.
    pub(super) replay: bool,
    pub(super) event_type: i32,
    pub(super) event: &'b Event<'b>,
}

/// What the database made of a candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is stored now.
    Stored,
    /// The same event was stored before.
    Same,
    /// Another event of this identity was stored before.
    Conflict,
    /// The database refuses the row.
    Refused { sqlstate: String, message: String },
}

/// How the rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// All at once: one row that the database refuses fails them all.
    AtOnce,
    /// Each in a subtransaction of its own: slower, and a refused row is that row's fault alone.
    OneByOne,
}

impl<'b> Candidate<'b> {
    /// Application, session, time and id; sessions first, as in the index.
    fn identity(&self) -> (&'b str, i64, i32, Uuid) {
        let event = self.event;
        let session_id = event.session_id.as_str();
        (session_id, event.occurred_at.as_micros(), event.application.get(), event.id.into())
    }

    /// The order in which everybody writes: two consumers with the same events wait for each other and never both. Of the
    /// same identity the first of the batch comes first.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        self.identity().cmp(&other.identity()).then(self.slot.cmp(&other.slot))
    }
}

/// Stores candidates, which stand in their order, and gives the verdict of each.
pub(super) fn store(
    connection: &mut PgConnection,
    candidates: &[Candidate<'_>],
    manner: Manner,
) -> QueryResult<Vec<Verdict>> {
    match manner {
        _ if candidates.is_empty() => Ok(Vec::new()),
        Manner::AtOnce => store_at_once(connection, candidates),
        Manner::OneByOne => store_one_by_one(connection, candidates),
    }
}

// Arrays, and not COPY into a staging table followed by INSERT ... SELECT from it: measured side by side in one
// transaction each (two cores, all indexes, 150,000 rows before; best of 60), this statement takes 2.1, 8.9 and 31.7 ms
// for 100, 500 and 2,000 events, COPY and its INSERT 2.3, 11.8 and 33.7 ms, and it needs no table of its own.
const INSERT: &str = "\
INSERT INTO events (occurred_at, received_at, application_id, event_type_id, id, session_id, data, schema_version) \
SELECT occurred_at, received_at, application_id, event_type_id, id, session_id, data::jsonb, schema_version \
FROM unnest($1, $2, $3, $4, $5, $6, $7, $8) \
AS sent (occurred_at, received_at, application_id, event_type_id, id, session_id, data, schema_version) \
ON CONFLICT DO NOTHING RETURNING session_id, occurred_at, application_id, id";

#[derive(QueryableByName)]
struct StoredRow {
    #[diesel(sql_type = Text)]
    session_id: String,
    #[diesel(sql_type = Timestamptz)]
    occurred_at: PgTimestamp,
    #[diesel(sql_type = Integer)]
    application_id: i32,
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
}

fn store_at_once(connection: &mut PgConnection, candidates: &[Candidate<'_>]) -> QueryResult<Vec<Verdict>> {
    let mut firsts = candidates.to_vec();
    firsts.dedup_by_key(|candidate| candidate.identity());
    let stored = insert(connection, &firsts)?;
    let mut stored: HashSet<_> = stored
        .iter()
        .map(|row| {
            (row.session_id.as_str(), time::to_unix_micros(row.occurred_at), row.application_id, row.id)
        })
        .collect();
    // The first of an identity takes it out of the set: the copies that follow find nothing.
    let is_stored: Vec<bool> =
        candidates.iter().map(|candidate| stored.remove(&candidate.identity())).collect();
    let others: Vec<_> =
        candidates.iter().zip(&is_stored).filter(|(_, stored)| !**stored).map(|(other, _)| *other).collect();
    let mut same = compare(connection, &others)?.into_iter();
    let verdict = |is_stored| match is_stored {
        true => Verdict::Stored,
        false if same.next().unwrap_or(false) => Verdict::Same,
        false => Verdict::Conflict,
    };
    Ok(is_stored.into_iter().map(verdict).collect())
}

fn insert(connection: &mut PgConnection, candidates: &[Candidate<'_>]) -> QueryResult<Vec<StoredRow>> {
    let column = |value: fn(&Event<'_>) -> PgTimestamp| -> Vec<PgTimestamp> {
        candidates.iter().map(|candidate| value(candidate.event)).collect()
    };
    diesel::sql_query(INSERT)
        .bind::<Array<Timestamptz>, _>(column(|event| time::of_micros(event.occurred_at.as_micros())))
        .bind::<Array<Timestamptz>, _>(column(|event| time::in_range(event.received_at.as_micros())))
        .bind::<Array<Integer>, _>(numbers(candidates, |candidate| candidate.event.application.get()))
        .bind::<Array<Integer>, _>(numbers(candidates, |candidate| candidate.event_type))
        .bind::<Array<SqlUuid>, _>(ids(candidates))
        .bind::<Array<Text>, _>(texts(candidates, |candidate| candidate.event.session_id.as_str()))
        .bind::<Array<Text>, _>(texts(candidates, |candidate| candidate.event.data))
        .bind::<Array<Integer>, _>(schema_versions(candidates))
        .load(connection)
}

/// 0 where no schema judged it.
fn schema_versions(candidates: &[Candidate<'_>]) -> Vec<i32> {
    numbers(candidates, |candidate| candidate.event.schema_version.map_or(0, SchemaVersion::get))
}

fn numbers(candidates: &[Candidate<'_>], number: fn(&Candidate<'_>) -> i32) -> Vec<i32> {
    candidates.iter().map(number).collect()
}

fn texts<'b>(candidates: &[Candidate<'b>], text: fn(&Candidate<'b>) -> &'b str) -> Vec<&'b str> {
    candidates.iter().map(text).collect()
}

fn ids(candidates: &[Candidate<'_>]) -> Vec<Uuid> {
    candidates.iter().map(|candidate| candidate.event.id.into()).collect()
}

// A statement of its own: only a new one sees what another transaction stored while the insert waited for it. Each
// identity is looked up by itself (LIMIT keeps the planner from joining): tables without statistics would be read whole.
// What is in the way is found by the hashes that make it so, and may be another event: see the migration on identity.
const COMPARE: &str = "\
SELECT stored.session_id = sent.session_id AND stored.application_id = sent.application_id AND stored.id = sent.id \
AND stored.event_type_id = sent.event_type_id AND stored.data = sent.data::jsonb AS same \
FROM unnest($1, $2, $3, $4, $5, $6) WITH ORDINALITY \
AS sent (occurred_at, application_id, event_type_id, id, session_id, data, ordinal) \
LEFT JOIN LATERAL (SELECT e.* FROM events e \
WHERE hashtextextended(e.session_id, 0) = hashtextextended(sent.session_id, 0) AND e.occurred_at = sent.occurred_at \
AND eye_event_hash(e.id, e.application_id) = eye_event_hash(sent.id, sent.application_id) LIMIT 1) AS stored ON true \
ORDER BY sent.ordinal";

#[derive(QueryableByName)]
struct ComparedRow {
    #[diesel(sql_type = Nullable<Bool>)]
    same: Option<bool>,
}

/// For each candidate, whether what is stored under its identity is the same event.
fn compare(connection: &mut PgConnection, candidates: &[Candidate<'_>]) -> QueryResult<Vec<bool>> {
    if candidates.is_empty() {
        return Ok(Vec::new());
    }
    let occurred_at: Vec<PgTimestamp> =
        candidates.iter().map(|other| time::of_micros(other.event.occurred_at.as_micros())).collect();
    let rows = diesel::sql_query(COMPARE)
        .bind::<Array<Timestamptz>, _>(occurred_at)
        .bind::<Array<Integer>, _>(numbers(candidates, |candidate| candidate.event.application.get()))
        .bind::<Array<Integer>, _>(numbers(candidates, |candidate| candidate.event_type))
        .bind::<Array<SqlUuid>, _>(ids(candidates))
        .bind::<Array<Text>, _>(texts(candidates, |candidate| candidate.event.session_id.as_str()))
        .bind::<Array<Text>, _>(texts(candidates, |candidate| candidate.event.data))
        .load::<ComparedRow>(connection)?;
    // An event that was in the way and is gone by now: the batch has to be tried again.
    rows.into_iter().map(|row| row.same.ok_or(diesel::result::Error::NotFound)).collect()
}

const STORE_ONE_BY_ONE: &str = "\
SELECT verdict, refusal_state, refusal_message FROM eye_store_events($1, $2, $3, $4, $5, $6, $7, $8) ORDER BY ordinal";

#[derive(QueryableByName)]
struct VerdictRow {
    #[diesel(sql_type = Text)]
    verdict: String,
    #[diesel(sql_type = Text)]
    refusal_state: String,
    #[diesel(sql_type = Text)]
    refusal_message: String,
}

/// Lets a function in the database do it, which alone is told a failure's SQLSTATE. It gets numbers and bytes only:
/// whatever Postgres may refuse of them it refuses inside the function, for one row.
fn store_one_by_one(
    connection: &mut PgConnection,
    candidates: &[Candidate<'_>],
) -> QueryResult<Vec<Verdict>> {
    let micros = |value: fn(&Event<'_>) -> i64| -> Vec<i64> {
        candidates.iter().map(|candidate| value(candidate.event)).collect()
    };
    let bytes = |text: for<'e> fn(&'e Event<'_>) -> &'e str| -> Vec<&[u8]> {
        candidates.iter().map(|candidate| text(candidate.event).as_bytes()).collect()
    };
    let rows = diesel::sql_query(STORE_ONE_BY_ONE)
        .bind::<Array<BigInt>, _>(micros(|event| event.occurred_at.as_micros()))
        .bind::<Array<BigInt>, _>(micros(|event| time::micros_in_range(event.received_at.as_micros())))
        .bind::<Array<Integer>, _>(numbers(candidates, |candidate| candidate.event.application.get()))
        .bind::<Array<Integer>, _>(numbers(candidates, |candidate| candidate.event_type))
        .bind::<Array<SqlUuid>, _>(ids(candidates))
        .bind::<Array<Bytea>, _>(bytes(|event| event.session_id.as_str()))
        .bind::<Array<Bytea>, _>(bytes(|event| event.data))
        .bind::<Array<Integer>, _>(schema_versions(candidates))
        .load::<VerdictRow>(connection)?;
    Ok(rows.into_iter().map(verdict).collect())
}

fn verdict(row: VerdictRow) -> Verdict {
    match row.verdict.as_str() {
        "stored" => Verdict::Stored,
        "same" => Verdict::Same,
        "conflict" => Verdict::Conflict,
        _ => Verdict::Refused { sqlstate: row.refusal_state, message: row.refusal_message },
    }
}
