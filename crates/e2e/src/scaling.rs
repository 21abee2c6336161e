//! How much faster several consumers drain a queue than one, where the database is late.
//!
//! On a machine that everything shares, processors soon decide. So each consumer writes small batches, one at a time, and each
//! answer of the database is late: then waiting decides, as it does with a database on another machine.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use stack::faults::Way;
use stack::process::wait_until;

use crate::laboratory::Laboratory;
use crate::load::Pace;
use crate::pipeline::Part;
use crate::report::Figure;
use crate::trial::{self, Outcome};

/// What it is called beside the rows of the matrix.
pub const NAME: &str = "scaling";

/// So late is each answer of the database.
const LATE_BY: Duration = Duration::from_millis(5);
/// What each consumer is told: one writer, small batches, few messages at once so that all of them have some.
const SETTINGS: [(&str, &str); 3] = [
    ("EYE__CONSUMER__WRITERS", "1"),
    ("EYE__CONSUMER__BATCH_EVENTS_MAX", "100"),
    ("EYE__CONSUMER__DELIVERIES_BYTES_MAX", "8388608"),
];
/// What waits in the queue at first, of sessions that hardly any two batches share.
const EVENTS: u64 = 40_000;
const PACE: Pace = Pace { drivers: 8, rate: None, sessions: 100_000 };
const FILLED_WITHIN: Duration = Duration::from_secs(120);
const DRAINED_WITHIN: Duration = Duration::from_secs(300);
/// It is measured from and to so many hundredths of what waits: between starting and the last few.
const FROM_PERCENT: u64 = 10;
const TO_PERCENT: u64 = 85;
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

const CONSUMERS: [Part; 4] = [Part::Consumer(0), Part::Consumer(1), Part::Consumer(2), Part::Consumer(3)];
/// Four consumers are so many times as fast as one.
const TIMES_MIN: f64 = 3.5;

/// Drains the same with one consumer and with four.
///
/// # Errors
/// The pipeline does not start, or does not drain.
pub fn measure(seed: u64) -> anyhow::Result<(Vec<Outcome>, Vec<Figure>)> {
    let mut laboratory = Laboratory::start_told(seed, &SETTINGS)?;
    let (one, first) = drain(&mut laboratory, 1)?;
    let (four, second) = drain(&mut laboratory, CONSUMERS.len())?;
    let times = four / one;
    let figures = vec![
        Figure::shown("scaling: one consumer drains", format!("{one:.0} events/s")),
        Figure::shown("scaling: four consumers drain", format!("{four:.0} events/s")),
        Figure::held(
            "scaling: four consumers to one, with a database 5 ms late",
            format!("{times:.2} times"),
            format!("{TIMES_MIN} times"),
            times >= TIMES_MIN,
        ),
    ];
    Ok((vec![first, second], figures))
}

/// Fills the queue while nobody takes from it, and tells how many events a second so many consumers store.
fn drain(laboratory: &mut Laboratory, consumers: usize) -> anyhow::Result<(f64, Outcome)> {
    CONSUMERS.into_iter().for_each(|one| laboratory.pipeline().stop(one));
    laboratory.begin_load(NAME, PACE)?;
    let load = laboratory.load()?;
    ensure!(wait_until(FILLED_WITHIN, || load.accepted() >= EVENTS), "the queue was not filled");
    load.pause();
    let (category, accepted) = (load.category().to_owned(), load.accepted());
    laboratory.ways().consumers_to_store.delay(Way::Down, LATE_BY);
    CONSUMERS.into_iter().take(consumers).for_each(|one| laboratory.pipeline().start_again(one));
    let from = reached(laboratory, &category, accepted * FROM_PERCENT / 100)?;
    let to = reached(laboratory, &category, accepted * TO_PERCENT / 100)?;
    laboratory.ways().mend();
    let load = laboratory.take_load().context("the load is gone")?;
    let name = format!("a queue drained by {consumers}");
    let mut outcome = Outcome { name, promises: "2 3".to_owned(), runs: 1, ..Outcome::default() };
    trial::settle(laboratory, load, DRAINED_WITHIN, &mut outcome);
    let rate = (to.1 - from.1) as f64 / (to.0 - from.0).as_secs_f64();
    Ok((rate, outcome))
}

/// When so many events were stored, and how many they were then.
fn reached(laboratory: &Laboratory, category: &str, events: u64) -> anyhow::Result<(Instant, u64)> {
    let deadline = Instant::now() + DRAINED_WITHIN;
    loop {
        let stored = laboratory.stored(category);
        if stored >= events {
            return Ok((Instant::now(), stored));
        }
        ensure!(
            Instant::now() < deadline,
            "{stored} of {events} events were stored within {DRAINED_WITHIN:?}"
        );
        sleep(LOOK_INTERVAL);
    }
}
