//! A private RabbitMQ node, with an epmd of its own unless it shares one with others.

pub(crate) mod epmd;
mod files;

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;

use self::epmd::Epmd;
pub(crate) use self::files::write;
use self::files::{Logins, make_directories, write_files};
use crate::network::Machine;
use crate::process::{Badge, Process, bound_command, hide_variables, wait_until};
use crate::{StackError, ports};

const INSTALLATIONS: &str = "/usr/lib/rabbitmq/lib";
const USER: &str = "eye";
/// After how many seconds of silence nodes of a network give each other up; RabbitMQ's own 60 would make tests long.
const NET_TICK_TIME_S: &str = "5";
/// What a node is called unless told otherwise.
const NAME: &str = "eye";
const START_PATIENCE: Duration = Duration::from_secs(90);
const STOP_PATIENCE: Duration = Duration::from_secs(20);
const PROBE_PATIENCE: Duration = Duration::from_millis(500);

/// How a node is started.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The AMQP port on loopback; none: any free one.
    pub port: Option<u16>,
    /// Policies of the virtual host `/`, as RabbitMQ's definitions files have them: an array.
    pub policies: Value,
    /// Users besides the one that may do everything.
    pub users: Vec<User>,
    /// Further lines of `rabbitmq.conf`.
    pub settings: Vec<String>,
    /// What it is called, before the `@` and its host; none: `eye`.
    pub name: Option<String>,
    /// The port of the epmd that it shares with others; none: it has one of its own.
    pub epmd_port: Option<u16>,
    /// The port of the management interface on loopback; none: it has none.
    pub management_port: Option<u16>,
    /// The machine of a network that it runs on, rather than on loopback.
    pub machine: Option<Machine>,
}

/// A user with a random password that each start changes, and what he may do in the virtual host `/`: patterns of names, as
/// RabbitMQ has them.
#[derive(Clone, Debug)]
pub struct User {
    /// What he is called.
    pub name: String,
    /// What he may make and delete.
    pub configure: String,
    /// What he may write to.
    pub write: String,
    /// What he may read from.
    pub read: String,
}

/// One node with its data in a directory of its own. Dropping it stops it; the data stay.
#[derive(Debug)]
pub struct RabbitMq {
    directory: PathBuf,
    programs: PathBuf,
    ports: Ports,
    logins: Logins,
    badge: Badge,
    node: String,
    machine: Option<Machine>,
    /// None where it is somebody else's.
    epmd: Option<Epmd>,
    process: Option<Process>,
}

#[derive(Clone, Copy, Debug)]
struct Ports {
    amqp: u16,
    epmd: u16,
    distribution: u16,
    management: Option<u16>,
}

impl RabbitMq {
    /// Starts a node on the data in `directory`, which is made where it does not exist, and waits until it answers.
    ///
    /// # Errors
    /// What is missing, or why it does not start.
    pub fn start(directory: &Path, options: &Options) -> Result<Self, StackError> {
        let programs = installation()?;
        let amqp = options.port.map_or_else(ports::free, Ok)?;
        let machine = options.machine.clone();
        let epmd = match options.epmd_port {
            Some(_) => None,
            None => Some(Epmd::start(machine.clone(), &directory.join("output.log"))?),
        };
        let epmd_port = options.epmd_port.or(epmd.as_ref().map(Epmd::port)).unwrap_or_default();
        let (distribution, management) = (ports::free()?, options.management_port);
        let ports = Ports { amqp, epmd: epmd_port, distribution, management };
        make_directories(directory)?;
        let badge = Badge::of(directory)?;
        badge.await_free("RabbitMQ")?;
        let logins = write_files(directory, ports, options)?;
        let directory = directory.to_owned();
        let host =
            machine.as_ref().map_or_else(|| "localhost".to_owned(), |machine| machine.peers.to_string());
        let node = format!("{}@{host}", options.name.as_deref().unwrap_or(NAME));
        let mut node = Self { directory, programs, ports, logins, badge, node, machine, epmd, process: None };
        node.launch()?;
        Ok(node)
    }

