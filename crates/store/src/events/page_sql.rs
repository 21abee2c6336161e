//! The statements behind every list of events.
//!
//! # Why they have this shape
//! Each *source* of events is read by itself, in the order of time, only as far as a page can need (`CROSS JOIN LATERAL (…
//! LIMIT)`), and the few rows of all sources are sorted: left to itself, the planner chooses between reading every event
//! that matches and reading all events until enough match. Within an instant an incremental sort makes the whole order of
//! that of the index. Sources are sessions, or the types of applications that a [`Window`] names; or there is one, all
//! events of a time, of which the others are passed over.
//!
//! A condition stands in the text only where it narrows, and only once: a second one that says the same makes the planner
//! expect so few rows that it reads and sorts all of them.
//!
//! Where several sources hold much more than a page, most of what each gives is thrown away again. Then a first step finds
//! how far the page reaches: it reads times only. The second step reads the events up to there.
//!
//! Where data are asked for, all events of a window have to be looked into: they are *gathered*, in no order.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::search::{Source, Window};
use super::session::of_session;
use super::{EventFilter, Resolved};
use crate::page::Order;

/// What is read in the order of time: the parts of the answer that have no event in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sources {
    Sessions,
    Pairs,
    Everything,
}

impl Sources {
    /// The sources as rows.
    const fn table(self) -> &'static str {
        match self {
            Self::Sessions => "unnest($1) AS k (session_id)",
            Self::Pairs => "unnest($2, $3) AS k (event_type_id, application_id)",
            Self::Everything => "(SELECT 1) AS k (everything)",
        }
    }

    /// What makes an event one of a source.
    fn condition(self) -> Option<String> {
        match self {
            Self::Sessions => Some(of_session("k.session_id")),
            Self::Pairs => {
                Some("e.event_type_id = k.event_type_id AND e.application_id = k.application_id".to_owned())
            }
            Self::Everything => None,
        }
    }
}

/// So many times as many events as a page needs are not worth a first step.
const SURPLUS_MAX: i64 = 4;

/// Under this setting a gathered statement runs: the planner takes the pages to lie anywhere, and would prefer to pass over
/// all other events in the order of time.
pub(super) const GATHER: &str = "SET LOCAL enable_indexscan = off";

/// A statement, in which a parameter has the same number whatever is asked for, and what differs of its parameters.
pub(super) struct Statement {
    pub(super) sql: String,
    /// It has to run under [`GATHER`].
    pub(super) is_gathered: bool,
    /// The types and applications of pairs, or those that are wanted.
    pub(super) types: Option<Vec<i32>>,
    pub(super) applications: Option<Vec<i32>>,
    pub(super) from: Option<DateTime<Utc>>,
    pub(super) to: Option<DateTime<Utc>>,
}

/// The statement for events of sessions, or for all events.
pub(super) fn whole(resolved: &Resolved, filter: &EventFilter, order: Order, goes_on: bool) -> Statement {
    let sources = if resolved.sessions.is_some() { Sources::Sessions } else { Sources::Everything };
    let several = resolved.sessions.as_ref().is_some_and(|sessions| sessions.len() > 1);
    let mut conditions = [wanted(resolved), within_ranges(filter, filter.from, filter.to)].concat();
    conditions.extend(data_condition(filter));
    Statement {
        sql: page_sql(sources, &conditions, order, goes_on, several),
        is_gathered: false,
        types: resolved.types.clone(),
        applications: resolved.applications.clone(),
        from: filter.from,
        to: filter.to,
    }
}

/// The statement for those events of a window that match.
pub(super) fn within(
    window: &Window,
    resolved: &Resolved,
    filter: &EventFilter,
    order: Order,
    goes_on: bool,
    needed: i64,
) -> Statement {
    let from = window.from.into_iter().chain(filter.from).max();
    let to = window.to.into_iter().chain(filter.to).min();
    let mut ranges = within_ranges(filter, from, to);
    let (sql, types, applications) = match &window.source {
        Source::Everything => {
            // Data is looked into last.
            let wanted: Vec<_> = wanted(resolved).into_iter().chain(data_condition(filter)).collect();
            let sql = passing_sql(&wanted, &ranges, order, goes_on);
            (sql, resolved.types.clone(), resolved.applications.clone())
        }
        Source::Pairs(types, applications) if !filter.data.is_empty() => {
            let (types, applications) = (distinct(types), distinct(applications));
            ranges.extend(["e.event_type_id = ANY ($2)", "e.application_id = ANY ($3)"]);
            ranges.extend(data_condition(filter));
            (gathered_sql(&ranges, order, goes_on), Some(types), Some(applications))
        }
        Source::Pairs(types, applications) => {
            let several = types.len() > 1 && window.matching > SURPLUS_MAX * needed;
            let sql = page_sql(Sources::Pairs, &ranges, order, goes_on, several);
            (sql, Some(types.clone()), Some(applications.clone()))
        }
    };
    let is_gathered = matches!(window.source, Source::Pairs(..)) && !filter.data.is_empty();
    Statement { sql, is_gathered, types, applications, from, to }
}

/// All of these types of all of these applications are wanted, not only of those that a window names beside them.
fn distinct(numbers: &[i32]) -> Vec<i32> {
    numbers.iter().copied().collect::<BTreeSet<_>>().into_iter().collect()
}

