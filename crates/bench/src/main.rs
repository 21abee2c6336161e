//! `bench [NAME]`, and `bench queries [NAME,NAME…]` with the number of events in `EVENTS`: see the library.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use bench::benchmarks::{ALL, Benchmark};
use bench::pipeline::Stage;
use bench::{nothing, picture, queries, report};

// As the services have it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Where the report goes, from the workspace's root.
const REPORT: &str = "target/bench/report.json";

/// Where the pictures go.
const PICTURES: &str = "target/bench/pictures";

/// So many events are many, unless told otherwise.
const EVENTS: u64 = 10_000_000;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let reached = match *arguments {
        [] => run(None),
        ["nothing", address] => be_nothing(address),
        ["queries"] => run_queries(None),
        ["queries", only] => run_queries(Some(only)),
        [only] => run(Some(only)),
        _ => Err(anyhow::anyhow!("expected [NAME] or queries [NAME], found {}", arguments.join(" "))),
    };
    match reached {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The server that the gateway is held against.
fn be_nothing(address: &str) -> anyhow::Result<bool> {
    let address = address.parse().with_context(|| format!("expected an address, found {address}"))?;
    nothing::serve(address).map(|()| true)
}

fn run_queries(only: Option<&str>) -> anyhow::Result<bool> {
    let events = match std::env::var("EVENTS") {
        Ok(events) => {
            events.parse().with_context(|| format!("expected EVENTS to be a number, found {events}"))?
        }
        Err(_) => EVENTS,
    };
    queries::run(only, events)
}

/// Runs what was asked for; gives whether all goals were reached.
fn run(only: Option<&str>) -> anyhow::Result<bool> {
    let chosen: Vec<&Benchmark> =
        ALL.iter().filter(|benchmark| only.map_or(benchmark.always, |name| benchmark.name == name)).collect();
    if chosen.is_empty() {
        let names = ALL.map(|benchmark| benchmark.name).join(", ");
        bail!("expected one of the benchmarks {names}, found {}", only.unwrap_or_default());
    }
    let (mut stage, mut rows) = (Stage::default(), Vec::new());
    for benchmark in chosen {
        eprintln!("measuring {}: {}", benchmark.name, benchmark.about);
        rows.extend((benchmark.run)(&mut stage).with_context(|| benchmark.name)?);
    }
    println!("{}", report::table(&rows));
    report::write(&rows, Path::new(REPORT))?;
    picture::write(&rows, Path::new(PICTURES))?;
    let missed: Vec<_> = rows.iter().filter(|row| !row.reaches_goal()).map(|row| row.name).collect();
    if !missed.is_empty() {
        eprintln!("goals missed: {}", missed.join(", "));
    }
    Ok(missed.is_empty())
}