    /// The AMQP address, with user and password, of the virtual host `/`.
    pub fn amqp_url(&self) -> String {
        self.amqp_url_of(USER).unwrap_or_default()
    }

    /// The same for another user; none where he is not known.
    pub fn amqp_url_of(&self, user: &str) -> Option<String> {
        let password = self.password_of(user)?;
        Some(format!("amqp://{user}:{password}@{}:{}/%2f", self.host(), self.ports.amqp))
    }

    fn password_of(&self, user: &str) -> Option<&str> {
        self.logins.iter().find(|(name, _)| name == user).map(|(_, password)| password.as_str())
    }

    /// The address of its management interface, with user and password; none where it has none.
    pub fn management_url(&self) -> Option<String> {
        let password = self.password_of(USER)?;
        self.ports.management.map(|port| format!("http://{USER}:{password}@{}:{port}", self.host()))
    }

    /// What it is called among nodes.
    pub fn node(&self) -> &str {
        &self.node
    }

    /// Where we reach it.
    pub fn host(&self) -> Ipv4Addr {
        host_of(self.machine.as_ref())
    }

    /// The AMQP port at [`Self::host`].
    pub fn port(&self) -> u16 {
        self.ports.amqp
    }

    /// The process id of the Erlang machine; 0 while it does not run.
    pub fn pid(&self) -> u32 {
        self.process.as_ref().map_or(0, Process::pid)
    }

    /// Where it writes its log.
    pub fn log(&self) -> PathBuf {
        self.directory.join("log").join(format!("{}.log", self.node))
    }

    /// Whether it runs, with the epmd beside it: without one the node would soon start one that outlives it.
    pub fn is_running(&mut self) -> bool {
        let log = self.output();
        self.process.as_mut().is_some_and(|process| process.ended().is_none())
            && self.epmd.as_mut().is_none_or(|epmd| epmd.keep_running(&log).is_ok())
    }

