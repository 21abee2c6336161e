//! `eye` as its users run it.

use std::ffi::OsStr;
use std::io::{PipeWriter, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

/// A database address at which nobody answers, so that no test meets a stack that runs on this machine.
const NOWHERE: &str = "postgres://nobody@127.0.0.1:1/none";

/// One run of the command, in an empty directory and away from every stack unless told.
pub(crate) struct Eye {
    command: Command,
    input: Option<String>,
    unread: bool,
    elsewhere: TempDir,
}

/// A run that goes on.
pub(crate) struct Running {
    pub(crate) child: Child,
    _elsewhere: TempDir,
}

impl Running {
    pub(crate) fn end(self) -> Output {
        self.child.wait_with_output().expect("eye ends")
    }
}

impl Eye {
    pub(crate) fn new() -> Self {
        let elsewhere = tempfile::tempdir().expect("a directory");
        let mut command = Command::new(env!("CARGO_BIN_EXE_eye"));
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"EYE_") {
                command.env_remove(name);
            }
        }
        command
            .current_dir(elsewhere.path())
            .env("EYE__STORE__URL", NOWHERE)
            .env("EYE__STORE__CONNECT_TIMEOUT_MS", "200");
        Self { command, input: None, unread: false, elsewhere }
    }

    pub(crate) fn args<A: AsRef<OsStr>>(mut self, arguments: &[A]) -> Self {
        self.command.args(arguments);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Nothing says where the database is.
    pub(crate) fn without_store(mut self) -> Self {
        self.command.env_remove("EYE__STORE__URL").env_remove("EYE__STORE__CONNECT_TIMEOUT_MS");
        self
    }

    pub(crate) fn within(mut self, directory: &Path) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// What it reads from the standard input.
    pub(crate) fn input(mut self, text: &str) -> Self {
        self.input = Some(text.to_owned());
        self
    }

    /// Nobody reads what it prints.
    pub(crate) fn unread(mut self) -> Self {
        self.unread = true;
        self
    }

    pub(crate) fn run(self) -> Output {
        self.spawn().end()
    }

    pub(crate) fn spawn(mut self) -> Running {
        let stdin = if self.input.is_some() { Stdio::piped() } else { Stdio::null() };
        self.command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        if self.unread {
            self.command.stdout(closed_pipe());
        }
        let mut child = self.command.spawn().expect("eye runs");
        if let (Some(text), Some(mut stdin)) = (self.input, child.stdin.take()) {
            // It may have ended without reading all of it.
            drop(stdin.write_all(text.as_bytes()));
        }
        Running { child, _elsewhere: self.elsewhere }
    }
}

/// A pipe of which nobody holds the other end.
fn closed_pipe() -> PipeWriter {
    let (_, writer) = std::io::pipe().expect("a pipe");
    writer
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
