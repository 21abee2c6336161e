//! Events counted by times of any length.
//!
//! Whole quarters of an hour come from the kept counts ([`crate::counts`]), the ragged ends of a range from the events
//! themselves: so what is counted is exact to the microsecond, and costs what there are of days and types, not of events.
//! What the kept counts do not tell (sessions, data, the time of receipt, times of less than a quarter) is counted from the
//! events. All statements of an answer see the database as it was at one moment.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::pg::PgRowByRowLoadingMode;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Date, Integer, Nullable, Text, Timestamptz};

use crate::counts::changes::CHANGES;
use crate::counts::{Grain, Group, Grouping, QUARTERS_A_DAY, Quarter, Range, day_number, kept};
use crate::events::unpaged::{PARAMETERS, matching, query, spelled_out};
use crate::events::{EventFilter, Resolved, applications, resolve};
use crate::in_time::InTime;
use crate::{Error, Store};

/// A time that begins and ends; the end is excluded.
pub type Times = (DateTime<Utc>, DateTime<Utc>);

/// How many counts an answer may have, and how large they may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CountsLimit {
    /// So many.
    pub counts: usize,
    /// So many bytes together, as [`count_bytes`] counts them.
    pub bytes: usize,
}

/// What a count takes beside the names of its group: its time, its number, and the words for them.
const COUNT_BYTES: usize = 100;

/// How large a count of a group is in an answer, about.
pub fn count_bytes<'n>(names: impl IntoIterator<Item = &'n Option<String>>) -> usize {
    COUNT_BYTES + names.into_iter().flatten().map(String::len).sum::<usize>()
}

/// How many events of a group occurred in a slot: never 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotCount {
    /// Which of the slots, from 0 on.
    pub slot: usize,
    /// The category, where events are counted by it.
    pub category: Option<String>,
    /// The name, where events are counted by it.
    pub name: Option<String>,
    /// The application, where events are counted by it.
    pub application: Option<String>,
    /// How many.
    pub events: u64,
}

#[derive(QueryableByName)]
struct Days {
    #[diesel(sql_type = Nullable<Date>)]
    first: Option<NaiveDate>,
    #[diesel(sql_type = Nullable<Date>)]
    last: Option<NaiveDate>,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Integer)]
    slot: i32,
    #[diesel(sql_type = Nullable<Text>)]
    category: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    name: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    application: Option<String>,
    #[diesel(sql_type = BigInt)]
    events: i64,
}

impl Store {
    /// From the first to the last quarter of an hour in which an event of the applications occurred, or of any where none is
    /// named. None where there are none.
    ///
    /// # Errors
    /// [`Error::Timeout`] where it takes too long, else as [`Error`] tells.
    pub fn event_quarters(&self, names: &[String]) -> Result<Option<Times>, Error> {
        self.at_one_moment(|in_time| {
            let numbers = applications(in_time.connection()?, names)?;
            let days = diesel::sql_query(days_sql(numbers.is_some()))
                .bind::<Nullable<Array<Integer>>, _>(&numbers)
                .get_result::<Days>(in_time.connection()?)?;
            let resolved = Resolved { sessions: None, types: None, applications: numbers };
            let (Some(first), Some(last)) = (days.first, days.last) else { return Ok(None) };
            let (first, _) = quarters_of(in_time, &resolved, first)?;
            let (_, last) = quarters_of(in_time, &resolved, last)?;
            Ok(first.start().zip(Quarter(last.0 + 1).start()))
        })
    }

    /// Counts the events of a range by slots and groups, in no order. Slot *n* begins at the *n*th of `starts`, which
    /// ascend, and ends where the next one begins. None where there are more than may be.
    ///
    /// # Errors
    /// [`Error::Timeout`] where it takes too long, else as [`Error`] tells.
    pub fn count_events(
        &self,
        filter: &EventFilter,
        starts: &[DateTime<Utc>],
        grouping: Grouping,
        limit: CountsLimit,
    ) -> Result<Option<Vec<SlotCount>>, Error> {
        self.at_one_moment(|in_time| {
            let Some(resolved) = resolve(in_time, filter)? else { return Ok(Some(Vec::new())) };
            let mut sums = Sums { starts, limit, by_slot: HashMap::new(), bytes: 0 };
            sums.count(in_time, &resolved, filter, grouping)?;
            Ok(sums.into_counts())
        })
    }
}