    /// Kills it as a crash would (`kill -9`).
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// Stops it in good order.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.thaw();
            process.stop(Signal::SIGTERM, STOP_PATIENCE);
        }
    }

    /// Starts it again after [`Self::kill`] or [`Self::stop`], on the same ports and data.
    ///
    /// # Errors
    /// Why it does not start.
    pub fn restart(&mut self) -> Result<(), StackError> {
        self.stop();
        self.badge.kill_wearers("RabbitMQ")?;
        self.launch()
    }

    /// Stops every process of the node in its tracks.
    pub fn freeze(&self) {
        self.process.iter().for_each(Process::freeze);
    }

    /// Lets a frozen node go on.
    pub fn thaw(&self) {
        self.process.iter().for_each(Process::thaw);
    }

    /// Runs `rabbitmqctl` against the node; gives what it printed. Takes seconds: it starts an Erlang machine.
    ///
    /// # Errors
    /// It could not be run, or said that it failed.
    pub fn control(&self, arguments: &[&str]) -> Result<String, StackError> {
        let mut command = self.bound_command("rabbitmqctl");
        self.environment(&mut command);
        let output = command.arg("-q").args(arguments).stdin(Stdio::null()).output();
        let Output { status, stdout, stderr } = output.map_err(StackError::io("run rabbitmqctl"))?;
        if status.success() {
            return Ok(String::from_utf8_lossy(&stdout).into_owned());
        }
        let output = String::from_utf8_lossy(&stderr).into_owned();
        Err(StackError::Failed { what: format!("rabbitmqctl {}", arguments.join(" ")), output })
    }

    fn launch(&mut self) -> Result<(), StackError> {
        let log = self.output();
        self.epmd.as_mut().map_or(Ok(()), |epmd| epmd.keep_running(&log))?;
        let process = Process::spawn("RabbitMQ", self.command()?)?;
        let process = self.process.insert(process);
        let address = SocketAddr::from((host_of(self.machine.as_ref()), self.ports.amqp));
        let mut ended = false;
        let answers = wait_until(START_PATIENCE, || {
            ended = process.ended().is_some();
            ended || speaks_amqp(address)
        });
        match (answers, ended) {
            (true, false) => Ok(()),
            (_, true) => Err(StackError::not_ready("RabbitMQ", "ended while starting", &self.output())),
            _ => Err(StackError::not_ready("RabbitMQ", "did not answer in time", &self.log())),
        }
    }

    fn command(&self) -> Result<Command, StackError> {
        let what = format!("open {}", self.output().display());
        let output = fs::File::create(self.output()).map_err(StackError::io(&what))?;
        let errors = output.try_clone().map_err(StackError::io(&what))?;
        let mut command = self.bound_command("rabbitmq-server");
        self.environment(&mut command);
        command.stdin(self.badge.input()?).stdout(output).stderr(errors);
        Ok(command)
    }

    /// A command that runs where the node does.
    fn bound_command(&self, program: &str) -> Command {
        let program = self.programs.join(program);
        match &self.machine {
            Some(machine) => machine.bound_command(program, "TERM"),
            None => bound_command(program, "TERM", None),
        }
    }

    fn output(&self) -> PathBuf {
        self.directory.join("output.log")
    }

    fn environment(&self, command: &mut Command) {
        let in_directory = |name: &str| self.directory.join(name);
        let peers = self.machine.as_ref().map_or(Ipv4Addr::LOCALHOST, |machine| machine.peers);
        let mut distribution =
            format!("-kernel inet_dist_use_interface {{{}}}", peers.to_string().replace('.', ","));
        hide_variables(command, &["RABBITMQ_", "ERL_"]);
        if self.machine.is_some() {
            distribution.push_str(" -kernel net_ticktime ");
            distribution.push_str(NET_TICK_TIME_S);
            // Its host has a dot, as only long names have.
            command.env("RABBITMQ_USE_LONGNAME", "true");
        }
        command
            // The system's own files, which the scripts and the node would read besides.
            .env("RABBITMQ_CONF_ENV_FILE", in_directory("rabbitmq-env.conf"))
            .env("RABBITMQ_CONFIG_FILES", in_directory("conf.d"))
            .env("RABBITMQ_ADVANCED_CONFIG_FILE", in_directory("advanced.config"))
            .env("HOME", &self.directory)
            .env("ERL_EPMD_ADDRESS", peers.to_string())
            .env("ERL_EPMD_PORT", self.ports.epmd.to_string())
            .env("RABBITMQ_NODENAME", &self.node)
            .env("RABBITMQ_DIST_PORT", self.ports.distribution.to_string())
            .env("RABBITMQ_MNESIA_BASE", in_directory("mnesia"))
            .env("RABBITMQ_LOG_BASE", in_directory("log"))
            .env("RABBITMQ_CONFIG_FILE", in_directory("rabbitmq.conf"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", in_directory("enabled_plugins"))
            .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", distribution)
            // Otherwise a shell stays between us and the Erlang machine, and signals reach only the shell.
            .env("RUNNING_UNDER_SYSTEMD", "true");
    }
}

impl Drop for RabbitMq {
    fn drop(&mut self) {
        self.stop();
    }
}

fn host_of(machine: Option<&Machine>) -> Ipv4Addr {
    machine.map_or(Ipv4Addr::LOCALHOST, |machine| machine.clients)
}

fn installation() -> Result<PathBuf, StackError> {
    let entries = fs::read_dir(INSTALLATIONS).into_iter().flatten().flatten();
    let mut programs = entries.map(|entry| entry.path().join("sbin"));
    programs
        .find(|programs| programs.join("rabbitmq-server").exists())
        .ok_or(StackError::Missing { program: "RabbitMQ", package: "rabbitmq-server" })
}

/// Whether a broker greets whoever speaks AMQP 0-9-1: it answers with a method frame, `connection.start`.
fn speaks_amqp(address: SocketAddr) -> bool {
    let greeting = || {
        let mut stream = TcpStream::connect_timeout(&address, PROBE_PATIENCE)?;
        stream.set_read_timeout(Some(PROBE_PATIENCE))?;
        stream.write_all(b"AMQP\x00\x00\x09\x01")?;
        let mut first = [0];
        stream.read_exact(&mut first)?;
        std::io::Result::Ok(first[0] == 1)
    };
    greeting().unwrap_or(false)
}
