//! Where the events of a page are, found from the counts.
//!
//! A page must cost the same however many events there are. So first the counts of the days and quarters of an hour are
//! read, from where the page begins on, until as many events as it needs are counted: that is a *window* of time. If few
//! other events are in it, it is read in the order of time, and what does not match is passed over. Else the counts tell
//! which types of which applications are in it, hardly more than the events it needs, and their events are read from the
//! index on type, application and time. Where nothing is counted nothing is read.
//!
//! What is not counted (times of receipt) may leave a page unfilled, and so may events that expired meanwhile: then the
//! next window is read, each larger than the one before, until the page is full or all time is read.
//!
//! # Why no event is missed
//! The changes of counts are read before the counts: what is moved from one to the other meanwhile is seen twice and never
//! not at all. So every event that was stored before is counted where it is, and the windows leave no time out. An event
//! that is stored while a page is read may be on it or not, as it always may.

mod quarters;
mod sql;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Date, Integer, Nullable};

use self::quarters::Quarters;
use self::sql::{Day, Details, Pair, days_sql, details_sql, pairs_sql};
use super::Resolved;
use crate::counts::changes::{Change, additions};
use crate::counts::{QUARTERS_A_DAY, Quarter, date, day_number};
use crate::in_time::InTime;
use crate::page::Order;
use crate::prepared::Prepared;

/// So many days of all sources together are looked at first, or two of each.
const DAYS_AT_FIRST: usize = 120;

/// The quarters of no more sources than this are read.
const SOURCES_READ_MAX: usize = 32;

/// At most so many days of each source are looked at at once.
const DAYS_MAX: i64 = 4_096;

/// By how much the next window may be larger.
const GROWTH: i64 = 4;

/// The same where events are looked into: that takes less time than finding many windows.
const GROWTH_LOOKED_INTO: i64 = 16;

/// A window with so few events of all kinds is read in the order of time.
const FEW_EVENTS: i64 = 2_000;

/// So is one in which one in so many events matches.
const SHARE: i64 = 20;

/// The same for all windows but the first. A page that the first did not fill is asked for something that is not counted, so
/// that every event may have to be read: then those that do not match cost more than an index that knows them.
const SHARE_LATER: i64 = 2;

/// For more types of applications than this, a window is read in the order of time too.
const PAIRS_MAX: i64 = 2_000;

/// A time in which events are to be looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// Its beginning; none: since ever.
    pub(crate) from: Option<DateTime<Utc>>,
    /// Its end, which is not in it; none: for ever.
    pub(crate) to: Option<DateTime<Utc>>,
    /// What to read.
    pub(crate) source: Source,
    /// About how many events match.
    pub(crate) matching: i64,
}

/// How the events of a window are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// All of them, in the order of time.
    Everything,
    /// Those of these types of these applications: one of each at the same place.
    Pairs(Vec<i32>, Vec<i32>),
}

/// A way through the windows.
pub(crate) struct Search<'f> {
    resolved: &'f Resolved,
    order: Order,
    changes: Vec<Change>,
    /// The first place that is not read. Places are quarters in the order of reading: see [`place`].
    next: i64,
    /// The first place beyond the range.
    end: i64,
    /// The place at which the first window begins, if it may begin in its midst.
    partial: Option<i64>,
    wanted: i64,
    days_max: i64,
    share: i64,
    growth: i64,
}

/// The days that were looked at, by their place.
struct Days {
    events: BTreeMap<i64, i64>,
    /// Nothing lies beyond them.
    complete: bool,
}

/// How far a window goes, and what is counted in it.
struct Reach {
    start: i64,
    end: i64,
    /// Up to where all is read then: where nothing follows, beyond the window.
    next: i64,
    matching: i64,
    /// All events, where that is known.
    all: Option<i64>,
}

/// Reads windows, one after another, until no more rows are wanted or nothing is left. What reads a window is told how many
/// rows are wanted, and tells how many are wanted after it.
pub(crate) fn read_windows(
    in_time: &mut InTime<'_>,
    mut search: Search<'_>,
    mut read: impl FnMut(&mut PgConnection, &Window, i64) -> QueryResult<i64>,
) -> QueryResult<()> {
    let mut wanted = search.wanted;
    while wanted > 0 {
        let Some(window) = search.next(in_time)? else { break };
        wanted = read(in_time.connection()?, &window, wanted)?;
    }
    Ok(())
}

