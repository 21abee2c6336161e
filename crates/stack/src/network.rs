//! Machines of their own, as far as a network tells: Linux network namespaces that a switch joins. Its wires are cut as real ones
//! are: no packet arrives any more, and nobody is told.

use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::StackError;
use crate::process::{Process, bound_command, wait_until};

/// How long a namespace may take to be made.
const MAKING_PATIENCE: Duration = Duration::from_secs(10);

/// Both networks are of those that RFC 2544 keeps for tests; of each, the third byte is a number drawn by lot.
const CLIENTS: [u8; 2] = [198, 18];
const PEERS: [u8; 2] = [198, 19];

/// The last byte of the address of the machine that tests run on.
const OURS: u8 = 254;

/// Which of a machine's two wires: it has one for those whom it serves and one for its peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// Where we reach it.
    Clients,
    /// Where its peers do.
    Peers,
}

impl Wire {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Clients, Self::Peers];

    const fn name(self) -> &'static str {
        match self {
            Self::Clients => "clients",
            Self::Peers => "peers",
        }
    }

    const fn network(self) -> [u8; 2] {
        match self {
            Self::Clients => CLIENTS,
            Self::Peers => PEERS,
        }
    }
}

/// Some machines and what joins them. It goes with the processes that hold it, however they end.
#[derive(Debug)]
pub struct Network {
    number: u8,
    switch: Namespace,
    machines: Vec<Namespace>,
}

/// Where a server of a [`Network`] runs, and where it is reached.
#[derive(Clone, Debug)]
pub struct Machine {
    namespace: PathBuf,
    /// Its address for those whom it serves, us among them.
    pub clients: Ipv4Addr,
    /// Its address for its peers.
    pub peers: Ipv4Addr,
}

impl Machine {
    /// Starts building a command that runs on it and gets `signal` when we end.
    pub(crate) fn bound_command(&self, program: impl AsRef<std::ffi::OsStr>, signal: &str) -> Command {
        let mut command = bound_command("nsenter", signal, None);
        command.arg(format!("--net={}", self.namespace.display())).arg("--").arg(program);
        command
    }
}

impl Network {
    /// Whether the kernel lets this process make one; if not, why.
    ///
    /// # Errors
    /// What the system said.
    pub fn is_allowed() -> Result<(), StackError> {
        let mut command = Command::new("unshare");
        command.args(["--net", "--", "ip", "link", "set", "lo", "up"]);
        run(command, "make a network namespace")
    }

    /// Makes so many machines, each with a wire to us and one to the others.
    ///
    /// # Errors
    /// What the system said.
    pub fn of(machines: u8) -> Result<Self, StackError> {
        let switch = Namespace::make()?;
        for wire in Wire::ALL {
            switch.ip(&["link", "add", wire.name(), "type", "bridge"])?;
            switch.ip(&["link", "set", wire.name(), "up"])?;
        }
        let mut network = Self { number: unused_number()?, switch, machines: Vec::new() };
        network.plug_us_in()?;
        for _ in 0..machines {
            network.add_machine()?;
        }
        Ok(network)
    }

    /// How to run something on a machine.
    pub fn machine(&self, machine: usize) -> Machine {
        let last = last_byte(machine);
        let namespace = self.machines[machine].file();
        let [clients, peers] = Wire::ALL.map(|wire| self.address(wire, last));
        Machine { namespace, clients, peers }
    }

    /// Cuts a wire of a machine: what is sent on it from either end is lost.
    ///
    /// # Errors
    /// What the system said.
    pub fn cut(&self, machine: usize, wire: Wire) -> Result<(), StackError> {
        // The wire stays plugged in at the machine, which notices nothing; the switch no longer listens to it.
        self.switch.ip(&["link", "set", &port(wire, last_byte(machine)), "nomaster"])
    }

    /// Mends a wire that was cut.
    ///
    /// # Errors
    /// What the system said.
    pub fn mend(&self, machine: usize, wire: Wire) -> Result<(), StackError> {
        self.switch.ip(&["link", "set", &port(wire, last_byte(machine)), "master", wire.name()])
    }

