//! The parts of a stack.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::Signal;
use stack::process::{Process, bound_command};
use stack::{Postgres, RabbitMq, StackError};

/// How long a service may take to finish what it has begun.
const SERVICE_STOP_PATIENCE: Duration = Duration::from_secs(15);

/// From which size on a log is put aside when its service starts, in bytes. One older log is kept.
const LOG_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// Something that runs until it dies or is stopped.
pub(crate) trait Part: Send {
    fn name(&self) -> &str;
    fn start(&mut self) -> Result<(), StackError>;
    fn is_running(&mut self) -> bool;
    fn stop(&mut self);
}

impl Part for Postgres {
    fn name(&self) -> &'static str {
        "Postgres"
    }

    fn start(&mut self) -> Result<(), StackError> {
        self.restart()
    }

    fn is_running(&mut self) -> bool {
        Self::is_running(self)
    }

    fn stop(&mut self) {
        Self::stop(self);
    }
}

impl Part for RabbitMq {
    fn name(&self) -> &'static str {
        "RabbitMQ"
    }

    fn start(&mut self) -> Result<(), StackError> {
        self.restart()
    }

    fn is_running(&mut self) -> bool {
        Self::is_running(self)
    }

    fn stop(&mut self) {
        Self::stop(self);
    }
}

/// One of our services.
#[derive(Debug)]
pub(crate) struct Service {
    name: String,
    program: PathBuf,
    environment: BTreeMap<String, String>,
    log: PathBuf,
    process: Option<Process>,
}

impl Service {
    /// A service that is not started yet.
    pub(crate) fn new(
        name: &str,
        program: &Path,
        environment: BTreeMap<String, String>,
        logs: &Path,
    ) -> Self {
        let log = logs.join(format!("{name}.log"));
        Self { name: name.to_owned(), program: program.to_owned(), environment, log, process: None }
    }

    /// Where it writes its log.
    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    fn open_log(&self) -> std::io::Result<File> {
        if fs::metadata(&self.log).is_ok_and(|log| log.len() > LOG_BYTES_MAX) {
            fs::rename(&self.log, self.log.with_extension("log.old"))?;
        }
        File::options().create(true).append(true).open(&self.log)
    }
}

impl Part for Service {
    fn name(&self) -> &str {
        &self.name
    }

    fn start(&mut self) -> Result<(), StackError> {
        let what = format!("open {}", self.log.display());
        let log = self.open_log().map_err(|source| StackError::Io { what, source })?;
        let mut command = bound_command(&self.program, "TERM", None);
        for name in self.environment.keys() {
            // A variable and its `_FILE` form exclude each other.
            command.env_remove(format!("{name}_FILE"));
        }
        command.envs(&self.environment).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.process = Some(Process::spawn(&self.name, command)?);
        Ok(())
    }

    fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(|process| process.ended().is_none())
    }

    fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.stop(Signal::SIGTERM, SERVICE_STOP_PATIENCE);
        }
    }
}
