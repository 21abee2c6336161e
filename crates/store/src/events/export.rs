//! All events that match, however many: read in chunks, each of them a statement of its own.
//!
//! No transaction and no connection lasts longer than a chunk, so an export that takes an hour keeps nothing from being
//! cleaned up, and a client that reads slowly holds nothing. Events never change and their order has no ties, so going on
//! after the last one read neither skips nor repeats what was there at the beginning.
//!
//! A chunk is all that matches in a *window* of time, which grows where little is found and shrinks where it takes long:
//! whatever is asked for, each statement has about the same work, and the planner may choose between the order of time and
//! the index of types and applications, since either leads to the same few rows. Memory is bounded by what a chunk may
//! hold: rows are taken one by one, and those beyond its bytes are left for the next.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use diesel::pg::PgRowByRowLoadingMode;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};

use super::session::OF_SESSIONS;
use super::{Event, EventFilter, EventPosition, Resolved, data, resolve};
use crate::in_time::InTime;
use crate::page::Order;
use crate::{Error, Store};

/// The most events of a chunk.
const CHUNK_EVENTS_MAX: i64 = 10_000;

/// The first chunk has fewer: nobody knows yet how large the events are.
const CHUNK_EVENTS_AT_FIRST: i64 = 1_000;

/// Over so many bytes a chunk ends.
const CHUNK_BYTES_MAX: usize = 8 << 20;

/// How much of time is looked at first.
const WINDOW_AT_FIRST: TimeDelta = TimeDelta::hours(1);

/// No window is shorter.
const WINDOW_MIN: TimeDelta = TimeDelta::milliseconds(1);

/// A statement that takes longer had too large a window; one that takes less than a quarter of it may have a larger one.
const CHUNK_DURATION_MAX: Duration = Duration::from_millis(800);

/// Beyond so many types of applications they are no way to find events any more.
const PAIRS_MAX: usize = 10_000;

/// An export on its way.
#[derive(Debug)]
pub struct Export {
    store: Store,
    filter: EventFilter,
    order: Order,
    sources: Resolved,
    /// The time that is not read yet, from inclusive and to exclusive.
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    /// The last event that was read, where events of its window are left.
    after: Option<EventPosition>,
    window: TimeDelta,
    events_max: i64,
}

#[derive(QueryableByName)]
struct Bounds {
    #[diesel(sql_type = Nullable<Timestamptz>)]
    first: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    last: Option<DateTime<Utc>>,
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = Integer)]
    id: i32,
}

/// What a statement gave, and whether more is left of its window.
struct Chunk {
    events: Vec<Event>,
    bytes: usize,
    is_cut: bool,
}

impl Store {
    /// Begins to export. What is stored from now on may be in it or not.
    ///
    /// # Errors
    /// As [`Error`] tells.
    pub fn begin_export(&self, filter: EventFilter, order: Order) -> Result<Export, Error> {
        let (sources, from, to) = self.read_in_time(|in_time| {
            let sources = sources(in_time, &filter)?;
            let bounds = diesel::sql_query(
                "SELECT min(occurred_at) AS first, max(occurred_at) AS last FROM events \
                 WHERE ($1::timestamptz IS NULL OR occurred_at >= $1) AND ($2::timestamptz IS NULL OR occurred_at < $2)",
            )
            .bind::<Nullable<Timestamptz>, _>(filter.from)
            .bind::<Nullable<Timestamptz>, _>(filter.to)
            .get_result::<Bounds>(in_time.connection()?)?;
            let bounds = bounds.first.zip(bounds.last).filter(|_| sources.is_some());
            let (first, last) = bounds.unwrap_or((DateTime::UNIX_EPOCH, DateTime::UNIX_EPOCH));
            let end = if bounds.is_some() { last + TimeDelta::microseconds(1) } else { last };
            Ok((sources.unwrap_or_default(), first, end))
        })?;
        Ok(Export {
            store: self.clone(),
            filter,
            order,
            sources,
            from,
            to,
            after: None,
            window: WINDOW_AT_FIRST,
            events_max: CHUNK_EVENTS_AT_FIRST,
        })
    }
}