impl<'f> Search<'f> {
    /// Begins a search for so many events of a filter, at a time or at the beginning of the range.
    pub(crate) fn begin(
        in_time: &mut InTime<'_>,
        resolved: &'f Resolved,
        order: Order,
        range: (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
        at: Option<DateTime<Utc>>,
        wanted: i64,
    ) -> QueryResult<Self> {
        let changes =
            additions(in_time.connection()?, resolved.types.as_deref(), resolved.applications.as_deref())?;
        let (from, to) = (range.0.map(Quarter::of), range.1.map(last_before));
        let (near, far) = match order {
            Order::Ascending => (from.into_iter().chain(at.map(Quarter::of)).max(), to),
            Order::Descending => (to.into_iter().chain(at.map(Quarter::of)).min(), from),
        };
        let (first, last) = match order {
            Order::Ascending => (Quarter::FIRST, Quarter::LAST),
            Order::Descending => (Quarter::LAST, Quarter::FIRST),
        };
        let next = place(order, near.unwrap_or(first));
        Ok(Self {
            resolved,
            order,
            changes,
            next,
            end: place(order, far.unwrap_or(last)) + 1,
            partial: near.map(|_| next),
            wanted,
            days_max: days_at_first(resolved),
            share: SHARE,
            growth: GROWTH,
        })
    }

    /// The same for events that are looked into, which no count tells.
    pub(crate) fn looking_into(self) -> Self {
        Self { growth: GROWTH_LOOKED_INTO, ..self }
    }

    /// The next window; none where all time is read.
    pub(crate) fn next(&mut self, in_time: &mut InTime<'_>) -> QueryResult<Option<Window>> {
        if self.next >= self.end {
            return Ok(None);
        }
        let days = self.days(in_time)?;
        if days.events.is_empty() {
            self.next = self.end;
            return Ok(None);
        }
        let reach = self.reach(in_time, &days)?;
        let window = self.window(in_time, &reach)?;
        self.next = reach.next;
        self.wanted = self.wanted.saturating_mul(self.growth);
        self.days_max = (self.days_max * self.growth).min(DAYS_MAX);
        self.share = SHARE_LATER;
        Ok(Some(window))
    }

    /// The next days that hold matching events.
    fn days(&self, in_time: &mut InTime<'_>) -> QueryResult<Days> {
        let (first, last) = (self.date(self.next), self.date(self.end - 1));
        let rows = Prepared(
            diesel::sql_query(days_sql(self.resolved, self.order))
                .bind::<Nullable<Array<Integer>>, _>(&self.resolved.types)
                .bind::<Nullable<Array<Integer>>, _>(&self.resolved.applications)
                .bind::<Date, _>(first)
                .bind::<Date, _>(last)
                .bind::<BigInt, _>(self.days_max),
        )
        .load::<Day>(in_time.connection()?)?;
        let complete = rows.iter().all(|row| row.complete);
        let day = |row: Day| (place(self.order, Quarter(day_number(row.day) * QUARTERS_A_DAY)), row.events);
        let mut events: BTreeMap<i64, i64> =
            rows.into_iter().map(day).map(|(at, events)| (day_of(at), events)).collect();
        let horizon = events.last_key_value().map(|(day, _)| *day).filter(|_| !complete);
        for change in &self.changes {
            let at = place(self.order, change.quarter());
            let seen = horizon.is_none_or(|horizon| day_of(at) <= horizon);
            if seen && (self.next..self.end).contains(&at) {
                *events.entry(day_of(at)).or_insert(0) += change.events;
            }
        }
        Ok(Days { events, complete })
    }

    /// From where to where the next window has to go. What is counted in a quarter in whose midst the page begins may lie
    /// before it, so that it does not count.
    fn reach(&self, in_time: &mut InTime<'_>, days: &Days) -> QueryResult<Reach> {
        let began = day_of(self.next);
        let first = days.events.keys().next().copied().unwrap_or(began);
        let (mut last, mut counted) = (first, 0);
        for (day, events) in &days.events {
            last = *day;
            counted += if *day == began { 0 } else { *events };
            if counted >= self.wanted {
                break;
            }
        }
        let start = self.next.max(first * QUARTERS_A_DAY);
        let details = self.details(in_time, days, [first, last])?;
        // What is only taken to be so may be less, and another window costs more than a larger one.
        let wanted = if self.reads_each() { self.wanted } else { self.wanted.saturating_mul(2) };
        // Of days in between it is not known.
        let (mut matching, mut all) = (0, (last - first <= 1).then_some(0));
        for (day, events) in days.events.range(..=last) {
            let Some(quarters) = details.get(day) else {
                matching += events;
                continue;
            };
            let quarters = quarters.matching.iter().zip(&quarters.all);
            for (at, (events, any)) in
                (day * QUARTERS_A_DAY..).zip(quarters).skip_while(|(at, _)| *at < start)
            {
                matching += if self.partial == Some(at) { 0 } else { *events };
                all = all.map(|all| all + any);
                if matching >= wanted {
                    let end = (at + 1).min(self.end);
                    return Ok(Reach { start, end, next: end, matching, all });
                }
            }
        }
        let end = ((last + 1) * QUARTERS_A_DAY).min(self.end);
        let nothing_follows = days.complete && days.events.range(last + 1..).next().is_none();
        Ok(Reach { start, end, next: if nothing_follows { self.end } else { end }, matching, all })
    }

    fn reads_each(&self) -> bool {
        sources(self.resolved) <= SOURCES_READ_MAX
    }

    /// The quarters of two days. Of many sources together, what matches is taken to spread over a day as everything does: that
    /// is near enough to tell how far a window should go.
    fn details(
        &self,
        in_time: &mut InTime<'_>,
        days: &Days,
        wanted: [i64; 2],
    ) -> QueryResult<BTreeMap<i64, Quarters>> {
        let each = self.reads_each();
        // Often it is one day: named twice, its events would count twice.
        let dates: BTreeSet<_> = wanted.iter().map(|day| self.date(day * QUARTERS_A_DAY)).collect();
        let rows = Prepared(
            diesel::sql_query(details_sql(self.resolved, each))
                .bind::<Nullable<Array<Integer>>, _>(&self.resolved.types)
                .bind::<Nullable<Array<Integer>>, _>(&self.resolved.applications)
                .bind::<Array<Date>, _>(dates.into_iter().collect::<Vec<_>>()),
        )
        .load::<Details>(in_time.connection()?)?;
        let mut details = BTreeMap::from(wanted.map(|day| (day, Quarters::none())));
        for Details { day, matching, mut events } in rows {
            if self.order == Order::Descending {
                events.reverse();
            }
            let day = day_of(place(self.order, Quarter(day_number(day) * QUARTERS_A_DAY)));
            let Some(quarters) = details.get_mut(&day) else { continue };
            let sums = if matching { &mut quarters.matching } else { &mut quarters.all };
            sums.iter_mut().zip(events).for_each(|(sum, events)| *sum += i64::from(events.unwrap_or(0)));
        }
        for change in &self.changes {
            let at = place(self.order, change.quarter());
            let Some(quarters) = details.get_mut(&day_of(at)) else { continue };
            let at = usize::try_from(at.rem_euclid(QUARTERS_A_DAY)).unwrap_or_default();
            for events in [&mut quarters.matching, &mut quarters.all] {
                events[at] += change.events;
            }
        }
        if !each {
            details.iter_mut().for_each(|(day, quarters)| quarters.spread(days.events.get(day).copied()));
        }
        Ok(details)
    }

    fn window(&self, in_time: &mut InTime<'_>, reach: &Reach) -> QueryResult<Window> {
        let (first, last) = (self.quarter(reach.start), self.quarter(reach.end - 1));
        let (from, to) = (first.min(last), first.max(last));
        let few = |all: i64| all <= FEW_EVENTS || all / self.share <= reach.matching;
        let source = match reach.all.is_some_and(few) {
            true => Source::Everything,
            false => self.pairs(in_time, from, to)?,
        };
        Ok(Window {
            from: (from > Quarter::FIRST).then(|| from.start()).flatten(),
            to: (to < Quarter::LAST).then(|| Quarter(to.0 + 1).start()).flatten(),
            source,
            matching: reach.matching,
        })
    }

    /// Which types of which applications have events in a window, by its days.
    fn pairs(&self, in_time: &mut InTime<'_>, from: Quarter, to: Quarter) -> QueryResult<Source> {
        let rows = Prepared(
            diesel::sql_query(pairs_sql(self.resolved))
                .bind::<Nullable<Array<Integer>>, _>(&self.resolved.types)
                .bind::<Nullable<Array<Integer>>, _>(&self.resolved.applications)
                .bind::<Date, _>(date(from.day()))
                .bind::<Date, _>(date(to.day()))
                .bind::<BigInt, _>(PAIRS_MAX + 1),
        )
        .load::<Pair>(in_time.connection()?)?;
        let counted = rows.iter().map(|pair| (pair.event_type_id, pair.application_id));
        let changed = self.changes.iter().filter(|change| (from..=to).contains(&change.quarter()));
        let changed = changed.map(|change| (change.event_type_id, change.application_id));
        let pairs: BTreeSet<_> = counted.chain(changed).collect();
        if i64::try_from(pairs.len()).is_ok_and(|pairs| pairs <= PAIRS_MAX) {
            let (types, applications) = pairs.into_iter().unzip();
            return Ok(Source::Pairs(types, applications));
        }
        Ok(Source::Everything)
    }

    fn quarter(&self, at: i64) -> Quarter {
        match self.order {
            Order::Ascending => Quarter(at),
            Order::Descending => Quarter(-1 - at),
        }
    }

    fn date(&self, at: i64) -> NaiveDate {
        date(self.quarter(at).day())
    }
}

/// How many rows of counts make up those of a day.
fn sources(resolved: &Resolved) -> usize {
    let several = |numbers: &Option<Vec<i32>>| numbers.as_ref().map_or(1, Vec::len).max(1);
    several(&resolved.types) * several(&resolved.applications)
}

/// How many days of each source are looked at first.
fn days_at_first(resolved: &Resolved) -> i64 {
    i64::try_from(DAYS_AT_FIRST / sources(resolved)).unwrap_or(2).max(2)
}

/// Where a quarter stands in the order of reading: greater is later on.
const fn place(order: Order, quarter: Quarter) -> i64 {
    match order {
        Order::Ascending => quarter.0,
        Order::Descending => -1 - quarter.0,
    }
}

/// Where the day of a place stands in the order of reading. A day has 96 places in either order.
const fn day_of(at: i64) -> i64 {
    at.div_euclid(QUARTERS_A_DAY)
}

/// The last quarter that has something before a time.
fn last_before(to: DateTime<Utc>) -> Quarter {
    Quarter(Quarter::from(to).0 - 1)
}
