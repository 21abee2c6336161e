//! Child processes that do not outlive us.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc;
use std::sync::{Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::StackError;

/// How often a process that should end or answer is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// How long an earlier server may take to stop.
const LEFTOVERS_PATIENCE: Duration = Duration::from_secs(30);

/// A running child. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
}

/// Starts building a command whose process gets `signal` when we end, however we end.
///
/// `setpriv` asks the kernel for that: it needs no unsafe code, and no one has to be alive to do it.
pub fn bound_command(program: impl AsRef<OsStr>, signal: &str, user: Option<&str>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", signal]);
    if let Some(user) = user {
        command.args(["--reuid", user, "--regid", user, "--clear-groups"]);
    }
    command.arg("--").arg(program);
    command
}

/// Keeps from a command what its caller's environment says to other servers of the kind: variables with these prefixes.
pub(crate) fn hide_variables(command: &mut Command, prefixes: &[&str]) {
    for (name, _) in std::env::vars_os() {
        if prefixes.iter().any(|prefix| name.as_encoded_bytes().starts_with(prefix.as_bytes())) {
            command.env_remove(name);
        }
    }
}

/// What all processes of a server have as their standard input, and nobody else has: by it they are found when their
/// parent has gone, and until the last of them has ended nobody else may touch their data.
#[derive(Debug)]
pub(crate) struct Badge {
    file: PathBuf,
}

impl Badge {
    /// The badge of the server in `directory`, which must exist.
    pub(crate) fn of(directory: &Path) -> Result<Self, StackError> {
        let what = || format!("open {}", directory.join("badge").display());
        // As the process table shows it: without symbolic links.
        let file = directory.canonicalize().map_err(StackError::io(what()))?.join("badge");
        File::options().create(true).append(true).open(&file).map_err(StackError::io(what()))?;
        Ok(Self { file })
    }

    /// Waits until nobody wears it: a server whose parent was killed takes its time to stop.
    pub(crate) fn await_free(&self, server: &str) -> Result<(), StackError> {
        if wait_until(LEFTOVERS_PATIENCE, || self.wearers().is_empty()) {
            return Ok(());
        }
        let pids: Vec<_> = self.wearers().iter().map(u32::to_string).collect();
        let what = format!("start {server}: process {} still works on its data", pids.join(", "));
        Err(StackError::io(what)(io::ErrorKind::ResourceBusy.into()))
    }

    /// Kills whoever wears it: what a server that died has left behind.
    pub(crate) fn kill_wearers(&self, server: &str) -> Result<(), StackError> {
        self.wearers().into_iter().for_each(|pid| send(pid, Signal::SIGKILL));
        self.await_free(server)
    }

    /// Its file, to be the standard input of a process.
    pub(crate) fn input(&self) -> Result<File, StackError> {
        File::open(&self.file).map_err(StackError::io(format!("open {}", self.file.display())))
    }

    fn wearers(&self) -> Vec<u32> {
        all_pids().filter(|pid| self.is_worn_by(*pid)).collect()
    }

    fn is_worn_by(&self, pid: u32) -> bool {
        fs::read_link(format!("/proc/{pid}/fd/0")).is_ok_and(|input| input == self.file)
    }
}

impl Process {
    /// Starts a command made by [`bound_command`].
    ///
    /// # Errors
    /// The system could not start it.
    pub fn spawn(name: &str, command: Command) -> Result<Self, StackError> {
        let child = spawn_from_lasting_thread(command).map_err(StackError::io(format!("start {name}")))?;
        Ok(Self { name: name.to_owned(), child })
    }

    /// What it is called in messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended; none while it runs.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Sends a signal; nothing happens if the process has ended.
    pub fn signal(&mut self, signal: Signal) {
        if self.ended().is_none() {
            send(self.pid(), signal);
        }
    }

    /// Kills it and all its descendants at once (`kill -9`).
    pub fn kill(&mut self) {
        if self.ended().is_none() {
            // Stopped first, so that none is born meanwhile.
            self.freeze();
            self.signal_tree(Signal::SIGKILL);
        }
        // An error means that somebody waited for it already.
        drop(self.child.wait());
    }

    /// Asks it to end, and kills it when it takes longer than `patience`. Tells whether it ended by itself.
    pub fn stop(&mut self, signal: Signal, patience: Duration) -> bool {
        self.signal(signal);
        let in_time = wait_until(patience, || self.ended().is_some());
        if !in_time {
            self.kill();
        }
        in_time
    }

    /// Stops the process and all its descendants in their tracks, as a machine that hangs would.
    pub fn freeze(&self) {
        self.signal_tree(Signal::SIGSTOP);
    }

    /// Lets a frozen process go on.
    pub fn thaw(&self) {
        self.signal_tree(Signal::SIGCONT);
    }

    /// Whoever is killed has no descendants any more: so they are listed before, and get the signal last.
    fn signal_tree(&self, signal: Signal) {
        let known = descendants(self.pid());
        send(self.pid(), signal);
        let born_meanwhile = descendants(self.pid());
        let descendants: BTreeSet<_> = known.into_iter().chain(born_meanwhile).collect();
        descendants.into_iter().for_each(|pid| send(pid, signal));
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.ended().is_none() {
            self.kill();
        }
    }
}

/// Looks again and again until `done` or the time is over; tells whether it was done.
pub fn wait_until(patience: Duration, mut done: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + patience;
    loop {
        if done() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        thread::sleep(LOOK_INTERVAL);
    }
}

/// How much memory a process has, in bytes; none where there is no such process.
pub fn resident_bytes(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

fn send(pid: u32, signal: Signal) {
    if let Ok(pid) = i32::try_from(pid) {
        // An error means that the process has ended meanwhile.
        kill(Pid::from_raw(pid), signal).unwrap_or_default();
    }
}

/// Every process that descends from `root`, as the system's process table shows it now.
fn descendants(root: u32) -> Vec<u32> {
    let parents: Vec<_> = all_pids().filter_map(|pid| Some((pid, parent_of(pid)?))).collect();
    let mut found = vec![root];
    let mut looked_at = 0;
    while looked_at < found.len() {
        let parent = found[looked_at];
        found.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
        looked_at += 1;
    }
    found.split_off(1)
}

fn all_pids() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn parent_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in parentheses and may hold anything; state and parent follow it.
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

type Spawn = (Command, mpsc::Sender<io::Result<Child>>);

/// The kernel sends the death signal when the *thread* that started a child ends. Test threads end early, so one thread
/// that lasts as long as the process starts them all.
fn spawn_from_lasting_thread(command: Command) -> io::Result<Child> {
    static SPAWNER: OnceLock<Mutex<mpsc::Sender<Spawn>>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (sender, receiver) = mpsc::channel::<Spawn>();
        thread::spawn(move || {
            for (mut command, answer) in receiver {
                // Nobody waits for the answer any more: then the child is dropped, and goes on until we end.
                drop(answer.send(command.spawn()));
            }
        });
        Mutex::new(sender)
    });
    let gone = || io::Error::other("the thread that starts processes has ended");
    let (answer, answered) = mpsc::channel();
    let sender = spawner.lock().map_err(|_| gone())?.clone();
    sender.send((command, answer)).map_err(|_| gone())?;
    answered.recv().map_err(|_| gone())?
}

/// 192 random bits in hexadecimal, which needs no quoting anywhere.
pub(crate) fn secret() -> Result<String, StackError> {
    let mut bytes = [0; 24];
    getrandom::fill(&mut bytes)
        .map_err(|error| StackError::io("make a password")(io::Error::other(error)))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