impl Export {
    /// The next events; none at the end. A chunk may be empty though more follow.
    ///
    /// # Errors
    /// As [`Error`] tells. After a [`Error::Transient`] the same chunk can be asked for again.
    pub fn next_chunk(&mut self) -> Result<Option<Vec<Event>>, Error> {
        while self.from < self.to {
            let (from, to) = self.next_window();
            let begun = Instant::now();
            match self.store.read(|connection| self.load(connection, from, to)) {
                Ok(chunk) => {
                    self.learn(&chunk, begun.elapsed());
                    self.pass(&chunk, from, to);
                    return Ok(Some(chunk.events));
                }
                Err(Error::Timeout { .. }) if self.window > WINDOW_MIN => self.resize(1, 16),
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    fn next_window(&self) -> (DateTime<Utc>, DateTime<Utc>) {
        let rest = self.to - self.from;
        let window = self.window.min(rest);
        match self.order {
            Order::Ascending => (self.from, self.from + window),
            Order::Descending => (self.to - window, self.to),
        }
    }

    /// What was read of the window need not be read again.
    fn pass(&mut self, chunk: &Chunk, from: DateTime<Utc>, to: DateTime<Utc>) {
        let last = chunk.events.last().filter(|_| chunk.is_cut);
        match (self.order, last) {
            (Order::Ascending, Some(last)) => self.from = last.occurred_at,
            (Order::Ascending, None) => self.from = to,
            (Order::Descending, Some(last)) => self.to = last.occurred_at + TimeDelta::microseconds(1),
            (Order::Descending, None) => self.to = from,
        }
        // What is left begins with the instant of the last event, of which others may be left.
        self.after = last.map(Event::position);
    }

    /// Makes the next chunk as large as it can be.
    fn learn(&mut self, chunk: &Chunk, took: Duration) {
        let read = i64::try_from(chunk.events.len()).unwrap_or(i64::MAX);
        if let (true, Some(last)) = (chunk.is_cut, chunk.events.last()) {
            // As much time as these events cover.
            let covered = match self.order {
                Order::Ascending => last.occurred_at - self.from,
                Order::Descending => self.to - last.occurred_at,
            };
            self.window = covered.clamp(WINDOW_MIN, self.window.max(WINDOW_MIN));
        } else if took > CHUNK_DURATION_MAX {
            self.resize(1, 4);
        } else if read < self.events_max / 2 && took < CHUNK_DURATION_MAX / 4 {
            self.resize(4, 1);
        }
        let is_full = chunk.bytes >= CHUNK_BYTES_MAX;
        let events_max = if is_full { read } else { self.events_max.saturating_mul(2) };
        // Half of the bytes are aimed at: what was read in vain is lost time.
        let fit = read * i64::try_from(CHUNK_BYTES_MAX / 2 / chunk.bytes.max(1)).unwrap_or(i64::MAX).max(1);
        let fit = if read == 0 { events_max } else { fit.max(1) };
        self.events_max = events_max.min(fit).clamp(1, CHUNK_EVENTS_MAX);
    }

    fn resize(&mut self, by: i32, over: i32) {
        let resized = self.window.checked_mul(by).and_then(|window| window.checked_div(over));
        // No stretch of time that holds events is longer than this.
        self.window = resized.unwrap_or(TimeDelta::MAX).clamp(WINDOW_MIN, TimeDelta::days(400 * 366));
    }

    fn load(
        &self,
        connection: &mut PgConnection,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> QueryResult<Chunk> {
        let after = self.after.as_ref();
        let rows = diesel::sql_query(self.chunk_sql())
            .bind::<Nullable<Array<Text>>, _>(&self.sources.sessions)
            .bind::<Nullable<Array<Integer>>, _>(&self.sources.types)
            .bind::<Nullable<Array<Integer>>, _>(&self.sources.applications)
            .bind::<Timestamptz, _>(from)
            .bind::<Timestamptz, _>(to)
            .bind::<Nullable<Timestamptz>, _>(self.filter.received_from)
            .bind::<Nullable<Timestamptz>, _>(self.filter.received_to)
            .bind::<Nullable<Timestamptz>, _>(after.map(|after| after.occurred_at))
            .bind::<Nullable<Timestamptz>, _>(after.map(|after| after.received_at))
            .bind::<Nullable<Integer>, _>(after.map(|after| after.application_id))
            .bind::<Nullable<SqlUuid>, _>(after.map(|after| after.id))
            .bind::<BigInt, _>(self.events_max)
            .bind::<Nullable<Text>, _>(after.map(|after| after.session_id.as_str()))
            .bind::<Nullable<Text>, _>(data::jsonpath(&self.filter.data))
            .bind::<Nullable<Timestamptz>, _>(self.filter.stored_from)
            .bind::<Nullable<Timestamptz>, _>(self.filter.stored_to)
            .load_iter::<Event, PgRowByRowLoadingMode>(connection)?;
        let mut chunk = Chunk { events: Vec::new(), bytes: 0, is_cut: false };
        for row in rows {
            let event = row?;
            chunk.bytes += event.size();
            chunk.events.push(event);
            if chunk.bytes >= CHUNK_BYTES_MAX {
                break;
            }
        }
        let read = i64::try_from(chunk.events.len()).unwrap_or(i64::MAX);
        chunk.is_cut = read >= self.events_max || chunk.bytes >= CHUNK_BYTES_MAX;
        Ok(chunk)
    }

    fn chunk_sql(&self) -> String {
        let (columns, names) = (super::COLUMNS, super::NAMES);
        let (direction, comparison) = match self.order {
            Order::Ascending => ("asc", ">"),
            Order::Descending => ("desc", "<"),
        };
        let keys = ["occurred_at", "received_at", "application_id", "id", "session_id"];
        let sorted = keys.map(|key| format!("e.{key} {direction}")).join(", ");
        let keys = keys.map(|key| format!("e.{key}")).join(", ");
        let conditions = [
            (true, "e.occurred_at >= $4 AND e.occurred_at < $5".to_owned()),
            (self.sources.sessions.is_some(), OF_SESSIONS.to_owned()),
            (self.sources.types.is_some(), "e.event_type_id = ANY ($2)".to_owned()),
            (self.sources.applications.is_some(), "e.application_id = ANY ($3)".to_owned()),
            (self.filter.received_from.is_some(), "e.received_at >= $6".to_owned()),
            (self.filter.received_to.is_some(), "e.received_at < $7".to_owned()),
            (self.filter.stored_from.is_some(), "e.stored_at >= $15".to_owned()),
            (self.filter.stored_to.is_some(), "e.stored_at < $16".to_owned()),
            (self.after.is_some(), format!("({keys}) {comparison} ($8, $9, $10, $11, $13)")),
            (!self.filter.data.is_empty(), "e.data @@ $14::jsonpath".to_owned()),
        ];
        let conditions: Vec<String> =
            conditions.into_iter().filter_map(|(given, condition)| given.then_some(condition)).collect();
        format!(
            "SELECT {columns} FROM (SELECT e.* FROM events e WHERE {} ORDER BY {sorted} LIMIT $12) e {names} \
             ORDER BY {sorted}",
            conditions.join(" AND ")
        )
    }
}

/// What the filter's names stand for; where it names types or applications alone, with all of the others, since the index
/// begins with both. None where nothing can match.
fn sources(in_time: &mut InTime<'_>, filter: &EventFilter) -> QueryResult<Option<Resolved>> {
    let Some(mut sources) = resolve(in_time, filter)? else { return Ok(None) };
    let completed = match (&sources.sessions, &sources.types, &sources.applications) {
        (None, Some(types), None) => {
            let all = numbers(in_time.connection()?, "applications")?;
            (Some(types.clone()), Some(all))
        }
        (None, None, Some(applications)) => {
            let all = numbers(in_time.connection()?, "event_types")?;
            (Some(all), Some(applications.clone()))
        }
        _ => return Ok(Some(sources)),
    };
    let count = |numbers: &Option<Vec<i32>>| numbers.as_ref().map_or(0, Vec::len);
    if count(&completed.0).saturating_mul(count(&completed.1)) <= PAIRS_MAX {
        (sources.types, sources.applications) = completed;
    }
    Ok(Some(sources))
}

fn numbers(connection: &mut PgConnection, table: &str) -> QueryResult<Vec<i32>> {
    let found = diesel::sql_query(format!("SELECT id FROM {table}")).load::<Number>(connection)?;
    Ok(found.into_iter().map(|found| found.id).collect())
}
