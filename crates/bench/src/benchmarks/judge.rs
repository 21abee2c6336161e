//! How many events one core judges.

use std::hint::black_box;
use std::sync::Arc;

use anyhow::{bail, ensure};
use event::{
    ApplicationId, EventId, EventType, Judgement, Mode, ReceivedAt, Registry, Rules, Schema, SchemaVersion,
    Submitted, judge_typed,
};
use serde_json::Value;

use super::Benchmark;
use crate::measure::{Goal, Row, milliseconds, rate, rounds, rounds_beside};
use crate::pipeline::Stage;
use crate::samples::{BRIEF, FULL, SCHEMA as TWENTY_PROPERTIES, TYPES};

/// 2026-01-01T00:00:00Z.
const NOW_MICROS: i64 = 1_767_225_600_000_000;

/// Without a schema.
pub(super) const PLAIN: Benchmark = Benchmark {
    name: "judge",
    about: "the brief's sample events, judged without a schema",
    always: true,
    run: plain,
};

/// With a schema of twenty properties.
pub(super) const SCHEMA: Benchmark = Benchmark {
    name: "judge_schema",
    about: "events judged by a schema of twenty properties",
    always: true,
    run: by_schema,
};

/// With a pattern that costs a backtracking matcher years.
pub(super) const PATTERN: Benchmark = Benchmark {
    name: "judge_pattern",
    about: "the pattern (a+)+$ and a hostile text of 30 kB",
    always: true,
    run: by_pattern,
};

fn submitted(bytes: &str) -> Submitted<'_> {
    let (application, received_at) = (ApplicationId::from(1), ReceivedAt::from_micros(NOW_MICROS));
    Submitted { application, id: EventId::fresh(), received_at, bytes: bytes.as_bytes() }
}

/// Registers the types of the samples, all with one schema.
fn registry(schema: &str) -> anyhow::Result<Registry> {
    let schema = Arc::new(Schema::compile(schema)?);
    let mut registry = Registry::default();
    for (category, name) in TYPES {
        let event_type =
            EventType { version: SchemaVersion::from(1), mode: Mode::Enforce, schema: Arc::clone(&schema) };
        registry.insert(category.to_owned(), name.to_owned(), event_type);
    }
    Ok(registry)
}

/// Judges some events again and again; gives how many a second. All of them must be valid.
fn judged_a_second(
    events: &[Submitted<'_>],
    registry: &Registry,
) -> anyhow::Result<impl FnMut() -> anyhow::Result<f64>> {
    let rules = Rules::default();
    for event in events {
        if let Judgement::Rejected(rejection) = judge_typed(event, &rules, registry) {
            bail!("expected events that are valid, found {:?}", rejection.violations);
        }
    }
    let count = u32::try_from(events.len())?;
    let step = move || {
        for event in events {
            black_box(judge_typed(black_box(event), &rules, registry));
        }
    };
    Ok(move || rate(count, &step))
}

fn plain(_: &mut Stage) -> anyhow::Result<Vec<Row>> {
    let events = BRIEF.map(submitted);
    let registry = Registry::default();
    let parse = || {
        for event in &events {
            // A sample is JSON: the same is judged beside.
            drop(black_box(serde_json::from_slice::<Value>(black_box(event.bytes))));
        }
    };
    let ours = judged_a_second(&events, &registry)?;
    let (ours, limit, ratio) = rounds_beside(ours, || rate(3, parse))?;
    let rated = Row {
        name: "judge",
        what: "sample events judged, beside serde_json reading the same bytes",
        ours,
        limit: Some(limit),
        ratio: Some(ratio),
        goal: Goal::Ratio(0.60),
        unit: "events/s",
        higher_is_better: true,
    };
    let absolute = Row {
        name: "judge_rate",
        what: "the same, by itself",
        limit: None,
        ratio: None,
        goal: Goal::Ours(500_000.0),
        ..rated.clone()
    };
    Ok(vec![rated, absolute])
}

fn by_schema(_: &mut Stage) -> anyhow::Result<Vec<Row>> {
    let registry = registry(TWENTY_PROPERTIES)?;
    let row = |name, what, samples: &[&'static str], goal| {
        let events: Vec<_> = samples.iter().map(|sample| submitted(sample)).collect();
        let ours = rounds(judged_a_second(&events, &registry)?)?;
        anyhow::Ok(Row {
            name,
            what,
            ours,
            limit: None,
            ratio: None,
            goal,
            unit: "events/s",
            higher_is_better: true,
        })
    };
    Ok(vec![
        row(
            "judge_schema",
            "sample events judged by a schema of 20 properties",
            &BRIEF,
            Goal::Ours(200_000.0),
        )?,
        row("judge_schema_full", "an event that has all 20 properties", &[FULL], Goal::None)?,
    ])
}

fn by_pattern(_: &mut Stage) -> anyhow::Result<Vec<Row>> {
    let registry = registry(r#"{"properties": {"host": {"pattern": "(a+)+$"}}}"#)?;
    let hostile = format!("{}!", "a".repeat(30_000));
    let sent = BRIEF[0].replace("www.consumeraffairs.com", &hostile);
    let (event, rules) = (submitted(&sent), Rules::default());
    let judgement = judge_typed(&event, &rules, &registry);
    ensure!(
        matches!(judgement, Judgement::Rejected(_)),
        "expected an event that breaks the pattern, found a valid one"
    );
    let ours = rounds(|| milliseconds(|| drop(black_box(judge_typed(&event, &rules, &registry)))))?;
    Ok(vec![Row {
        name: "judge_pattern",
        what: "a hostile text of 30 kB judged by the pattern (a+)+$",
        ours,
        limit: None,
        ratio: None,
        goal: Goal::Ours(10.0),
        unit: "ms",
        higher_is_better: false,
    }])
}