fn days_sql(of_applications: bool) -> String {
    let (kept, changed) = match of_applications {
        true => ("application_id = ANY ($1)", "u.application_id = ANY ($1)"),
        false => ("application_id = 0", "true"),
    };
    format!(
        "SELECT least(k.first, c.first) AS first, greatest(k.last, c.last) AS last FROM \
         (SELECT min(day) AS first, max(day) AS last FROM event_counts WHERE event_type_id = 0 AND {kept}) k, \
         (SELECT date '1970-01-01' + min(u.quarter) / 96 AS first, date '1970-01-01' + max(u.quarter) / 96 AS last \
         FROM {CHANGES} WHERE {changed}) c"
    )
}

/// The first and the last quarter of a day in which events are counted; those of the whole day where none are any more.
fn quarters_of(
    in_time: &mut InTime<'_>,
    resolved: &Resolved,
    day: NaiveDate,
) -> QueryResult<(Quarter, Quarter)> {
    let first = Quarter(day_number(day) * QUARTERS_A_DAY);
    let range = Range { first, end: Quarter(first.0 + QUARTERS_A_DAY) };
    let mut sums = BTreeMap::new();
    kept(in_time.connection()?, resolved, range, Grain::Quarter, Grouping::default(), |_, told| {
        // Of what expired a moment ago there are less than none, in another row.
        told.for_each(|(quarter, events)| *sums.entry(quarter).or_insert(0) += events);
        ControlFlow::Continue(())
    })?;
    sums.retain(|_, events: &mut i64| *events > 0);
    let ends = sums.first_key_value().zip(sums.last_key_value());
    Ok(ends.map_or((first, Quarter(range.end.0 - 1)), |((first, _), (last, _))| (*first, *last)))
}

/// What is counted so far.
struct Sums<'s> {
    starts: &'s [DateTime<Utc>],
    limit: CountsLimit,
    by_slot: HashMap<(usize, Group), i64>,
    bytes: usize,
}

