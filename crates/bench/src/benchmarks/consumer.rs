//! How fast one consumer empties the queue, beside COPY of the same rows.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::Benchmark;
use super::gateway::beside;
use crate::load::{Load, Request};
use crate::measure::{Goal, Row, rounds_beside};
use crate::pipeline::{Listening, Pipeline, Stage};
use crate::service::Service;

/// So many events a message of the queue holds, and over how many connections it is filled, for how long.
const BATCH_EVENTS: usize = 100;
const CONNECTIONS: u32 = 8;
const FILL_TIME: Duration = Duration::from_millis(1_500);

/// How often a consumer is asked how far it is.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// What the consumers count.
pub(super) const OUTCOMES: &str = "eye_consumer_events_total";
const STORED: &str = "outcome=\"stored\"";

/// The columns of an event, as a consumer writes them.
const COLUMNS: &str = "occurred_at, received_at, application_id, event_type_id, id, session_id, data";

/// Beside COPY.
pub(super) const DRAIN: Benchmark = Benchmark {
    name: "consumer_drain",
    about: "one consumer, from the queue to the commit, beside COPY of the same rows",
    always: true,
    run: drain,
};

fn drain(stage: &mut Stage) -> anyhow::Result<Vec<Row>> {
    let pipeline = stage.pipeline()?;
    let gateway = pipeline.gateway()?;
    let mut ours = drain_rate(pipeline, &gateway)?;
    let file = pipeline.path("events.copy");
    ours()?;
    pipeline.psql(&format!("\\copy (SELECT {COLUMNS} FROM events) to '{}'", file.display()))?;
    let copy = || {
        pipeline.empty()?;
        let told =
            pipeline.psql(&format!("\\timing on\n\\copy events ({COLUMNS}) from '{}'", file.display()))?;
        copied_a_second(&told)
    };
    let measured = rounds_beside(ours, copy)?;
    pipeline.empty()?;
    let what =
        "events from the queue to the commit, one consumer, beside COPY of such rows into the same tables";
    Ok(vec![beside(DRAIN.name, what, measured, Goal::Ratio(0.80))])
}

/// How many events a second a consumer stores into empty tables; they are left with what it stored.
///
/// # Errors
/// It does not store them.
pub(super) fn drain_rate<'p>(
    pipeline: &'p Pipeline,
    gateway: &'p Listening,
) -> anyhow::Result<impl FnMut() -> anyhow::Result<f64> + use<'p>> {
    let requests = pipeline.requests(gateway.address, BATCH_EVENTS);
    Ok(move || stored_rate(pipeline, gateway, &requests))
}

/// The same of these requests, which hold a hundred events each.
///
/// # Errors
/// They are not accepted, or not stored.
pub(super) fn stored_rate(
    pipeline: &Pipeline,
    gateway: &Listening,
    requests: &[Request],
) -> anyhow::Result<f64> {
    pipeline.empty()?;
    let load =
        Load { address: gateway.address, requests, connections: CONNECTIONS, rate: None, time: FILL_TIME };
    let outcome = load.send()?;
    outcome.rate()?;
    let events = outcome.accepted as f64 * BATCH_EVENTS as f64;
    let consumer = pipeline.consumer()?;
    let rate = pipeline.runtime.block_on(stored_a_second(&consumer, events))?;
    consumer.stop()?;
    Ok(rate)
}

/// From its first look at which a consumer has stored something to when it has stored everything.
async fn stored_a_second(consumer: &Service, events: f64) -> anyhow::Result<f64> {
    let (begun, mut first) = (Instant::now(), None);
    loop {
        let (at, stored) = (Instant::now(), consumer.metric(OUTCOMES, &[STORED]).await?);
        let (since, before) = *first.get_or_insert((at, stored));
        if stored >= events {
            ensure!(
                before < events,
                "expected to see it store {events} events, found all of them stored at once"
            );
            return Ok((stored - before) / (at - since).as_secs_f64());
        }
        if stored == 0.0 {
            first = None;
        }
        ensure!(
            begun.elapsed() < PATIENCE,
            "expected {events} events to be stored in {PATIENCE:?}, found {stored}"
        );
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}

/// What psql says of a COPY: `COPY 100000` and `Time: 1234.567 ms (00:01.235)`.
fn copied_a_second(told: &str) -> anyhow::Result<f64> {
    let after = |word: &str| {
        let rest = told.lines().find_map(|line| line.strip_prefix(word));
        let number = rest.and_then(|rest| rest.split_whitespace().next()).context("psql tells of COPY")?;
        number.parse::<f64>().with_context(|| format!("psql told {told}"))
    };
    Ok(after("COPY ")? / (after("Time: ")? / 1_000.0))
}