    /// Our end of the clients' network is the only thing that shows outside of the namespaces; it goes with the switch.
    fn plug_us_in(&self) -> Result<(), StackError> {
        let (ours, theirs) = (format!("eye-{}", self.number), port(Wire::Clients, OURS));
        let switch = self.switch.process.pid().to_string();
        let pair = ["link", "add", &ours, "type", "veth", "peer", "name", &theirs, "netns", &switch];
        ip(Command::new("ip"), &pair)?;
        let address = format!("{}/24", self.address(Wire::Clients, OURS));
        ip(Command::new("ip"), &["address", "add", &address, "dev", &ours])?;
        ip(Command::new("ip"), &["link", "set", &ours, "up"])?;
        self.connect(&theirs, Wire::Clients)
    }

    fn add_machine(&mut self) -> Result<(), StackError> {
        let machine = Namespace::make()?;
        let last = last_byte(self.machines.len());
        machine.ip(&["link", "set", "lo", "up"])?;
        for wire in Wire::ALL {
            let (theirs, pid) = (port(wire, last), machine.process.pid().to_string());
            let pair = ["link", "add", &theirs, "type", "veth", "peer", "name", wire.name(), "netns", &pid];
            self.switch.ip(&pair)?;
            let address = format!("{}/24", self.address(wire, last));
            machine.ip(&["address", "add", &address, "dev", wire.name()])?;
            machine.ip(&["link", "set", wire.name(), "up"])?;
            self.connect(&theirs, wire)?;
        }
        self.machines.push(machine);
        Ok(())
    }

    fn connect(&self, port: &str, wire: Wire) -> Result<(), StackError> {
        self.switch.ip(&["link", "set", port, "master", wire.name()])?;
        self.switch.ip(&["link", "set", port, "up"])
    }

    const fn address(&self, wire: Wire, last: u8) -> Ipv4Addr {
        let [first, second] = wire.network();
        Ipv4Addr::new(first, second, self.number, last)
    }
}

/// The last byte of a machine's addresses.
fn last_byte(machine: usize) -> u8 {
    u8::try_from(machine + 1).unwrap_or(u8::MAX)
}

/// What the switch calls the end of a wire that a machine has the other end of.
fn port(wire: Wire, last: u8) -> String {
    format!("{}-{last}", wire.name())
}

/// A number that no network of this machine has yet.
fn unused_number() -> Result<u8, StackError> {
    let what = "look for an unused network";
    let shown = Command::new("ip").args(["-oneline", "-4", "address"]).output();
    let shown = String::from_utf8_lossy(&shown.map_err(StackError::io(what))?.stdout).into_owned();
    let mut random = [0; 1];
    getrandom::fill(&mut random).map_err(|error| StackError::io(what)(std::io::Error::other(error)))?;
    let [first, second] = CLIENTS;
    let mut numbers = (0..=u8::MAX).map(|step| random[0].wrapping_add(step));
    numbers
        .find(|number| !shown.contains(&format!(" {first}.{second}.{number}.")))
        .ok_or_else(|| StackError::io(what)(std::io::ErrorKind::AddrNotAvailable.into()))
}

/// A network namespace without a name: it is there for as long as a process is in it.
#[derive(Debug)]
struct Namespace {
    process: Process,
}

impl Namespace {
    fn make() -> Result<Self, StackError> {
        let mut command = bound_command("unshare", "KILL", None);
        command.args(["--net", "--", "sleep", "infinity"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let namespace = Self { process: Process::spawn("a network namespace", command)? };
        let ours = fs::read_link("/proc/self/ns/net").ok();
        if wait_until(MAKING_PATIENCE, || fs::read_link(namespace.file()).is_ok_and(|its| Some(its) != ours))
        {
            return Ok(namespace);
        }
        let output = format!("it did not come about in {MAKING_PATIENCE:?}");
        Err(StackError::Failed { what: "make a network namespace".to_owned(), output })
    }

    fn file(&self) -> PathBuf {
        format!("/proc/{}/ns/net", self.process.pid()).into()
    }

    fn ip(&self, arguments: &[&str]) -> Result<(), StackError> {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.file().display())).args(["--", "ip"]);
        ip(command, arguments)
    }
}

fn ip(mut command: Command, arguments: &[&str]) -> Result<(), StackError> {
    command.args(arguments);
    run(command, &format!("ip {}", arguments.join(" ")))
}

fn run(mut command: Command, what: &str) -> Result<(), StackError> {
    let output = command.stdin(Stdio::null()).output().map_err(StackError::io(what))?;
    if output.status.success() {
        return Ok(());
    }
    let output = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(StackError::Failed { what: what.to_owned(), output })
}
