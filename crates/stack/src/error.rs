//! Why a server does not run.

use std::io;
use std::path::{Path, PathBuf};

/// How many lines of a log an error shows.
const LOG_LINES: usize = 12;

/// Why a server could not be started or used.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// A program is not installed.
    #[error("{program} is not installed: run `make setup`, or install the Debian package {package}")]
    Missing {
        /// What was looked for.
        program: &'static str,
        /// The package that holds it.
        package: &'static str,
    },
    /// A file or a process could not be handled.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system said.
        source: io::Error,
    },
    /// A program ended without success.
    #[error("{what} failed: {output}")]
    Failed {
        /// What was tried.
        what: String,
        /// What it printed.
        output: String,
    },
    /// A server ended, or did not answer in time.
    #[error("{server} {problem}; the end of {}:\n{tail}", log.display())]
    NotReady {
        /// Which server.
        server: String,
        /// What happened instead.
        problem: String,
        /// Where it writes its log.
        log: PathBuf,
        /// The last lines of it.
        tail: String,
    },
}

impl StackError {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    pub(crate) fn not_ready(server: &str, problem: &str, log: &Path) -> Self {
        let text = std::fs::read(log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<_> = text.lines().collect();
        let tail = lines[lines.len().saturating_sub(LOG_LINES)..].join("\n");
        Self::NotReady { server: server.to_owned(), problem: problem.to_owned(), log: log.to_owned(), tail }
    }
}
