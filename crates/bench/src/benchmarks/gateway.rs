//! What the gateway takes, beside a server that does nothing and beside lapin alone.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::{Duration, Instant};

use stack::ports;
use stack::process::{Process, bound_command, wait_until};

use super::Benchmark;
use crate::amqp::Publisher;
use crate::load::{Load, Request};
use crate::measure::{Figure, Goal, Row, rounds_beside};
use crate::pipeline::{Listening, Pipeline, Stage};
use crate::samples;

/// For how long one side of a round sends.
const TIME: Duration = Duration::from_secs(2);

/// So many applications' connections send at once where as much is sent as is taken.
const CONNECTIONS: u32 = 256;

/// The same of batches.
const BATCH_CONNECTIONS: u32 = 64;

/// So many events are a batch.
const BATCH_EVENTS: usize = 100;

/// So many messages lapin has in flight, of single events and of batches.
const IN_FLIGHT: usize = 512;
const BATCHES_IN_FLIGHT: usize = 64;

/// What is light: requests a second, and over how many connections.
pub(super) const LIGHT_RATE: f64 = 1_000.0;
pub(super) const LIGHT_CONNECTIONS: u32 = 16;

/// How long lapin waits between two messages on an idle broker.
const IDLE: Duration = Duration::from_millis(5);

/// How long the server that does nothing may take to listen.
const START_PATIENCE: Duration = Duration::from_secs(10);

/// Beside a server that does nothing.
pub(super) const SINGLE: Benchmark = Benchmark {
    name: "gateway_single",
    about: "single events, 256 connections, beside a server that answers 202 and does nothing",
    always: true,
    run: single,
};

/// Beside the broker alone.
pub(super) const BROKER: Benchmark = Benchmark {
    name: "gateway_vs_broker",
    about: "the same, beside lapin publishing one event a message",
    always: true,
    run: beside_broker,
};

/// The latency of few requests.
pub(super) const LIGHT: Benchmark = Benchmark {
    name: "gateway_light_latency",
    about: "the latency of 1,000 requests a second, beside one confirmed publish on an idle broker",
    always: true,
    run: light,
};

/// Batches.
pub(super) const BATCH: Benchmark = Benchmark {
    name: "gateway_batch",
    about: "batches of 100 events, beside lapin publishing the same bytes, a batch a message",
    always: true,
    run: batch,
};

/// How many requests a second a gateway takes; its queue is emptied after it.
fn taken_a_second(
    pipeline: &Pipeline,
    gateway: &Listening,
    requests: &[Request],
    connections: u32,
) -> anyhow::Result<f64> {
    let load = Load { address: gateway.address, requests, connections, rate: None, time: TIME };
    let rate = load.send()?.rate()?;
    pipeline.purge()?;
    Ok(rate)
}

/// How many single events a second a gateway takes.
///
/// # Errors
/// It takes one not.
pub(super) fn single_rate(
    pipeline: &Pipeline,
    gateway: &Listening,
) -> anyhow::Result<impl FnMut() -> anyhow::Result<f64>> {
    let requests = pipeline.requests(gateway.address, 1);
    Ok(move || taken_a_second(pipeline, gateway, &requests, CONNECTIONS))
}

fn single(stage: &mut Stage) -> anyhow::Result<Vec<Row>> {
    let pipeline = stage.pipeline()?;
    let (gateway, nothing) = (pipeline.gateway()?, Nothing::start()?);
    let requests = pipeline.requests(nothing.address, 1);
    let load = Load {
        address: nothing.address,
        requests: &requests,
        connections: CONNECTIONS,
        rate: None,
        time: TIME,
    };
    let (ours, limit, ratio) = rounds_beside(single_rate(pipeline, &gateway)?, || load.send()?.rate())?;
    let what =
        "single events accepted over 256 connections, beside a server that answers 202 and does nothing";
    Ok(vec![beside(SINGLE.name, what, (ours, limit, ratio), Goal::Ratio(0.50))])
}

fn beside_broker(stage: &mut Stage) -> anyhow::Result<Vec<Row>> {
    let pipeline = stage.pipeline()?;
    let gateway = pipeline.gateway()?;
    let (runtime, body) = (&pipeline.runtime, samples::bodies(1).swap_remove(0));
    let publisher = runtime.block_on(Publisher::connect(&pipeline.broker_url()))?;
    let limit = || runtime.block_on(publisher.rate(body.as_bytes(), IN_FLIGHT, TIME));
    let measured = rounds_beside(single_rate(pipeline, &gateway)?, limit)?;
    let what = "the same, beside lapin publishing one event a message, 512 in flight";
    Ok(vec![beside(BROKER.name, what, measured, Goal::Ratio(1.4))])
}

