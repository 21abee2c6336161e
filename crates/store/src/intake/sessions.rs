//! The sessions of a batch: one row each, kept right by the transactions that store their events.

use std::collections::{BTreeMap, BTreeSet};

use diesel::data_types::PgTimestamp;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Text, Timestamptz};
use event::Event;

use super::time;

// The applications of a session stay sorted; most often a session has one, and nothing is computed.
const ADD: &str = "\
INSERT INTO sessions AS s (session_id, first_event_at, last_event_at, event_count, application_ids) \
SELECT session_id, first_at, last_at, added, applications::integer[] FROM unnest($1, $2, $3, $4, $5) \
AS sent (session_id, first_at, last_at, added, applications) \
ON CONFLICT (session_id) DO UPDATE SET \
first_event_at = least(s.first_event_at, excluded.first_event_at), \
last_event_at = greatest(s.last_event_at, excluded.last_event_at), \
event_count = s.event_count + excluded.event_count, \
application_ids = CASE WHEN s.application_ids @> excluded.application_ids THEN s.application_ids \
ELSE (SELECT array_agg(DISTINCT a ORDER BY a) FROM unnest(s.application_ids || excluded.application_ids) AS a) END";

/// What the events that were stored add to a session.
struct Addition {
    first: i64,
    last: i64,
    count: i64,
    applications: BTreeSet<i32>,
}

/// Adds events that were stored in this transaction to their sessions.
pub(super) fn add<'b>(
    connection: &mut PgConnection,
    stored: impl Iterator<Item = &'b Event<'b>>,
) -> QueryResult<()> {
    let additions = gather(stored);
    if additions.is_empty() {
        return Ok(());
    }
    let column = |value: fn(&Addition) -> i64| -> Vec<i64> { additions.values().map(value).collect() };
    let instants = |value: fn(&Addition) -> i64| -> Vec<PgTimestamp> {
        column(value).into_iter().map(time::of_micros).collect()
    };
    diesel::sql_query(ADD)
        .bind::<Array<Text>, _>(additions.keys().copied().collect::<Vec<_>>())
        .bind::<Array<Timestamptz>, _>(instants(|addition| addition.first))
        .bind::<Array<Timestamptz>, _>(instants(|addition| addition.last))
        .bind::<Array<BigInt>, _>(column(|addition| addition.count))
        .bind::<Array<Text>, _>(additions.values().map(applications).collect::<Vec<_>>())
        .execute(connection)
        .map(|_| ())
}

/// By session, sorted: everybody locks the rows of sessions in one order.
fn gather<'b>(stored: impl Iterator<Item = &'b Event<'b>>) -> BTreeMap<&'b str, Addition> {
    let mut additions = BTreeMap::new();
    for event in stored {
        let at = event.occurred_at.as_micros();
        let addition = additions.entry(event.session_id.as_str()).or_insert_with(|| Addition {
            first: at,
            last: at,
            count: 0,
            applications: BTreeSet::new(),
        });
        addition.first = addition.first.min(at);
        addition.last = addition.last.max(at);
        addition.count += 1;
        addition.applications.insert(event.application.get());
    }
    additions
}

/// An array's text: an array of arrays of different lengths is nothing that Postgres takes.
fn applications(addition: &Addition) -> String {
    let numbers: Vec<String> = addition.applications.iter().map(i32::to_string).collect();
    format!("{{{}}}", numbers.join(","))
}
