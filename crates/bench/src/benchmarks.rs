//! The benchmarks, a file each.

mod judge;

use crate::measure::Row;

/// One benchmark.
pub struct Benchmark {
    /// By which it is chosen.
    pub name: &'static str,
    /// What it measures, for people.
    pub about: &'static str,
    /// Measures it; gives a row a goal.
    pub run: fn() -> anyhow::Result<Vec<Row>>,
}

/// All benchmarks, in the order of the report.
pub const ALL: [Benchmark; 3] = [judge::PLAIN, judge::SCHEMA, judge::PATTERN];
