//! The real binaries, run as an operator runs them.

use std::collections::HashMap;
use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;
use stack::process::{Process, bound_command, wait_until};

use crate::pipeline::PATIENCE;

/// Where the binaries lie: beside this program, or beside the folder of a test's own.
///
/// # Panics
/// They are not built.
pub fn program(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("the path of this program");
    let found =
        own.ancestors().skip(1).take(2).map(|folder| folder.join(name)).find(|program| program.exists());
    found.unwrap_or_else(|| {
        panic!(
            "{name} is missing beside {}: run `cargo build --bins` first, as `make test` does",
            own.display()
        )
    })
}

/// Runs `eye` and gives what it printed as JSON.
pub(crate) fn eye(store: &str, arguments: &[&str]) -> Value {
    try_eye(store, arguments).unwrap_or_else(|told| panic!("eye {arguments:?}: {told}"))
}

/// The same where it may refuse: then what it said.
pub(crate) fn try_eye(store: &str, arguments: &[&str]) -> Result<Value, String> {
    let mut command = Command::new(program("eye"));
    command.args(arguments).env("EYE__STORE__URL", store);
    told(command)
}

/// What a command of `eye` tells as JSON; what it said where it refuses.
pub(crate) fn told(mut command: Command) -> Result<Value, String> {
    command.args(["--output", "json"]);
    let output = command.output().expect("eye runs");
    if !output.status.success() {
        let (told, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        return Err(format!("{told}{said}"));
    }
    Ok(serde_json::from_slice(&output.stdout).expect("JSON"))
}

/// One of our services and how it is started.
pub(crate) struct Service {
    pub(crate) program: PathBuf,
    pub(crate) environment: HashMap<String, String>,
    pub(crate) log: PathBuf,
    pub(crate) process: Option<Process>,
}

impl Service {
    pub(crate) fn start(&mut self) {
        self.start_told(&[]);
    }

    /// Starts it with further variables, for this once.
    pub(crate) fn start_told(&mut self, variables: &[(&str, &str)]) {
        let log = File::options().create(true).append(true).open(&self.log).expect("a log");
        let mut command = bound_command(&self.program, "KILL", None);
        command.envs(&self.environment).envs(variables.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let name = self.program.display().to_string();
        self.process = Some(Process::spawn(&name, command).expect("the service starts"));
    }

    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    pub(crate) fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            assert!(
                process.stop(Signal::SIGTERM, PATIENCE),
                "{} did not stop when asked",
                self.program.display()
            );
        }
    }

    /// Waits until it has ended by itself; tells whether it did.
    pub(crate) fn ends_within(&mut self, patience: Duration) -> bool {
        let Some(process) = &mut self.process else { return true };
        wait_until(patience, || process.ended().is_some())
    }

    pub(crate) fn freeze(&self) {
        self.process.iter().for_each(Process::freeze);
    }

    pub(crate) fn thaw(&self) {
        self.process.iter().for_each(Process::thaw);
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.as_ref().map_or(0, Process::pid)
    }
}
