//! The whole pipeline under load: what it sustains, how soon events can be read, what memory and time it takes.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use reqwest::StatusCode;
use serde_json::json;
use uuid::Uuid;

use super::Benchmark;
use super::consumer::{OUTCOMES, drain_rate};
use super::gateway::{beside, single_rate};
use crate::load::{Load, Outcome};
use crate::measure::{Figure, Goal, Row};
use crate::pipeline::{Listening, Pipeline, Stage};
use crate::service::Service;

/// For how long a rate has to be sustained, and for how long it is tried before.
const TIME: Duration = Duration::from_secs(60);
const TRIAL_TIME: Duration = Duration::from_secs(8);

/// So many applications' connections send.
const CONNECTIONS: u32 = 256;

/// The shares of the limit that are tried, one after another.
const SHARES: [f64; 9] = [1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.45, 0.4, 0.3];

/// How much of what is sent has to be accepted in time.
const ACCEPTED_SHARE: f64 = 0.99;

/// Of how many seconds of events the backlog may be at the end: what is on its way at any moment, and no more.
const BACKLOG_SECONDS: f64 = 1.0;

/// In how many rounds the limits are measured here.
const LIMIT_ROUNDS: usize = 3;

/// How fresh events are is measured at this rate, for this long, with so much between two looks.
const FRESH_RATE: f64 = 2_000.0;
const FRESH_TIME: Duration = Duration::from_secs(20);
const FRESH_INTERVAL: Duration = Duration::from_millis(40);
const FRESH_LOOK_INTERVAL: Duration = Duration::from_millis(2);

/// For how long the services are left alone.
const IDLE_TIME: Duration = Duration::from_secs(10);

/// How long the pipeline may take to store what is left.
const PATIENCE: Duration = Duration::from_secs(120);

const BYTES_A_MIB: f64 = 1_048_576.0;

/// What it sustains.
pub(super) const WHOLE: Benchmark = Benchmark {
    name: "end_to_end",
    about: "single events for 60 s with no backlog, how soon they are readable, memory, and idling",
    always: true,
    run: whole,
};

/// All services, each once.
struct Services {
    gateway: Listening,
    consumer: Service,
    query: Listening,
}

impl Services {
    fn start(pipeline: &Pipeline) -> anyhow::Result<Self> {
        Ok(Self { gateway: pipeline.gateway()?, consumer: pipeline.consumer()?, query: pipeline.query()? })
    }

    /// Events that are accepted and have no outcome yet.
    async fn backlog(&self) -> anyhow::Result<f64> {
        let accepted = self.gateway.service.metric("eye_gateway_events_accepted_total", &[]).await?;
        Ok(accepted - self.consumer.metric(OUTCOMES, &[]).await?)
    }

