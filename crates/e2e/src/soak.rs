//! Faults at random under a load that lasts.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::laboratory::Laboratory;
use crate::load::{FEW_SESSIONS, Pace};
use crate::matrix::{Also, ROWS, Row};
use crate::trial::{self, Outcome};

/// Connections of applications.
const DRIVERS: u32 = 8;
/// How long what is gathered by the end may take to drain.
const DRAINED_WITHIN: Duration = Duration::from_secs(600);

/// How a soak is run.
#[derive(Clone, Copy, Debug)]
pub struct Soak {
    /// For how long.
    pub duration: Duration,
    /// From the beginning of one fault to that of the next, where it takes no longer.
    pub interval: Duration,
    /// Events a second.
    pub rate: u32,
}

/// What a soak showed: as a whole, with the books, and of each fault.
#[derive(Clone, Debug)]
pub struct Soaked {
    /// All of it.
    pub whole: Outcome,
    /// The faults that chance has chosen.
    pub faults: Vec<Outcome>,
}

/// Measures how many events a second pass from end to end, sent as fast as they are taken.
///
/// # Errors
/// Nothing passes.
pub fn maximum(laboratory: &mut Laboratory, duration: Duration) -> anyhow::Result<(u32, Outcome)> {
    laboratory.begin_load("maximum", Pace { drivers: DRIVERS, rate: None, sessions: FEW_SESSIONS })?;
    let begun = Instant::now();
    laboratory.load()?.something_begins();
    sleep(duration);
    let load = laboratory.take_load().context("the load is gone")?;
    // Of all that was accepted, what is stored by now: the slower of the two halves decides.
    let stored = laboratory.stored(load.category());
    let rate = stored as f64 / begun.elapsed().as_secs_f64();
    let mut outcome = Outcome {
        name: "no fault, as fast as it goes".to_owned(),
        runs: 1,
        longest_outage: load.longest_outage(),
        slowest_answer: load.slowest_answer(),
        ..Outcome::default()
    };
    trial::settle(laboratory, load, DRAINED_WITHIN, &mut outcome);
    Ok((to_whole(rate), outcome))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it saturates, and is never below 0"
)]
const fn to_whole(rate: f64) -> u32 {
    rate as u32
}

/// Brings faults about by chance, for as long as it lasts, and compares the books of all of it. `tell` is told of each.
///
/// # Errors
/// The load does not get under way.
pub fn run(
    laboratory: &mut Laboratory,
    soak: Soak,
    mut tell: impl FnMut(&Outcome),
) -> anyhow::Result<Soaked> {
    laboratory
        .begin_load("soak", Pace { drivers: DRIVERS, rate: Some(soak.rate), sessions: FEW_SESSIONS })?;
    let mut whole = Outcome {
        name: format!("soak at {} events a second", soak.rate),
        promises: "1 2 3 4 5 7".to_owned(),
        runs: 1,
        ..Outcome::default()
    };
    let mut faults: Vec<Outcome> = Vec::new();
    let end = Instant::now() + soak.duration;
    let mut next = Instant::now();
    while Instant::now() < end {
        let row = choose(laboratory);
        let outcome = trial::disturb(laboratory, row)?;
        tell(&outcome);
        whole.take_times_of(&outcome);
        match faults.iter_mut().find(|one| one.name == outcome.name) {
            Some(one) => one.add(outcome),
            None => faults.push(outcome),
        }
        next = (next + soak.interval).max(Instant::now());
        sleep(next.min(end).saturating_duration_since(Instant::now()));
    }
    let load = laboratory.take_load().context("the load is gone")?;
    trial::settle(laboratory, load, DRAINED_WITHIN, &mut whole);
    Ok(Soaked { whole, faults })
}

/// One of the rows that do not stop the load.
fn choose(laboratory: &mut Laboratory) -> &'static Row {
    let rows: Vec<_> = ROWS.iter().filter(|row| row.also != Also::Nowhere).collect();
    rows[laboratory.chance_of(rows.len())]
}
