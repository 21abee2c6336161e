//! The daemon by which Erlang nodes find each other.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::Stdio;

use super::{PROBE_PATIENCE, START_PATIENCE};
use crate::network::Machine;
use crate::process::{Process, bound_command, wait_until};
use crate::{StackError, ports};

/// Where epmd listens by custom.
const PORT: u16 = 4369;

/// A node would start one that stays for ever and listens everywhere: it finds this one instead.
#[derive(Debug)]
pub(crate) struct Epmd {
    machine: Option<Machine>,
    port: u16,
    process: Process,
}

impl Epmd {
    /// Starts one on a free port of loopback, or on a machine of a network, and waits until it answers.
    pub(crate) fn start(machine: Option<Machine>, log: &Path) -> Result<Self, StackError> {
        // Nodes on different machines look for each other's at the port of their own.
        let port = if machine.is_some() { PORT } else { ports::free()? };
        let process = launch(machine.as_ref(), port, log)?;
        Ok(Self { machine, port, process })
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Starts it again where it has ended.
    pub(crate) fn keep_running(&mut self, log: &Path) -> Result<(), StackError> {
        if self.process.ended().is_some() {
            self.process = launch(self.machine.as_ref(), self.port, log)?;
        }
        Ok(())
    }
}

fn launch(machine: Option<&Machine>, port: u16, log: &Path) -> Result<Process, StackError> {
    let mut command = match machine {
        Some(machine) => machine.bound_command("epmd", "KILL"),
        None => bound_command("epmd", "KILL", None),
    };
    if machine.is_none() {
        command.args(["-address", "127.0.0.1"]);
    }
    command.args(["-port", &port.to_string()]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let process = Process::spawn("epmd", command)?;
    let host = machine.map_or(Ipv4Addr::LOCALHOST, |machine| machine.clients);
    let address = SocketAddr::from((host, port));
    if wait_until(START_PATIENCE, || TcpStream::connect_timeout(&address, PROBE_PATIENCE).is_ok()) {
        return Ok(process);
    }
    Err(StackError::not_ready("epmd", "did not answer in time", log))
}
