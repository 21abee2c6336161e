//! What was stored since.
//!
//! # How nothing is missed or repeated
//! Transactions commit in another order than they begin in, so no clock and no sequence tells what is new. A *snapshot*
//! of the database does: it knows of each transaction whether it had ended. What is new between two snapshots was stored by
//! the transactions that the later one sees and the earlier one does not.
//!
//! The transaction id of an event's own row can't be asked: it may be that of a subtransaction, which snapshots do not know
//! apart, or of whoever moved the row to another partition. But whoever stores events takes messages in the same
//! transaction, and the row of a message has the id of the transaction itself. `taken_at` of the one is `stored_at` of the
//! other, both being the time at which the transaction began. So: first the new transactions are found by the messages that
//! they took, then their events by the time. Where an older transaction began in the very same microsecond, its events are
//! told apart by their transaction id after all.
//!
//! A message counts as new for [`TRANSACTION_DURATION_MAX`] after it was taken: a transaction that takes longer from its
//! beginning to its commit may be missed. Those of consumers consist of a dozen statements, each of at most
//! `store.statement_timeout_ms`.

mod part_sql;
mod place;

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::pg::PgRowByRowLoadingMode;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};

use self::part_sql::{part_sql, transaction_of};
use self::place::{StoredPosition, Within, snapshot};
use super::{Event, EventFilter, Resolved, data, resolve};
use crate::in_time::InTime;
use crate::{Error, Store};

pub use self::place::{Place, Snapshot};

/// How long before a snapshot a transaction may have begun that it does not see.
const TRANSACTION_DURATION_MAX: TimeDelta = TimeDelta::minutes(10);

/// More transactions than these are not caught up with.
const TRANSACTIONS_MAX: i64 = 100_000;

/// Of so many transactions the events are looked for at once.
const TRANSACTIONS_AT_ONCE: usize = 64;

/// Over so many bytes a page ends.
const PAGE_BYTES_MAX: usize = 1 << 20;

/// What was found at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// Events, each with the place after it, and the place from which to go on.
    Page {
        /// The events.
        events: Vec<(Event, Place)>,
        /// Where to go on.
        next: Place,
        /// Whether more is there already.
        more: bool,
    },
    /// The place can't be gone on from: the database is another one or was set back, or too much was stored since.
    Lost {
        /// What was stored before is known.
        since: DateTime<Utc>,
        /// The place from which to go on.
        next: Place,
    },
}

#[derive(QueryableByName)]
struct TransactionRow {
    #[diesel(sql_type = BigInt)]
    transaction: i64,
    #[diesel(sql_type = Timestamptz)]
    taken_at: DateTime<Utc>,
}

/// What is new between two snapshots: by whom it was stored.
struct Interval<'a> {
    since: &'a Snapshot,
    /// When its transactions began.
    began: Vec<DateTime<Utc>>,
    /// Other transactions that began at the same times.
    others: Vec<i64>,
}

impl Store {
    /// The snapshot of this moment.
    ///
    /// # Errors
    /// As [`Error`] tells.
    pub fn snapshot(&self) -> Result<Snapshot, Error> {
        self.read(snapshot)
    }

    /// What was stored since, up to an earlier moment or until now: the next so many events.
    ///
    /// # Errors
    /// As [`Error`] tells.
    pub fn news(
        &self,
        place: &Place,
        until: Option<&Snapshot>,
        filter: &EventFilter,
        limit: u32,
    ) -> Result<News, Error> {
        // One snapshot for all: what it sees, and what that is.
        self.read_in_time(|in_time| in_time.in_snapshot(|in_time| news(in_time, place, until, filter, limit)))
    }
}

fn news(
    in_time: &mut InTime<'_>,
    place: &Place,
    until: Option<&Snapshot>,
    filter: &EventFilter,
    limit: u32,
) -> QueryResult<News> {
    let now = snapshot(in_time.connection()?)?;
    let lost = |now: Snapshot| News::Lost { since: place.known_before(), next: Place::after(now) };
    let until = place.within.as_ref().map(|within| &within.until).or(until).unwrap_or(&now);
    if !place.since.is_before(until) || !until.is_before(&now) {
        return Ok(lost(now));
    }
    let Some(interval) = interval(in_time, &place.since, until, &now)? else { return Ok(lost(now)) };
    let after = place.within.as_ref().map(|within| &within.after);
    let (events, more) = match resolve(in_time, filter)? {
        Some(resolved) => page(in_time, &interval, (filter, &resolved), after, limit)?,
        None => (Vec::new(), false),
    };
    let at = |event: &Event| Place {
        since: place.since.clone(),
        within: Some(Within { until: until.clone(), after: StoredPosition::of(event) }),
    };
    let placed = |event| {
        let place = at(&event);
        (event, place)
    };
    let mut events: Vec<(Event, Place)> = events.into_iter().map(placed).collect();
    let end = Place::after(until.clone());
    let next = match events.last_mut() {
        Some((_, last)) if more => last.clone(),
        Some((_, last)) => {
            *last = end.clone();
            end
        }
        None => end,
    };
    Ok(News::Page { events, next, more })
}

