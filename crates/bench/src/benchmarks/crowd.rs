//! Whether it matters how many applications and event types there are: the same measured where there are ten thousand, and
//! where there is one.

use std::fmt::Write as _;
use std::time::Duration;

use service::keys::ApiKey;

use super::Benchmark;
use super::consumer::stored_rate;
use super::gateway::{LIGHT_CONNECTIONS, LIGHT_RATE, beside};
use crate::load::{Load, Request};
use crate::measure::{Goal, Row, rounds_beside};
use crate::pipeline::{Listening, Pipeline, Stage};
use crate::samples;

/// So many are a crowd.
const CROWD: usize = 10_000;

/// For how long one side of a round sends.
const TIME: Duration = Duration::from_secs(2);

/// So many events a message of the queue holds.
const BATCH_EVENTS: usize = 100;

/// How much longer the slowest request in a hundred may take, and how much of the rate has to be left.
const LATENCY_MAX: f64 = 1.25;
const RATE_LEFT: f64 = 0.85;

/// What every registered type asks of its events.
const SCHEMA: &str = r#"{"type": "object", "required": ["host", "path"], "properties": {"host": {"type": "string"}, "path": {"type": "string", "pattern": "^/"}}}"#;

/// Many applications.
pub(super) const KEYS: Benchmark = Benchmark {
    name: "gateway_many_keys",
    about: "the latency of light load from 10,000 applications, beside that from one",
    always: false,
    run: keys,
};

/// Many event types.
pub(super) const TYPES: Benchmark = Benchmark {
    name: "consumer_many_types",
    about: "one consumer judging by 10,000 schemas, beside one judging by one",
    always: false,
    run: types,
};

fn keys(stage: &mut Stage) -> anyhow::Result<Vec<Row>> {
    let crowded = Pipeline::start()?;
    let keys = register_applications(&crowded)?;
    let alone = stage.pipeline()?;
    let (many, one) = (crowded.gateway()?, alone.gateway()?);
    let bodies = samples::bodies(1);
    let of_many: Vec<_> = keys
        .iter()
        .zip(bodies.iter().cycle())
        .map(|(key, body)| Request::post(many.address, "/api/events", key, body))
        .collect();
    let of_one = alone.requests(one.address, 1);
    let (ours, limit, ratio) =
        rounds_beside(|| slowest_ms(&crowded, &many, &of_many), || slowest_ms(alone, &one, &of_one))?;
    let what =
        "p99 of 1,000 single events a second, each of another of 10,000 applications, beside the same of one";
    let row = beside(KEYS.name, what, (ours, limit, ratio), Goal::Ratio(LATENCY_MAX));
    Ok(vec![Row { unit: "ms", higher_is_better: false, ..row }])
}

/// What one request in a hundred exceeds, under light load.
fn slowest_ms(pipeline: &Pipeline, gateway: &Listening, requests: &[Request]) -> anyhow::Result<f64> {
    let load = Load {
        address: gateway.address,
        requests,
        connections: LIGHT_CONNECTIONS,
        rate: Some(LIGHT_RATE),
        time: TIME,
    };
    let outcome = load.send()?;
    outcome.rate()?;
    pipeline.purge()?;
    Ok(outcome.latency_ms(99.0))
}

/// Registers a crowd of applications with a key each, and gives the keys.
fn register_applications(pipeline: &Pipeline) -> anyhow::Result<Vec<String>> {
    let (mut keys, mut rows) = (Vec::with_capacity(CROWD), String::new());
    for number in 0..CROWD {
        let key = ApiKey::generate()?;
        write!(rows, "application-{number}\t\\\\x")?;
        key.digest().as_bytes().iter().try_for_each(|byte| write!(rows, "{byte:02x}"))?;
        writeln!(rows, "\t{}", key.hint())?;
        keys.push(key.expose().to_owned());
    }
    let file = pipeline.path("applications.copy");
    std::fs::write(&file, rows)?;
    pipeline.psql(&format!(
        "CREATE TEMPORARY TABLE crowd (name text, digest bytea, hint text)\n\
         \\copy crowd from '{}'\n\
         INSERT INTO applications (name) SELECT name FROM crowd\n\
         INSERT INTO api_keys (application_id, digest, hint, scopes) \
         SELECT a.id, c.digest, c.hint, '{{write}}' FROM crowd c JOIN applications a ON a.name = c.name",
        file.display()
    ))?;
    Ok(keys)
}

fn types(_: &mut Stage) -> anyhow::Result<Vec<Row>> {
    let (crowded, alone) = (Pipeline::start()?, Pipeline::start()?);
    let (many, one) = (crowded.gateway()?, alone.gateway()?);
    register_types(&crowded, CROWD)?;
    register_types(&alone, 1)?;
    let of_one = requests_of(&alone, &one, 1);
    let beside_one = |types| {
        let of_many = requests_of(&crowded, &many, types);
        rounds_beside(|| stored_rate(&crowded, &many, &of_many), || stored_rate(&alone, &one, &of_one))
    };
    let registered =
        "events from the queue to the commit where 10,000 types are registered, beside one, all of one type";
    let sent = "the same where each event is of another of the 10,000";
    Ok(vec![
        beside(TYPES.name, registered, beside_one(1)?, Goal::Ratio(RATE_LEFT)),
        beside("consumer_many_types_sent", sent, beside_one(CROWD)?, Goal::None),
    ])
}

/// Registers so many types with a schema each.
fn register_types(pipeline: &Pipeline, types: usize) -> anyhow::Result<()> {
    let (category, name) = samples::CROWD_TYPE;
    pipeline
        .psql(&format!(
            "INSERT INTO event_types (category, name) \
             SELECT '{category}', '{name}-' || number FROM generate_series(0, {types} - 1) AS number\n\
             INSERT INTO event_type_versions (event_type_id, version, mode, schema, created_by) \
             SELECT id, 1, 'enforce', '{SCHEMA}', 'bench' FROM event_types"
        ))
        .map(drop)
}

/// Batches of events of so many types.
fn requests_of(pipeline: &Pipeline, gateway: &Listening, types: usize) -> Vec<Request> {
    let bodies = samples::bodies_of_types(BATCH_EVENTS, types);
    let key = pipeline.write_key();
    bodies.iter().map(|body| Request::post(gateway.address, "/api/events", key, body)).collect()
}