fn light(stage: &mut Stage) -> anyhow::Result<Vec<Row>> {
    let pipeline = stage.pipeline()?;
    let gateway = pipeline.gateway()?;
    let (address, requests) = (gateway.address, pipeline.requests(gateway.address, 1));
    let load = Load {
        address,
        requests: &requests,
        connections: LIGHT_CONNECTIONS,
        rate: Some(LIGHT_RATE),
        time: TIME,
    };
    let (runtime, body) = (&pipeline.runtime, samples::bodies(1).swap_remove(0));
    let publisher = runtime.block_on(Publisher::connect(&pipeline.broker_url()))?;
    let ours = || {
        let outcome = load.send()?;
        outcome.rate()?;
        Ok(outcome.latency_ms(99.0))
    };
    let limit = || runtime.block_on(idle_confirms(&publisher, body.as_bytes()));
    let (ours, limit, ratio) = rounds_beside(ours, limit)?;
    pipeline.purge()?;
    let what = "p99 of 1,000 single events a second over 16 connections, beside one confirmed publish on an idle broker";
    let row = beside(LIGHT.name, what, (ours, limit, ratio), Goal::Ratio(2.5));
    Ok(vec![Row { unit: "ms", higher_is_better: false, ..row }])
}

/// The time that one confirm in a hundred exceeds, of messages one after another.
async fn idle_confirms(publisher: &Publisher, body: &[u8]) -> anyhow::Result<f64> {
    let (begun, mut took) = (Instant::now(), hdrhistogram::Histogram::<u64>::new(3)?);
    while begun.elapsed() < TIME {
        let confirm = publisher.confirm(body).await?;
        took.record(u64::try_from(confirm.as_micros())?)?;
        tokio::time::sleep(IDLE).await;
    }
    Ok(Duration::from_micros(took.value_at_percentile(99.0)).as_secs_f64() * 1_000.0)
}

fn batch(stage: &mut Stage) -> anyhow::Result<Vec<Row>> {
    let pipeline = stage.pipeline()?;
    let gateway = pipeline.gateway()?;
    let requests = pipeline.requests(gateway.address, BATCH_EVENTS);
    let (runtime, body) = (&pipeline.runtime, samples::bodies(BATCH_EVENTS).swap_remove(0));
    let publisher = runtime.block_on(Publisher::connect(&pipeline.broker_url()))?;
    let events = |batches: f64| batches * BATCH_EVENTS as f64;
    let ours = || taken_a_second(pipeline, &gateway, &requests, BATCH_CONNECTIONS).map(events);
    let limit = || runtime.block_on(publisher.rate(body.as_bytes(), BATCHES_IN_FLIGHT, TIME)).map(events);
    let what = "events accepted in batches of 100, beside lapin publishing the same bytes, a batch a message";
    Ok(vec![beside(BATCH.name, what, rounds_beside(ours, limit)?, Goal::Ratio(0.60))])
}

/// A row of events a second.
pub(super) fn beside(
    name: &'static str,
    what: &'static str,
    measured: (Figure, Figure, f64),
    goal: Goal,
) -> Row {
    let (ours, limit, ratio) = measured;
    Row {
        name,
        what,
        ours,
        limit: Some(limit),
        ratio: Some(ratio),
        goal,
        unit: "events/s",
        higher_is_better: true,
    }
}

/// The server that does nothing: this program, told to be one.
struct Nothing {
    address: SocketAddr,
    process: Process,
}

impl Nothing {
    fn start() -> anyhow::Result<Self> {
        let address = SocketAddr::from(([127, 0, 0, 1], ports::free()?));
        let mut command = bound_command(std::env::current_exe()?, "TERM", None);
        command.args(["nothing", &address.to_string()]).stdin(Stdio::null()).stdout(Stdio::null());
        let nothing = Self { address, process: Process::spawn("a server that does nothing", command)? };
        let listens = wait_until(START_PATIENCE, || std::net::TcpStream::connect(address).is_ok());
        anyhow::ensure!(listens, "the server that does nothing does not listen at {address}");
        Ok(nothing)
    }
}

impl Drop for Nothing {
    fn drop(&mut self) {
        self.process.kill();
    }
}