/// None where there are too many.
fn interval<'a>(
    in_time: &mut InTime<'_>,
    since: &'a Snapshot,
    until: &'a Snapshot,
    now: &Snapshot,
) -> QueryResult<Option<Interval<'a>>> {
    let mut interval = Interval { since, began: Vec::new(), others: Vec::new() };
    if since.begins_at == now.begins_at && since.running == now.running {
        return Ok(Some(interval));
    }
    let rows = diesel::sql_query(format!(
        "SELECT DISTINCT transaction, taken_at FROM (SELECT {} AS transaction, m.taken_at FROM taken_messages m \
         WHERE m.taken_at >= $1) m WHERE transaction >= $2 LIMIT $3",
        transaction_of("m")
    ))
    .bind::<Timestamptz, _>(since.known_before())
    .bind::<BigInt, _>(since.ended_before)
    .bind::<BigInt, _>(TRANSACTIONS_MAX)
    .load::<TransactionRow>(in_time.connection()?)?;
    if i64::try_from(rows.len()).is_ok_and(|rows| rows >= TRANSACTIONS_MAX) {
        return Ok(None);
    }
    let is_new = |row: &TransactionRow| !since.sees(row.transaction) && until.sees(row.transaction);
    let began: BTreeSet<_> = rows.iter().filter(|row| is_new(row)).map(|row| row.taken_at).collect();
    let others = rows.iter().filter(|row| !is_new(row) && began.contains(&row.taken_at));
    interval.others = others.map(|row| row.transaction).collect();
    interval.began = began.into_iter().collect();
    Ok(Some(interval))
}

/// The next events of an interval, and whether more follow.
fn page(
    in_time: &mut InTime<'_>,
    interval: &Interval<'_>,
    (filter, resolved): (&EventFilter, &Resolved),
    after: Option<&StoredPosition>,
    limit: u32,
) -> QueryResult<(Vec<Event>, bool)> {
    let left: Vec<_> = interval
        .began
        .iter()
        .copied()
        .filter(|began| after.is_none_or(|after| *began >= after.stored_at))
        .collect();
    let mut parts = left.chunks(TRANSACTIONS_AT_ONCE).peekable();
    while let Some(part) = parts.next() {
        let (events, is_cut) = part_of_page(in_time, interval, part, (filter, resolved), after, limit)?;
        if is_cut || !events.is_empty() {
            return Ok((events, is_cut || parts.peek().is_some()));
        }
    }
    Ok((Vec::new(), false))
}

fn part_of_page(
    in_time: &mut InTime<'_>,
    interval: &Interval<'_>,
    began: &[DateTime<Utc>],
    (filter, resolved): (&EventFilter, &Resolved),
    after: Option<&StoredPosition>,
    limit: u32,
) -> QueryResult<(Vec<Event>, bool)> {
    let rows = diesel::sql_query(part_sql(filter, resolved, after.is_some()))
        .bind::<Nullable<Array<Text>>, _>(&resolved.sessions)
        .bind::<Nullable<Array<Integer>>, _>(&resolved.types)
        .bind::<Nullable<Array<Integer>>, _>(&resolved.applications)
        .bind::<Nullable<Timestamptz>, _>(filter.from)
        .bind::<Nullable<Timestamptz>, _>(filter.to)
        .bind::<Nullable<Timestamptz>, _>(filter.received_from)
        .bind::<Nullable<Timestamptz>, _>(filter.received_to)
        .bind::<Nullable<Text>, _>(data::jsonpath(&filter.data))
        .bind::<Array<Timestamptz>, _>(began)
        .bind::<BigInt, _>(interval.since.ended_before)
        .bind::<Array<BigInt>, _>(&interval.others)
        .bind::<BigInt, _>(i64::from(limit))
        .bind::<Nullable<Timestamptz>, _>(after.map(|after| after.stored_at))
        .bind::<Nullable<Timestamptz>, _>(after.map(|after| after.received_at))
        .bind::<Nullable<Integer>, _>(after.map(|after| after.application_id))
        .bind::<Nullable<SqlUuid>, _>(after.map(|after| after.id))
        .bind::<Nullable<Text>, _>(after.map(|after| after.session_id.as_str()))
        .bind::<Nullable<Timestamptz>, _>(after.map(|after| after.occurred_at))
        .bind::<Nullable<Timestamptz>, _>(filter.stored_from)
        .bind::<Nullable<Timestamptz>, _>(filter.stored_to)
        .load_iter::<Event, PgRowByRowLoadingMode>(in_time.connection()?)?;
    let (mut events, mut bytes) = (Vec::new(), 0);
    for row in rows {
        let event = row?;
        bytes += event.size();
        events.push(event);
        if bytes >= PAGE_BYTES_MAX {
            break;
        }
    }
    let is_cut = bytes >= PAGE_BYTES_MAX || u32::try_from(events.len()).is_ok_and(|read| read >= limit);
    Ok((events, is_cut))
}