impl Sums<'_> {
    fn count(
        &mut self,
        in_time: &mut InTime<'_>,
        resolved: &Resolved,
        filter: &EventFilter,
        grouping: Grouping,
    ) -> QueryResult<()> {
        let Some((quarters, grain)) = self.quarters(filter) else {
            return self.add_events(in_time, resolved, filter, grouping);
        };
        kept(in_time.connection()?, resolved, quarters, grain, grouping, |group, told| {
            self.add_kept(group, told);
            if self.are_too_many() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        for end in ragged_ends(filter, quarters) {
            if self.are_too_many() {
                break;
            }
            self.add_events(in_time, resolved, &end, grouping)?;
        }
        Ok(())
    }

    /// The whole quarters of the range and how coarsely they may be told; none where only the events tell what is asked for,
    /// or where there are none.
    fn quarters(&self, filter: &EventFilter) -> Option<(Range, Grain)> {
        let range = Range::of(filter);
        // The first slot begins where the range begins, or earlier.
        let later = self.starts.get(1..).unwrap_or_default();
        let fits = |grain: &Grain| later.iter().all(|start| grain.begins_at(*start));
        let grain = [Grain::Day, Grain::Hour, Grain::Quarter].into_iter().find(fits)?;
        (filter.is_counted() && filter.data.is_empty() && range.first < range.end).then_some((range, grain))
    }

    fn add_events(
        &mut self,
        in_time: &mut InTime<'_>,
        resolved: &Resolved,
        filter: &EventFilter,
        grouping: Grouping,
    ) -> QueryResult<()> {
        let resolved = &spelled_out(in_time.connection()?, resolved)?;
        let limit = i64::try_from(self.limit.counts).unwrap_or(i64::MAX).saturating_add(1);
        let rows = query(events_sql(resolved, filter, grouping), resolved, filter)
            .bind::<Array<Timestamptz>, _>(self.starts)
            .bind::<BigInt, _>(limit)
            .load_iter::<Row, PgRowByRowLoadingMode>(in_time.connection()?)?;
        for row in rows {
            let Row { slot, category, name, application, events } = row?;
            self.add(usize::try_from(slot).unwrap_or_default(), (category, name, application), events);
            if self.are_too_many() {
                break;
            }
        }
        Ok(())
    }

    /// Most are in the slot of the one before: they are added up before they are looked up.
    fn add_kept(&mut self, group: &Group, told: impl Iterator<Item = (Quarter, i64)>) {
        let in_slots = told.filter_map(|(quarter, events)| Some((self.slot_of(quarter.start()?), events)));
        let mut sums: Vec<(usize, i64)> = Vec::new();
        for (slot, events) in in_slots {
            match sums.last_mut() {
                Some((last, sum)) if *last == slot => *sum += events,
                _ => sums.push((slot, events)),
            }
        }
        sums.into_iter().for_each(|(slot, events)| self.add(slot, group.clone(), events));
    }

    fn slot_of(&self, at: DateTime<Utc>) -> usize {
        self.starts.partition_point(|start| *start <= at).saturating_sub(1)
    }

    fn add(&mut self, slot: usize, group: Group, events: i64) {
        let bytes = count_bytes([&group.0, &group.1, &group.2]);
        match self.by_slot.entry((slot, group)) {
            Entry::Occupied(mut sum) => *sum.get_mut() += events,
            Entry::Vacant(place) => {
                self.bytes += bytes;
                place.insert(events);
            }
        }
    }

    fn are_too_many(&self) -> bool {
        self.by_slot.len() > self.limit.counts || self.bytes > self.limit.bytes
    }

    /// None where some may be missing, as there are too many.
    fn into_counts(self) -> Option<Vec<SlotCount>> {
        if self.are_too_many() {
            return None;
        }
        let counts =
            self.by_slot.into_iter().filter_map(|((slot, (category, name, application)), events)| {
                let events = u64::try_from(events).ok().filter(|events| *events > 0)?;
                Some(SlotCount { slot, category, name, application, events })
            });
        Some(counts.collect())
    }
}

/// What of a range lies before and after its whole quarters.
pub(crate) fn ragged_ends(filter: &EventFilter, quarters: Range) -> impl Iterator<Item = EventFilter> {
    let (first, end) = (quarters.first.start(), quarters.end.start());
    let before = EventFilter { to: first, ..filter.clone() };
    let after = EventFilter { from: end, ..filter.clone() };
    let is_some = |end: &EventFilter| matches!((end.from, end.to), (Some(from), Some(to)) if from < to);
    [after, before].into_iter().filter(is_some)
}

/// Types are grouped by number, one for all of a category or of a name: texts would take several times as long.
fn events_sql(resolved: &Resolved, filter: &EventFilter, grouping: Grouping) -> String {
    let conditions = matching(resolved, filter);
    let (kind, join) = kinds(grouping);
    let (starts, limit) = (PARAMETERS + 1, PARAMETERS + 2);
    let application = if grouping.application { "e.application_id" } else { "NULL::integer" };
    let names = [(grouping.category, "t.category"), (grouping.name, "t.name")]
        .map(|(wanted, column)| if wanted { column } else { "NULL" });
    format!(
        "SELECT c.slot, {} AS category, {} AS name, \
         CASE WHEN c.application_id IS NOT NULL THEN coalesce(a.name, '#' || c.application_id) END AS application, \
         c.events FROM (SELECT width_bucket(e.occurred_at, ${starts}) - 1 AS slot, {kind} AS kind, \
         {application} AS application_id, count(*) AS events FROM events e {join} WHERE {conditions} \
         GROUP BY 1, 2, 3 LIMIT ${limit}) c \
         LEFT JOIN event_types t ON t.id = c.kind LEFT JOIN applications a ON a.id = c.application_id",
        names[0], names[1]
    )
}

/// The number that stands for a type, and where it comes from.
fn kinds(grouping: Grouping) -> (&'static str, String) {
    let first_of = |column: &str| {
        format!(
            "JOIN (SELECT id, min(id) OVER (PARTITION BY {column}) AS first FROM event_types) k \
             ON k.id = e.event_type_id"
        )
    };
    match (grouping.category, grouping.name) {
        (false, false) => ("NULL::integer", String::new()),
        (true, true) => ("e.event_type_id", String::new()),
        (true, false) => ("k.first", first_of("category")),
        (false, true) => ("k.first", first_of("name")),
    }
}
