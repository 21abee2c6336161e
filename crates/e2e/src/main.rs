//! `make chaos`: the whole matrix of faults, more than can be taken, several consumers beside one, then a soak with faults at
//! random; an error where anything is off.
//!
//! `SEED` repeats the chance of an earlier run, `MINUTES` is how long the soak lasts (20; 0: none), `RATE` its events a
//! second (60 % of what is measured first), `OVERLOAD_MINUTES` how long more is sent than can be stored (1), and `ONLY` the
//! rows whose names contain it, or the soak by that name.

use std::path::Path;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use e2e::laboratory::Laboratory;
use e2e::matrix::ROWS;
use e2e::report::{Report, seconds};
use e2e::soak::{self, Soak};
use e2e::trial::{self, Outcome};
use e2e::{overload, scaling, small_disk};

/// Where the report goes, from the workspace's root.
const REPORT: &str = "target/chaos/report.md";
const MAXIMUM_MEASURED_FOR: Duration = Duration::from_secs(15);
/// Of the maximum: a load that is carried with ease, so that what gathers in an outage can drain.
const SHARE_PERCENT: u32 = 60;
/// What the soak is called beside the rows.
const SOAK: &str = "soak";
const FAULT_INTERVAL: Duration = Duration::from_secs(20);
/// How long one application sends beside a noisy one, and as long alone.
const NOISE_FOR: Duration = Duration::from_secs(15);

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs what was asked for; tells whether everything held.
fn run() -> anyhow::Result<bool> {
    let seed = variable("SEED")?.unwrap_or_else(|| uuid::Uuid::new_v4().as_u64_pair().0);
    let minutes: u64 = variable("MINUTES")?.unwrap_or(20);
    let only: Option<String> = variable("ONLY")?;
    let begun = Instant::now();
    println!("seed {seed}: make chaos SEED={seed} MINUTES={minutes} repeats what chance chooses");
    let mut report = Report::new(&format!("Seed {seed}."));
    let rows = matrix(seed, only.as_deref())?;
    let soaks = only.as_deref().is_none_or(|only| only == SOAK) && minutes > 0;
    let loads = [overload::NAME, overload::NOISY, scaling::NAME];
    let chosen: Vec<_> = loads.into_iter().filter(|name| is_chosen(only.as_deref(), name)).collect();
    if rows.is_empty() && chosen.is_empty() && !soaks {
        bail!("ONLY: expected a part of a row's name or {SOAK}, found {:?}", only.unwrap_or_default());
    }
    if !rows.is_empty() {
        report.add(&format!("Matrix, {} rows in {}", rows.len(), seconds(Some(begun.elapsed()))), &rows);
    }
    figures(&chosen, seed, &mut report)?;
    if soaks {
        soak_for(Duration::from_secs(60 * minutes), seed, variable("RATE")?, &mut report)?;
    }
    report.write(Path::new(REPORT)).with_context(|| format!("write {REPORT}"))?;
    println!("{}\n{REPORT} has this too. It took {}.", report.text(), seconds(Some(begun.elapsed())));
    Ok(report.is_well())
}

/// What the environment says; an empty variable says nothing.
fn variable<T: FromStr>(name: &str) -> anyhow::Result<Option<T>> {
    match std::env::var(name) {
        Ok(text) if !text.is_empty() => {
            text.parse().map(Some).map_err(|_| anyhow!("{name}: expected a number or a name, found {text:?}"))
        }
        _ => Ok(None),
    }
}

fn is_chosen(only: Option<&str>, name: &str) -> bool {
    only.is_none_or(|only| name.contains(only))
}

/// More than can be taken, and several consumers beside one: what is measured, and what became of the events.
fn figures(chosen: &[&str], seed: u64, report: &mut Report) -> anyhow::Result<()> {
    let (mut outcomes, mut figures) = (Vec::new(), Vec::new());
    if chosen.contains(&overload::NAME) {
        let minutes: u64 = variable("OVERLOAD_MINUTES")?.unwrap_or(1);
        let mut laboratory = Laboratory::start(seed)?;
        let (outcome, found) = overload::run(&mut laboratory, Duration::from_secs(60 * minutes));
        tell(&outcome);
        outcomes.push(outcome);
        figures.extend(found);
    }
    if chosen.contains(&overload::NOISY) {
        figures.extend(overload::beside_a_noisy_one(&mut Laboratory::start(seed)?, NOISE_FOR).figures());
    }
    if chosen.contains(&scaling::NAME) {
        let (drained, found) = scaling::measure(seed)?;
        drained.iter().for_each(tell);
        outcomes.extend(drained);
        figures.extend(found);
    }
    if !figures.is_empty() {
        report.add("More than can be taken, and several consumers", &outcomes);
        report.add_figures("Figures", &figures);
    }
    Ok(())
}

/// Tries every row once, on one pipeline for as long as all is well with it.
fn matrix(seed: u64, only: Option<&str>) -> anyhow::Result<Vec<Outcome>> {
    let mut laboratory = None;
    let mut outcomes = Vec::new();
    for (number, row) in (0..).zip(ROWS).filter(|(_, row)| is_chosen(only, row.name)) {
        // A row has the same chance whatever was run before it.
        let own_seed = seed.wrapping_add(number);
        let mut used = match laboratory.take() {
            Some(used) => used,
            None => Laboratory::start(own_seed)?,
        };
        used.begin_anew(own_seed);
        let outcome = trial::run(&mut used, row);
        tell(&outcome);
        if outcome.is_well() {
            laboratory = Some(used);
        }
        outcomes.push(outcome);
    }
    drop(laboratory);
    if is_chosen(only, small_disk::NAME) {
        let outcome = small_disk::run(seed)?;
        outcome.iter().for_each(tell);
        outcomes.extend(outcome);
    }
    Ok(outcomes)
}

fn soak_for(duration: Duration, seed: u64, rate: Option<u32>, report: &mut Report) -> anyhow::Result<()> {
    let mut laboratory = Laboratory::start(seed)?;
    let rate = match rate {
        Some(rate) => rate,
        None => {
            let (maximum, outcome) = soak::maximum(&mut laboratory, MAXIMUM_MEASURED_FOR)?;
            println!("maximum: {maximum} events a second from end to end, with the load on the same machine");
            report.add(&format!("Maximum: {maximum} events a second"), &[outcome]);
            (maximum * SHARE_PERCENT / 100).max(1)
        }
    };
    println!("soak: {rate} events a second for {duration:?}, a fault every {FAULT_INTERVAL:?}");
    let soaked = soak::run(&mut laboratory, Soak { duration, interval: FAULT_INTERVAL, rate }, tell)?;
    tell(&soaked.whole);
    report.add(&format!("Soak of {} minutes", duration.as_secs() / 60), &[soaked.whole]);
    report.add("Faults of the soak", &soaked.faults);
    Ok(())
}

fn tell(outcome: &Outcome) {
    let verdict = if outcome.is_well() { "ok" } else { "OFF" };
    let [outage, accepted, stored] =
        [Some(outcome.longest_outage), outcome.accepted_again_after, outcome.stored_again_after].map(seconds);
    println!(
        "{verdict}  {}: outage {outage}, accepted again {accepted}, stored again {stored}",
        outcome.name
    );
    outcome.faults.iter().for_each(|fault| println!("     {fault}"));
}
