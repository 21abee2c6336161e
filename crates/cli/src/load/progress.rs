//! How far a load is.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};

use crate::output::tell;

/// How often a line is written where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// A bar on a terminal, a line now and then elsewhere; by bytes, since nobody knows how many lines will come.
pub(crate) struct Progress {
    bar: ProgressBar,
    bytes_before: u64,
    latest_bytes: u64,
    lines: bool,
    latest_line: Instant,
}

impl Progress {
    pub(crate) fn new(files: &[PathBuf], shown: bool) -> Result<Self> {
        let mut bytes = 0;
        for file in files {
            bytes += std::fs::metadata(file).with_context(|| format!("open {}", file.display()))?.len();
        }
        let terminal = std::io::stderr().is_terminal();
        let bar = if shown && terminal { ProgressBar::new(bytes) } else { ProgressBar::hidden() };
        bar.set_length(bytes);
        bar.set_style(ProgressStyle::with_template(
            "{bar:40} {percent:>3} % {msg} {elapsed_precise}, {eta} left",
        )?);
        Ok(Self {
            bar,
            bytes_before: 0,
            latest_bytes: 0,
            lines: shown && !terminal,
            latest_line: Instant::now(),
        })
    }

    /// Tells how many bytes of the file at hand have been read.
    pub(crate) fn advance(&mut self, bytes_of_file: u64, accepted: u64) {
        if bytes_of_file < self.latest_bytes {
            self.bytes_before += self.latest_bytes;
        }
        self.latest_bytes = bytes_of_file;
        self.bar.set_position(self.bytes_before + bytes_of_file);
        self.bar.set_message(format!("{} events", accepted));
        if self.lines && self.latest_line.elapsed() >= LINE_INTERVAL {
            self.latest_line = Instant::now();
            tell(&format!("{accepted} events accepted"));
        }
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
