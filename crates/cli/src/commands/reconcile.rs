//! `eye reconcile`

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use chrono::{DateTime, Utc};
use clap::Args;
use store::Store;
use store::books::{HourRange, Progress};

use crate::output::{Output, tell};
use crate::reading::filter::parse_time;
use crate::reconcile::quiet;
use crate::reconcile::verdict::Verdict;

/// How often it is told how far counting is.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);

/// Looks whether the books balance: every event that was taken from the queue is stored, a copy, rejected or expired, and
/// stands where it should; and everything that gateways saw confirmed was taken.
///
/// It waits until nothing is on its way, then reads every event. Needs the login of the database's owner, and the broker.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  eye reconcile\n  eye reconcile --from 2026-11-01T00:00:00Z --wait 10 --output json\n\n\
                  Ends with exit code 0 only if everything balances."
)]
pub(crate) struct Reconcile {
    /// Only what was received in hours that began then or later.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    from: Option<DateTime<Utc>>,
    /// Only what was received in hours that began before.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    to: Option<DateTime<Utc>>,
    /// Wait so many seconds at most until nothing is on its way.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(..=86_400))]
    wait: u64,
    /// First book rows that nobody booked, as taken: those that consumers of a version without books have written since the
    /// database was migrated. Once, when none of them runs any more.
    #[arg(long)]
    book_rows: bool,
}

impl Reconcile {
    pub(crate) fn run(&self, output: &Output) -> Result<()> {
        let hours = self.hours()?;
        let settings = crate::local::settings()?;
        let store: store::Settings = settings.section("store")?;
        // To count everything takes as long as it takes.
        let store = Store::new(&store.with_statement_timeout(Duration::ZERO))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let broker = settings.section("broker")?;
        let waiting = quiet::wait(&store, &broker, hours, Duration::from_secs(self.wait));
        let outcome = runtime.block_on(waiting)?;
        if self.book_rows {
            let events = store.book_rows(hours, progress())?;
            tell(&format!("booked {events} events that nobody had booked"));
        }
        let verdict = Verdict::new(store.compare_books(hours, progress())?, outcome);
        output.result(&verdict.value(), || verdict.text())?;
        match verdict.complaint() {
            Some(complaint) => bail!(complaint),
            None => Ok(()),
        }
    }

    /// Whole hours: one that begins within the range is looked at to its end.
    fn hours(&self) -> Result<HourRange> {
        let (from, to) = (self.from, self.to);
        if let (Some(from), Some(to)) = (from, to)
            && from > to
        {
            bail!("--from: expected a time up to --to ({to}), found {from}");
        }
        Ok(HourRange { from, to })
    }
}

/// Tells now and then how far counting is.
fn progress() -> impl FnMut(Progress) {
    let mut told = Instant::now();
    move |Progress { tables, tables_all, rows, rows_all }| {
        if told.elapsed() >= PROGRESS_INTERVAL {
            told = Instant::now();
            tell(&format!("counted {rows} of about {rows_all} events, {tables} of {tables_all} partitions"));
        }
    }
}
