//! One row of the matrix, tried once: load, fault, recovery, and then the books.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use anyhow::{Context, bail};
use stack::process::wait_until;

use crate::laboratory::Laboratory;
use crate::ledger::Balance;
use crate::load::{FEW_SESSIONS, Load, Pace};
use crate::matrix::Row;
use crate::pipeline::PATIENCE;

/// Events are accepted again within this, once what was wrong is over.
pub const ACCEPTED_AGAIN_WITHIN: Duration = Duration::from_secs(5);
/// A fresh event is stored within this, once what was wrong is over: what has gathered meanwhile comes first.
pub const STORED_AGAIN_WITHIN: Duration = Duration::from_secs(10);
/// A fresh event is stored within this, when everything is quiet.
pub const LIVE_WITHIN: Duration = Duration::from_secs(5);
/// No answer takes longer than 5 s; whoever measures may be late by a second on a machine that is broken on purpose.
pub const ANSWERED_WITHIN: Duration = Duration::from_secs(6);

/// The load of a trial: enough to meet every fault at work, little enough to be read back at once.
pub const TRIAL_PACE: Pace = Pace { drivers: 4, rate: Some(400), sessions: FEW_SESSIONS };

/// How long a load may take to drain.
const DRAINED_WITHIN: Duration = Duration::from_secs(120);

/// What came of a trial, or of all trials of a row.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// What was done.
    pub name: String,
    /// The promises that it tried.
    pub promises: String,
    /// How often.
    pub runs: u32,
    /// The books; none where they are kept for several rows together.
    pub balance: Option<Balance>,
    /// The longest time without an accepted request.
    pub longest_outage: Duration,
    /// From the fault's end to the next accepted request.
    pub accepted_again_after: Option<Duration>,
    /// From the fault's end until a fresh event was stored.
    pub stored_again_after: Option<Duration>,
    /// The longest that an answer took.
    pub slowest_answer: Duration,
    /// What is off; nothing, where all is well.
    pub faults: Vec<String>,
}

impl Outcome {
    /// Of a row that was not tried yet.
    pub fn of(row: &Row) -> Self {
        Self { name: row.name.to_owned(), promises: row.promises.to_owned(), ..Self::default() }
    }

    /// Whether everything held that must.
    pub fn is_well(&self) -> bool {
        self.faults.is_empty() && self.balance.as_ref().is_none_or(Balance::is_even)
    }

    /// Takes in what another trial of the same row showed.
    pub fn add(&mut self, other: Self) {
        self.take_times_of(&other);
        self.runs += other.runs;
        self.faults.extend(other.faults);
    }

    /// Takes the times of another where they are longer.
    pub fn take_times_of(&mut self, other: &Self) {
        self.longest_outage = self.longest_outage.max(other.longest_outage);
        self.slowest_answer = self.slowest_answer.max(other.slowest_answer);
        self.accepted_again_after = self.accepted_again_after.max(other.accepted_again_after);
        self.stored_again_after = self.stored_again_after.max(other.stored_again_after);
    }
}

/// Tries a row.
pub fn run(laboratory: &mut Laboratory, row: &Row) -> Outcome {
    guarded(|| attempt(laboratory, row)).unwrap_or_else(|error| {
        let faults = vec![format!("{error:#}")];
        Outcome { runs: 1, faults, ..Outcome::of(row) }
    })
}

/// Does something; a panic is one of its errors.
pub(crate) fn guarded<T>(work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| bail!("{}", said(panic.as_ref())))
}

fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic").to_owned()
}

fn attempt(laboratory: &mut Laboratory, row: &Row) -> anyhow::Result<Outcome> {
    laboratory.begin_load(row.name, TRIAL_PACE)?;
    let mut outcome = disturb(laboratory, row)?;
    let load = laboratory.take_load().context("the load is gone")?;
    settle(laboratory, load, DRAINED_WITHIN, &mut outcome);
    Ok(outcome)
}

/// Brings the fault about, and watches the recovery.
///
/// # Errors
/// No load is on.
pub fn disturb(laboratory: &mut Laboratory, row: &Row) -> anyhow::Result<Outcome> {
    laboratory.load()?.something_begins();
    let done = guarded(|| (row.fault)(laboratory));
    // What a fault that failed half-way has left.
    laboratory.ways().mend();
    laboratory.load()?.it_is_over();
    let stored_again = guarded(|| Ok(laboratory.pass_one()));
    let load = laboratory.load()?;
    // The single event may have been faster than the next one of the load.
    let goes_on = wait_until(PATIENCE, || load.accepted_again_after().is_some());
    let mut outcome = Outcome {
        runs: 1,
        longest_outage: load.longest_outage(),
        accepted_again_after: load.accepted_again_after(),
        stored_again_after: stored_again.as_ref().ok().copied(),
        slowest_answer: load.slowest_answer(),
        ..Outcome::of(row)
    };
    outcome.faults.extend(done.err().into_iter().chain(stored_again.err()).map(|error| format!("{error:#}")));
    if !goes_on {
        outcome.faults.push(format!("nothing of the load was accepted within {PATIENCE:?}"));
    }
    if !laboratory.has_patience() {
        let times = [
            ("accepted again", outcome.accepted_again_after, ACCEPTED_AGAIN_WITHIN),
            ("stored again", outcome.stored_again_after, STORED_AGAIN_WITHIN),
            ("answered", Some(outcome.slowest_answer), ANSWERED_WITHIN),
        ];
        let late = times.into_iter().filter(|(_, took, within)| took.is_some_and(|took| took > *within));
        outcome.faults.extend(late.map(|(what, took, _)| format!("{what} only after {took:?}")));
    }
    Ok(outcome)
}

/// Ends the load, waits until all is quiet, and compares the books: those of the load, and those that the services keep.
pub fn settle(laboratory: &mut Laboratory, load: Load, drained_within: Duration, outcome: &mut Outcome) {
    outcome.faults.extend(load.strange());
    let mut ledger = load.end();
    if !laboratory.queues_run_dry_within(drained_within) {
        outcome.faults.push(format!("the queues were not empty within {drained_within:?}"));
    }
    let api = laboratory.api();
    let balance = laboratory.run(ledger.compare(&api));
    if !balance.is_even() {
        outcome.faults.extend(balance.examples.iter().cloned());
    }
    outcome.balance = Some(balance);
    let took = laboratory.pass_one();
    if took > LIVE_WITHIN && !laboratory.has_patience() {
        outcome.faults.push(format!("a fresh event took {took:?}"));
    }
    if let Err(told) = laboratory.reconcile() {
        outcome.faults.push(format!("the services' own books: {told}"));
    }
}