fn page_sql(sources: Sources, conditions: &[&str], order: Order, goes_on: bool, several: bool) -> String {
    let of_source = sources.condition();
    let conditions: Vec<&str> = of_source.as_deref().into_iter().chain(conditions.iter().copied()).collect();
    let mut needed = conditions.clone();
    needed.extend(goes_on.then(|| after_position(order)));
    let mut reach = String::new();
    if several {
        reach = reach_sql(sources, conditions, order, goes_on);
        needed.push(match order {
            Order::Ascending => "e.occurred_at <= (SELECT occurred_at FROM reach)",
            Order::Descending => "e.occurred_at >= (SELECT occurred_at FROM reach)",
        });
    }
    let (table, conditions, sorted) = (sources.table(), all_of(&needed), sorted(order));
    format!(
        "{reach}SELECT {} FROM (SELECT e.* FROM {table} CROSS JOIN LATERAL \
         (SELECT e.* FROM events e WHERE {conditions} {sorted} LIMIT $12) e {sorted} LIMIT $12) e {} {sorted}",
        super::COLUMNS,
        super::NAMES
    )
}

/// OFFSET 0 keeps the planner from reading anything but the time in its order.
fn passing_sql(wanted: &[&str], ranges: &[&str], order: Order, goes_on: bool) -> String {
    let mut ranges = ranges.to_vec();
    ranges.extend(goes_on.then(|| after_position(order)));
    let (ranges, wanted, sorted) = (all_of(&ranges), all_of(wanted), sorted(order));
    format!(
        "SELECT {} FROM (SELECT e.* FROM (SELECT e.* FROM events e WHERE {ranges} {sorted} OFFSET 0) e \
         WHERE {wanted} {sorted} LIMIT $12) e {} {sorted}",
        super::COLUMNS,
        super::NAMES
    )
}

/// What has to be looked into is not read in order: each page of the table once, whichever types its events are of, and only
/// the few events that match are sorted. Of 25,000 events looked into that is a third of the time of one index after another.
fn gathered_sql(conditions: &[&str], order: Order, goes_on: bool) -> String {
    let mut conditions = conditions.to_vec();
    conditions.extend(goes_on.then(|| after_position(order)));
    let (conditions, sorted) = (all_of(&conditions), sorted(order));
    format!(
        "SELECT {} FROM (SELECT e.* FROM (SELECT e.* FROM events e WHERE {conditions} OFFSET 0) e {sorted} LIMIT $12) e {} \
         {sorted}",
        super::COLUMNS,
        super::NAMES
    )
}

/// How far the page reaches: no event beyond this time can be on it. It counts from the instant after the one at which
/// the page begins, because without the rows it can't tell how many events of that instant are left: so it may reach a
/// little further than needed, never less far.
fn reach_sql(sources: Sources, mut conditions: Vec<&str>, order: Order, goes_on: bool) -> String {
    let (farthest, later) = match order {
        Order::Ascending => ("max", "e.occurred_at > $8"),
        Order::Descending => ("min", "e.occurred_at < $8"),
    };
    conditions.extend(goes_on.then_some(later));
    let (table, conditions, direction) = (sources.table(), all_of(&conditions), order.as_str());
    format!(
        "WITH reach AS (SELECT coalesce({farthest}(near.occurred_at), $8) AS occurred_at FROM \
         (SELECT e.occurred_at FROM {table} CROSS JOIN LATERAL \
         (SELECT e.occurred_at FROM events e WHERE {conditions} ORDER BY e.occurred_at {direction} LIMIT $12) e \
         ORDER BY e.occurred_at {direction} LIMIT $12) near) "
    )
}

/// The types and applications that are wanted, where they are no sources.
fn wanted(resolved: &Resolved) -> Vec<&'static str> {
    let types = resolved.types.as_ref().map(|_| "e.event_type_id = ANY ($2)");
    let applications = resolved.applications.as_ref().map(|_| "e.application_id = ANY ($3)");
    types.into_iter().chain(applications).collect()
}

fn within_ranges(
    filter: &EventFilter,
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
) -> Vec<&'static str> {
    let ranges = [
        (from, "e.occurred_at >= $4"),
        (to, "e.occurred_at < $5"),
        (filter.received_from, "e.received_at >= $6"),
        (filter.received_to, "e.received_at < $7"),
        (filter.stored_from, "e.stored_at >= $15"),
        (filter.stored_to, "e.stored_at < $16"),
    ];
    ranges.into_iter().filter_map(|(given, condition)| given.map(|_| condition)).collect()
}

fn data_condition(filter: &EventFilter) -> Option<&'static str> {
    (!filter.data.is_empty()).then_some("e.data @@ $14::jsonpath")
}

/// The comparison of times alone says nothing new, but it is one at which an index can begin.
const fn after_position(order: Order) -> &'static str {
    match order {
        Order::Ascending => {
            "e.occurred_at >= $8 AND \
             (e.occurred_at, e.received_at, e.application_id, e.id, e.session_id) > ($8, $9, $10, $11, $13)"
        }
        Order::Descending => {
            "e.occurred_at <= $8 AND \
             (e.occurred_at, e.received_at, e.application_id, e.id, e.session_id) < ($8, $9, $10, $11, $13)"
        }
    }
}

/// The whole order, in which no two events stand at the same place: it holds all of their identity.
fn sorted(order: Order) -> String {
    let direction = order.as_str();
    let columns = ["occurred_at", "received_at", "application_id", "id", "session_id"];
    let columns = columns.map(|column| format!("e.{column} {direction}"));
    format!("ORDER BY {}", columns.join(", "))
}

fn all_of(conditions: &[&str]) -> String {
    if conditions.is_empty() { "true".to_owned() } else { conditions.join(" AND ") }
}