    async fn wait_until_stored(&self) -> anyhow::Result<()> {
        let begun = Instant::now();
        while self.backlog().await? > 0.0 {
            ensure!(begun.elapsed() < PATIENCE, "expected the backlog to be stored in {PATIENCE:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    fn each(&self) -> [(&'static str, &'static str, &Service, f64); 3] {
        [
            (
                "memory_gateway",
                "peak of the gateway's memory at the rate that is sustained, and after",
                &self.gateway.service,
                64.0,
            ),
            ("memory_consumer", "of the consumer's", &self.consumer, 160.0),
            ("memory_query", "of the query service's", &self.query.service, 64.0),
        ]
    }
}

fn whole(stage: &mut Stage) -> anyhow::Result<Vec<Row>> {
    let pipeline = stage.pipeline()?;
    let limit = slower_part(pipeline)?;
    pipeline.empty()?;
    let sustained = sustained(pipeline, &Services::start(pipeline)?, limit)?;
    // Others: what is held while more comes than can be stored is no measure of what is sustained.
    let services = Services::start(pipeline)?;
    if !holds(pipeline, &services, sustained, TRIAL_TIME)? {
        eprintln!("{sustained:.0} events/s were not sustained again: the machine is busy");
    }
    let mut rows = vec![beside(
        WHOLE.name,
        "single events a second for 60 s without a growing backlog, beside the slower of gateway and consumer by itself",
        (once(sustained), once(limit), sustained / limit),
        Goal::Ratio(0.45),
    )];
    rows.push(freshness(pipeline, &services)?);
    for (name, what, service, goal) in services.each() {
        rows.push(less(name, what, service.memory("VmHWM")? / BYTES_A_MIB, goal, "MiB"));
    }
    rows.push(less(
        "idle",
        "cores that the three services take while nothing happens",
        idle(&services)?,
        1.0,
        "% of a core",
    ));
    Ok(rows)
}

const fn once(figure: f64) -> Figure {
    Figure { median: figure, least: figure, most: figure }
}

fn less(name: &'static str, what: &'static str, figure: f64, goal: f64, unit: &'static str) -> Row {
    let (ours, goal) = (once(figure), Goal::Ours(goal));
    Row { name, what, ours, limit: None, ratio: None, goal, unit, higher_is_better: false }
}

/// How fast the slower of the two is when it has the machine to itself.
fn slower_part(pipeline: &Pipeline) -> anyhow::Result<f64> {
    let gateway = pipeline.gateway()?;
    let (mut taken, mut stored) = (single_rate(pipeline, &gateway)?, drain_rate(pipeline, &gateway)?);
    let (mut gateway_rates, mut consumer_rates) = (Vec::new(), Vec::new());
    for _ in 0..LIMIT_ROUNDS {
        gateway_rates.push(taken()?);
        consumer_rates.push(stored()?);
    }
    let (gateway, consumer) = (Figure::of(gateway_rates).median, Figure::of(consumer_rates).median);
    eprintln!("by itself the gateway takes {gateway:.0} events/s, and a consumer stores {consumer:.0}");
    Ok(gateway.min(consumer))
}

/// The highest of the rates tried that is sustained.
fn sustained(pipeline: &Pipeline, services: &Services, limit: f64) -> anyhow::Result<f64> {
    for share in SHARES {
        let rate = limit * share;
        if holds(pipeline, services, rate, TRIAL_TIME)? && holds(pipeline, services, rate, TIME)? {
            return Ok(rate);
        }
    }
    Ok(0.0)
}

fn holds(pipeline: &Pipeline, services: &Services, rate: f64, time: Duration) -> anyhow::Result<bool> {
    let (begun, outcome) = (Instant::now(), send(pipeline, services, rate, time)?);
    let accepted = outcome.accepted as f64 / outcome.took.max(time).as_secs_f64();
    let backlog = pipeline.runtime.block_on(services.backlog())?;
    eprintln!(
        "{rate:.0} events/s for {:.0} s: {accepted:.0} accepted, {backlog:.0} not stored yet",
        begun.elapsed().as_secs_f64()
    );
    pipeline.runtime.block_on(services.wait_until_stored())?;
    Ok(accepted >= rate * ACCEPTED_SHARE && backlog <= rate * BACKLOG_SECONDS)
}

fn send(pipeline: &Pipeline, services: &Services, rate: f64, time: Duration) -> anyhow::Result<Outcome> {
    let (address, requests) = (services.gateway.address, pipeline.requests(services.gateway.address, 1));
    let outcome =
        Load { address, requests: &requests, connections: CONNECTIONS, rate: Some(rate), time }.send()?;
    outcome.rate()?;
    Ok(outcome)
}

/// From an event's 202 to its first answer by the query service, while others are sent too.
fn freshness(pipeline: &Pipeline, services: &Services) -> anyhow::Result<Row> {
    let mut delays = thread::scope(|scope| {
        let load = scope.spawn(|| send(pipeline, services, FRESH_RATE, FRESH_TIME));
        let delays = pipeline.runtime.block_on(fresh_delays(pipeline, services))?;
        load.join().map_err(|_| anyhow::anyhow!("sending has failed"))??;
        anyhow::Ok(delays)
    })?;
    let most = crate::queries::timing::percentile(&mut delays, 99);
    Ok(less(
        "freshness",
        "p99 from an event's 202 until it can be read, at 2,000 events/s",
        most,
        250.0,
        "ms",
    ))
}

async fn fresh_delays(pipeline: &Pipeline, services: &Services) -> anyhow::Result<Vec<f64>> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let (begun, mut delays) = (Instant::now(), Vec::new());
    while begun.elapsed() < FRESH_TIME {
        let id = Uuid::now_v7();
        let event = json!({"id": id, "session_id": id, "category": "fresh", "name": "look", "data": {"n": 1},
            "timestamp": chrono::Utc::now()});
        let url = format!("http://{}/api/events", services.gateway.address);
        let sent = client.post(url).bearer_auth(pipeline.write_key()).json(&event).send().await?;
        ensure!(sent.status() == StatusCode::ACCEPTED, "expected 202, found {}", sent.status());
        let accepted = Instant::now();
        let url = format!("http://{}/api/events/{id}", services.query.address);
        while client.get(&url).bearer_auth(pipeline.read_key()).send().await?.status() != StatusCode::OK {
            ensure!(accepted.elapsed() < PATIENCE, "expected an event to be readable in {PATIENCE:?}");
            tokio::time::sleep(FRESH_LOOK_INTERVAL).await;
        }
        delays.push(accepted.elapsed().as_secs_f64() * 1_000.0);
        tokio::time::sleep(FRESH_INTERVAL).await;
    }
    Ok(delays)
}

/// How much of a core the services take together while nothing happens, in hundredths.
fn idle(services: &Services) -> anyhow::Result<f64> {
    let cores =
        || services.each().iter().map(|(.., service, _)| service.core_seconds()).sum::<anyhow::Result<f64>>();
    let (begun, before) = (Instant::now(), cores().context("before idling")?);
    thread::sleep(IDLE_TIME);
    Ok((cores()? - before) / begun.elapsed().as_secs_f64() * 100.0)
}
