//! How far the consumers are: written by them, read by whoever wants to know without asking the broker.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::connection::SimpleConnection as _;
use diesel::dsl;
use diesel::prelude::*;
use diesel::sql_types::{Double, Timestamptz};
use diesel::upsert::excluded;
use uuid::Uuid;

use crate::schema::{consumer_reports, queue_measurements};
use crate::{Error, Store};

/// A consumer that has not reported for so long does not run any more.
pub const SILENCE_MAX: Duration = Duration::from_secs(10);

/// For how long the report of a consumer that is gone is kept.
const REPORT_RETENTION: Duration = Duration::from_secs(60 * 60);

/// What one consumer holds.
#[derive(Clone, Debug, PartialEq, Eq, Insertable, Queryable, Selectable)]
#[diesel(table_name = consumer_reports)]
pub struct ConsumerReport {
    /// Which consumer: fresh for each start.
    pub consumer_id: Uuid,
    /// The machine or container that it runs on.
    pub host: String,
    /// When it was started.
    pub started_at: DateTime<Utc>,
    /// Deliveries that it gathers or writes.
    pub deliveries_held: i32,
    /// When the oldest event among these was received; none where it holds none.
    pub oldest_received_at: Option<DateTime<Utc>>,
}

/// What a look at a queue showed.
#[derive(Clone, Debug, PartialEq, Eq, Insertable, Queryable, Selectable)]
#[diesel(table_name = queue_measurements)]
pub struct QueueMeasurement {
    /// The queue's name on the broker.
    pub queue: String,
    /// Messages that wait to be delivered.
    pub ready_messages: i64,
    /// Consumers that are subscribed to it.
    pub subscriptions: i32,
}

/// How far the consumers are, as far as they have told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pipeline {
    /// The queues by name, each with the time of the look, by the database's clock.
    pub queues: Vec<(QueueMeasurement, DateTime<Utc>)>,
    /// The consumers that run, the oldest first, each with the time of its report.
    pub consumers: Vec<(ConsumerReport, DateTime<Utc>)>,
    /// The database's clock.
    pub now: DateTime<Utc>,
}

impl Pipeline {
    /// When the oldest event was received that is accepted and has no outcome yet; none where no consumer holds one.
    /// Queues are delivered from their head: what waits behind is younger.
    pub fn oldest_received_at(&self) -> Option<DateTime<Utc>> {
        self.consumers.iter().filter_map(|(report, _)| report.oldest_received_at).min()
    }
}

/// Writes what a consumer holds and what it saw of the queues, in the place of what was known before.
///
/// # Errors
/// As [`Error`] tells.
pub fn report(store: &Store, report: &ConsumerReport, queues: &[QueueMeasurement]) -> Result<(), Error> {
    // In one order whoever writes, so that two who do so at once wait for each other and no longer.
    let mut queues = queues.to_vec();
    queues.sort_by(|one, other| one.queue.cmp(&other.queue));
    store.read(|connection| {
        connection.transaction(|connection| {
            // Written anew each second: not worth a wait for the disk.
            connection.batch_execute("SET LOCAL synchronous_commit = off")?;
            diesel::insert_into(consumer_reports::table)
                .values(report)
                .on_conflict(consumer_reports::consumer_id)
                .do_update()
                .set((
                    consumer_reports::deliveries_held.eq(excluded(consumer_reports::deliveries_held)),
                    consumer_reports::oldest_received_at.eq(excluded(consumer_reports::oldest_received_at)),
                    consumer_reports::reported_at.eq(dsl::now),
                ))
                .execute(connection)?;
            diesel::insert_into(queue_measurements::table)
                .values(&queues)
                .on_conflict(queue_measurements::queue)
                .do_update()
                .set((
                    queue_measurements::ready_messages.eq(excluded(queue_measurements::ready_messages)),
                    queue_measurements::subscriptions.eq(excluded(queue_measurements::subscriptions)),
                    queue_measurements::measured_at.eq(dsl::now),
                ))
                .execute(connection)?;
            Ok(())
        })
    })
}

/// Takes back what a consumer that stops has reported.
///
/// # Errors
/// As [`Error`] tells.
pub fn withdraw(store: &Store, consumer_id: Uuid) -> Result<(), Error> {
    store.read(|connection| diesel::delete(consumer_reports::table.find(consumer_id)).execute(connection))?;
    Ok(())
}

/// Forgets the reports of consumers that ended without taking them back, and returns how many.
///
/// # Errors
/// As [`Error`] tells.
pub fn forget_silent(store: &Store) -> Result<usize, Error> {
    store.read(|connection| {
        diesel::sql_query(
            "DELETE FROM consumer_reports WHERE reported_at < now() - make_interval(secs => $1)",
        )
        .bind::<Double, _>(REPORT_RETENTION.as_secs_f64())
        .execute(connection)
    })
}

/// What the consumers have reported, without those that are silent.
///
/// # Errors
/// As [`Error`] tells.
pub fn look(store: &Store) -> Result<Pipeline, Error> {
    store.read(|connection| {
        let now: DateTime<Utc> = diesel::select(dsl::now.into_sql::<Timestamptz>()).get_result(connection)?;
        let queues = queue_measurements::table
            .order(queue_measurements::queue)
            .select((QueueMeasurement::as_select(), queue_measurements::measured_at))
            .load(connection)?;
        let since = now - TimeDelta::from_std(SILENCE_MAX).unwrap_or(TimeDelta::MAX);
        let consumers = consumer_reports::table
            .filter(consumer_reports::reported_at.ge(since))
            .order((consumer_reports::started_at, consumer_reports::consumer_id))
            .select((ConsumerReport::as_select(), consumer_reports::reported_at))
            .load(connection)?;
        Ok(Pipeline { queues, consumers, now })
    })
}
