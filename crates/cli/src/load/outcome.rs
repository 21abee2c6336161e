//! What became of lines that were not accepted.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use client::{Reason, Undelivered};
use tokio::sync::watch;

/// How many refused lines are kept to be shown; the others are counted.
const REFUSED_SHOWN_MAX: usize = 20;

/// Written by the client's callback, read by the load.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    refused: Mutex<Refused>,
    /// The first line that was given up, and why: then nothing after it may be sent.
    failed: watch::Sender<Option<(u64, Reason)>>,
}

/// Lines that no gateway takes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Refused {
    pub(crate) count: u64,
    /// The first of them, by their number in the whole load, with what was said of each.
    pub(crate) first: Vec<(u64, String)>,
}

impl Outcome {
    /// Takes what the client gives back.
    pub(crate) fn take(&self, undelivered: Vec<Undelivered>) {
        for Undelivered { event, reason } in undelivered {
            match reason {
                Reason::Refused(reason) => self.refuse(event.tag(), reason),
                reason => self.fail(event.tag(), reason),
            }
        }
    }

    pub(crate) fn refuse(&self, line: u64, reason: String) {
        let mut refused = self.lock();
        refused.count += 1;
        if refused.first.len() < REFUSED_SHOWN_MAX {
            refused.first.push((line, reason));
        }
    }

    fn fail(&self, line: u64, reason: Reason) {
        self.failed.send_if_modified(|failed| {
            let first = failed.as_ref().is_none_or(|(other, _)| line < *other);
            if first {
                *failed = Some((line, reason));
            }
            first
        });
    }

    /// In the order of their lines.
    pub(crate) fn refused(&self) -> Refused {
        let mut refused = self.lock().clone();
        refused.first.sort();
        refused
    }

    pub(crate) fn failure(&self) -> Option<(u64, Reason)> {
        self.failed.borrow().clone()
    }

    /// Resolves once the load has failed.
    pub(crate) async fn until_failed(&self) {
        let mut failed = self.failed.subscribe();
        if failed.wait_for(Option::is_some).await.is_err() {
            // Never: the sender is this outcome's own.
            std::future::pending::<()>().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Refused> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Numbers the lines of all files of a load in one row, and finds back which line a number is.
#[derive(Debug, Default)]
pub(crate) struct Places {
    /// How many lines were before each file.
    files: Vec<(u64, PathBuf)>,
}

impl Places {
    /// Begins a file, after so many lines of the others.
    pub(crate) fn begin(&mut self, lines_before: u64, file: &Path) {
        self.files.push((lines_before, file.to_owned()));
    }

    /// How many lines were before the latest file.
    pub(crate) fn lines_before(&self) -> u64 {
        self.files.last().map_or(0, |(before, _)| *before)
    }

    /// The file, and the line in it, from 1.
    pub(crate) fn find(&self, line: u64) -> (String, u64) {
        let file = self.files.iter().rev().find(|(before, _)| *before < line);
        file.map_or_else(Default::default, |(before, path)| (path.display().to_string(), line - before))
    }
}
