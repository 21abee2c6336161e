//! How far a replay is.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};

use crate::output::tell;

/// How often a line is written where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// A bar on a terminal, a line now and then elsewhere.
pub(crate) struct Progress {
    bar: ProgressBar,
    lines: bool,
    latest_line: Instant,
}

impl Progress {
    pub(crate) fn new(shown: bool) -> Result<Self> {
        let terminal = std::io::stderr().is_terminal();
        let bar = if shown && terminal { ProgressBar::new(0) } else { ProgressBar::hidden() };
        bar.set_style(ProgressStyle::with_template("{bar:40} {pos}/{len} {msg} {elapsed_precise}")?);
        Ok(Self { bar, lines: shown && !terminal, latest_line: Instant::now() })
    }

    /// Tells how many events there are.
    pub(super) fn expect(&self, events: i64) {
        self.bar.set_length(u64::try_from(events).unwrap_or(0));
    }

    /// Tells how many have been sent, and how many are done.
    pub(super) fn advance(&mut self, sent: usize, done: usize) {
        self.bar.set_position(done as u64);
        self.bar.set_message(format!("judged, {sent} sent"));
        if self.lines && self.latest_line.elapsed() >= LINE_INTERVAL {
            self.latest_line = Instant::now();
            tell(&format!("{sent} events sent, {done} judged"));
        }
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
