//! How far back a question looks whose work grows with the events that it looks at.
//!
//! It looks at the newest events, so many and no more. Which these are is told by the kept counts, up to the quarter of an
//! hour in which the bound is reached; within it, by the index of times. What is looked at is a range of time and not a
//! number of rows: so the same range asked for again gives the same answer.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Timestamptz};

use crate::calendar_counts::ragged_ends;
use crate::counts::{Grain, Grouping, Quarter, Range, kept};
use crate::events::unpaged::{PARAMETERS, placed, query, spelled_out};
use crate::events::{EventFilter, Resolved};
use crate::in_time::InTime;

/// What a question looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// How many events.
    pub events: u64,
    /// From when on, where it was not all that the filter lets through.
    pub since: Option<DateTime<Utc>>,
}

#[derive(QueryableByName)]
struct Instant {
    #[diesel(sql_type = Timestamptz)]
    occurred_at: DateTime<Utc>,
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    events: i64,
}

impl Reach {
    /// At nothing, since there is nothing.
    pub const NOTHING: Self = Self { events: 0, since: None };

    /// Finds how far back the newest `events_max` events reach. What only the events themselves tell (their data, their
    /// receipt) is not asked for here: they have to be looked at for that.
    pub(crate) fn find(
        in_time: &mut InTime<'_>,
        resolved: &Resolved,
        filter: &EventFilter,
        events_max: u32,
    ) -> QueryResult<Self> {
        let events_max = i64::from(events_max);
        // Of sessions no counts are kept; their own index is in the order of time.
        if resolved.sessions.is_some() {
            return Self::within(in_time, resolved, filter, events_max);
        }
        let mut newer = 0;
        for part in newest_first(in_time, resolved, filter)? {
            if newer + part.events > events_max {
                let reach = Self::within(in_time, resolved, &part.of(filter), events_max - newer)?;
                return Ok(Self {
                    events: newer.unsigned_abs() + reach.events,
                    since: reach.since.or(part.from),
                });
            }
            newer += part.events;
        }
        Ok(Self { events: newer.unsigned_abs(), since: None })
    }

    fn within(
        in_time: &mut InTime<'_>,
        resolved: &Resolved,
        filter: &EventFilter,
        events_max: i64,
    ) -> QueryResult<Self> {
        let resolved = &spelled_out(in_time.connection()?, resolved)?;
        let one_too_many = nth_newest(in_time, resolved, filter, events_max)?;
        let since = one_too_many.map(|occurred_at| occurred_at + TimeDelta::microseconds(1));
        let reach = Self { events: 0, since };
        let events = count(in_time, resolved, &reach.narrow(filter))?;
        Ok(Self { events, ..reach })
    }

    /// The filter, narrowed to what is looked at.
    pub(crate) fn narrow(self, filter: &EventFilter) -> EventFilter {
        EventFilter { from: self.since.or(filter.from), ..filter.clone() }
    }
}

/// A part of a range, and how many events it has.
struct Part {
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
    events: i64,
}

impl Part {
    fn counted(in_time: &mut InTime<'_>, resolved: &Resolved, filter: &EventFilter) -> QueryResult<Self> {
        let events = count(in_time, resolved, filter)?;
        let events = i64::try_from(events).unwrap_or(i64::MAX);
        Ok(Self { from: filter.from, to: filter.to, events })
    }

    fn of(&self, filter: &EventFilter) -> EventFilter {
        EventFilter { from: self.from, to: self.to, ..filter.clone() }
    }
}

/// The parts of a range: whole quarters of an hour, and the ragged ends.
fn newest_first(
    in_time: &mut InTime<'_>,
    resolved: &Resolved,
    filter: &EventFilter,
) -> QueryResult<Vec<Part>> {
    let quarters = Range::of(filter);
    if quarters.first >= quarters.end {
        return Ok(vec![Part::counted(in_time, resolved, filter)?]);
    }
    let mut by_quarter = BTreeMap::new();
    let (grain, grouping) = (Grain::Quarter, Grouping::default());
    kept(in_time.connection()?, resolved, quarters, grain, grouping, |_, told| {
        told.for_each(|(quarter, events)| *by_quarter.entry(quarter).or_insert(0) += events);
        ControlFlow::Continue(())
    })?;
    let part = |(quarter, events): (Quarter, i64)| {
        let (from, to) = (quarter.start(), Quarter(quarter.0 + 1).start());
        Part { from, to, events }
    };
    let mut parts: Vec<Part> = by_quarter.into_iter().map(part).collect();
    for end in ragged_ends(filter, quarters) {
        parts.push(Part::counted(in_time, resolved, &end)?);
    }
    parts.sort_by_key(|part| std::cmp::Reverse(part.from));
    Ok(parts)
}

/// When the event occurred that is older than so many others.
fn nth_newest(
    in_time: &mut InTime<'_>,
    resolved: &Resolved,
    filter: &EventFilter,
    newer: i64,
) -> QueryResult<Option<DateTime<Utc>>> {
    let (conditions, offset) = (placed(resolved, filter), PARAMETERS + 1);
    let sql = format!(
        "SELECT e.occurred_at FROM events e WHERE {conditions} ORDER BY e.occurred_at DESC OFFSET ${offset} LIMIT 1"
    );
    let found: Option<Instant> =
        query(sql, resolved, filter).bind::<BigInt, _>(newer).get_result(in_time.connection()?).optional()?;
    Ok(found.map(|found| found.occurred_at))
}

fn count(in_time: &mut InTime<'_>, resolved: &Resolved, filter: &EventFilter) -> QueryResult<u64> {
    let sql = format!("SELECT count(*) AS events FROM events e WHERE {}", placed(resolved, filter));
    let number: Number = query(sql, resolved, filter).get_result(in_time.connection()?)?;
    Ok(number.events.unsigned_abs())
}
