//! `bench [NAME]`: see the library.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use bench::benchmarks::{ALL, Benchmark};
use bench::report;

// As the services have it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Where the report goes, from the workspace's root.
const REPORT: &str = "target/bench/report.json";

fn main() -> ExitCode {
    let only = std::env::args().nth(1);
    match run(only.as_deref()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs what was asked for; gives whether all goals were reached.
fn run(only: Option<&str>) -> anyhow::Result<bool> {
    let chosen: Vec<&Benchmark> =
        ALL.iter().filter(|benchmark| only.is_none_or(|name| benchmark.name == name)).collect();
    if chosen.is_empty() {
        let names = ALL.map(|benchmark| benchmark.name).join(", ");
        bail!("expected one of the benchmarks {names}, found {}", only.unwrap_or_default());
    }
    let mut rows = Vec::new();
    for benchmark in chosen {
        eprintln!("measuring {}: {}", benchmark.name, benchmark.about);
        rows.extend((benchmark.run)().with_context(|| benchmark.name)?);
    }
    println!("{}", report::table(&rows));
    report::write(&rows, Path::new(REPORT))?;
    let missed: Vec<_> = rows.iter().filter(|row| !row.reaches_goal()).map(|row| row.name).collect();
    if !missed.is_empty() {
        eprintln!("goals missed: {}", missed.join(", "));
    }
    Ok(missed.is_empty())
}
