//! The daemon by which Erlang nodes find each other.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::Stdio;

use super::{PROBE_PATIENCE, START_PATIENCE};
use crate::process::{Process, bound_command, wait_until};
use crate::{StackError, ports};

/// A node would start one that stays for ever and listens everywhere: it finds this one instead.
#[derive(Debug)]
pub(crate) struct Epmd {
    port: u16,
    process: Process,
}

impl Epmd {
    /// Starts one on a free port, and waits until it answers.
    pub(crate) fn start(log: &Path) -> Result<Self, StackError> {
        let port = ports::free()?;
        Ok(Self { port, process: launch(port, log)? })
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Starts it again where it has ended.
    pub(crate) fn keep_running(&mut self, log: &Path) -> Result<(), StackError> {
        if self.process.ended().is_some() {
            self.process = launch(self.port, log)?;
        }
        Ok(())
    }
}

fn launch(port: u16, log: &Path) -> Result<Process, StackError> {
    let mut command = bound_command("epmd", "KILL", None);
    command.args(["-address", "127.0.0.1", "-port", &port.to_string()]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let process = Process::spawn("epmd", command)?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    if wait_until(START_PATIENCE, || TcpStream::connect_timeout(&address, PROBE_PATIENCE).is_ok()) {
        return Ok(process);
    }
    Err(StackError::not_ready("epmd", "did not answer in time", log))
}
