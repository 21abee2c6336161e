//! Whether a stack runs here.

use std::fs::{self, File};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::local::{Local, write_private};

/// The process that watches over the stack of a clone. The time at which it started stands in the file beside its id, so
/// that a process that has got the same id since is never taken for it.
#[derive(Debug)]
pub(crate) struct Running {
    pid: i32,
}

/// Removes the file when the stack has stopped.
#[derive(Debug)]
pub(crate) struct Mark {
    file: PathBuf,
    _lock: Flock<File>,
}

impl Running {
    pub(crate) fn find(local: &Local) -> Option<Self> {
        let text = fs::read_to_string(file(local)).ok()?;
        let (pid, started) = text.trim().split_once(' ')?;
        let pid = pid.parse().ok()?;
        (start_time(pid)? == started).then_some(Self { pid })
    }

    pub(crate) fn pid(&self) -> i32 {
        self.pid
    }

    /// # Errors
    /// A stack runs here already.
    pub(crate) fn refuse(local: &Local) -> Result<()> {
        if let Some(Self { pid }) = Self::find(local) {
            let place = local.root().display();
            bail!("the stack of {place} is running already (process {pid}); `eye down` stops it");
        }
        Ok(())
    }

    pub(crate) fn ask_to_stop(&self) {
        // An error means that it has ended meanwhile, which is what is wanted.
        kill(Pid::from_raw(self.pid), Signal::SIGTERM).unwrap_or_default();
    }
}

impl Mark {
    /// Says that this process watches over the stack from now on.
    pub(crate) fn set(local: &Local) -> Result<Self> {
        Running::refuse(local)?;
        let pid = i32::try_from(std::process::id())?;
        let Some(started) = start_time(pid) else { bail!("/proc does not show this process") };
        let lock = lock(local)?;
        write_private(&file(local), &format!("{pid} {started}\n"))?;
        Ok(Self { file: file(local), _lock: lock })
    }
}

/// Keeps a second start out that began at the same moment, before either had written its id.
fn lock(local: &Local) -> Result<Flock<File>> {
    let path = local.path("eye.lock");
    let file = File::create(&path).with_context(|| format!("write {}", path.display()))?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(lock),
        Err(_) => bail!("another `eye up` has just begun in {}", local.root().display()),
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        // A file that stays is seen to be stale by the next start.
        drop(fs::remove_file(&self.file));
    }
}

fn file(local: &Local) -> PathBuf {
    local.path("eye.pid")
}

/// When a process started, in ticks since the machine did; none where it has ended.
fn start_time(pid: i32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // After the name in parentheses: state is field 3 of the line, the start time field 22.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    (state != "Z").then(|| fields.nth(18).map(str::to_owned))?
}
