//! The benchmarks, a file each.

mod consumer;
mod crowd;
mod gateway;
mod judge;
mod whole;

use crate::measure::Row;
use crate::pipeline::Stage;

/// One benchmark.
pub struct Benchmark {
    /// By which it is chosen.
    pub name: &'static str,
    /// What it measures, for people.
    pub about: &'static str,
    /// Whether it is measured where none is named.
    pub always: bool,
    /// Measures it; gives a row a goal.
    pub run: fn(&mut Stage) -> anyhow::Result<Vec<Row>>,
}

/// All benchmarks, in the order of the report.
pub const ALL: [Benchmark; 11] = [
    judge::PLAIN,
    judge::SCHEMA,
    judge::PATTERN,
    gateway::SINGLE,
    gateway::BROKER,
    gateway::LIGHT,
    gateway::BATCH,
    crowd::KEYS,
    consumer::DRAIN,
    crowd::TYPES,
    whole::WHOLE,
];
