//! One file of a spool.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use super::Position;

/// How the names of files end that hold events.
const ENDING: &str = ".ndjson";

/// The file by which a client tells others that it uses the spool.
const LOCK: &str = "lock";

/// How much is on disk.
#[derive(Default)]
pub(super) struct Usage {
    bytes: AtomicU64,
    freed: Notify,
}

impl Usage {
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Acquire)
    }

    /// Ends when there may be more room.
    pub(super) fn freed(&self) -> Notified<'_> {
        self.freed.notified()
    }

    pub(super) fn tell_freed(&self) {
        self.freed.notify_waiters();
    }

    fn grow(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::AcqRel);
    }

    fn shrink(&self, bytes: u64) {
        self.bytes.fetch_sub(bytes, Ordering::AcqRel);
        self.tell_freed();
    }
}

/// One file. It stays when it is dropped; it is removed once all of it was read and each of its events has an end.
pub(super) struct Segment {
    path: PathBuf,
    number: u64,
    bytes: AtomicU64,
    usage: Arc<Usage>,
    /// Events that were read and have no end yet, and one more until all were read.
    open: AtomicU64,
    /// Whether something in it could not be read: it is kept for people.
    is_broken: AtomicBool,
}

impl Segment {
    /// Makes a file that only its owner may read: events are what users did.
    pub(super) fn create(directory: &Path, number: u64, usage: &Arc<Usage>) -> io::Result<(File, Self)> {
        let path = directory.join(format!("{number:020}{ENDING}"));
        let mut options = OpenOptions::new();
        options.append(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path)?;
        Ok((file, Self::new(path, number, 0, usage)))
    }

    /// One that was left.
    pub(super) fn found(path: PathBuf, number: u64, bytes: u64, usage: &Arc<Usage>) -> Self {
        usage.grow(bytes);
        Self::new(path, number, bytes, usage)
    }

    fn new(path: PathBuf, number: u64, bytes: u64, usage: &Arc<Usage>) -> Self {
        Self {
            path,
            number,
            bytes: AtomicU64::new(bytes),
            usage: Arc::clone(usage),
            open: AtomicU64::new(1),
            is_broken: AtomicBool::new(false),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Acquire)
    }

    /// Its end.
    pub(super) fn position(&self) -> Position {
        (self.number, self.bytes())
    }

    pub(super) fn grow(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::AcqRel);
        self.usage.grow(bytes);
    }

    /// An event of it is on its way.
    pub(super) fn ticket(self: &Arc<Self>) -> Ticket {
        self.open.fetch_add(1, Ordering::AcqRel);
        Ticket(Arc::clone(self))
    }

    /// All of it was read.
    pub(super) fn read_whole(&self) {
        self.end_one();
    }

    /// Something in it is no event: the file is kept.
    pub(super) fn keep(&self) {
        self.is_broken.store(true, Ordering::Release);
    }

    fn end_one(&self) {
        if self.open.fetch_sub(1, Ordering::AcqRel) > 1 {
            return;
        }
        let ended = if self.is_broken.load(Ordering::Acquire) {
            fs::rename(&self.path, self.path.with_extension("broken"))
        } else {
            fs::remove_file(&self.path)
        };
        match ended {
            Ok(()) => self.usage.shrink(self.bytes()),
            Err(error) => {
                tracing::error!(%error, path = %self.path.display(), "a delivered file of the spool stays: its events will be sent again");
            }
        }
    }
}

/// Stands for an event of a file. Dropped without an end, it leaves the file for the next start.
pub(crate) struct Ticket(Arc<Segment>);

impl Ticket {
    /// The event has an end.
    pub(crate) fn settle(self) {
        self.0.end_one();
    }
}

/// The number of a file that holds events; none for others.
pub(super) fn number_of(name: &OsStr) -> Option<u64> {
    let digits = name.to_str()?.strip_suffix(ENDING)?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

pub(super) fn make_directory(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

/// Takes the directory for this client alone, as long as the file lives.
pub(super) fn lock(directory: &Path) -> io::Result<File> {
    let file = OpenOptions::new().create(true).write(true).truncate(false).open(directory.join(LOCK))?;
    #[cfg(unix)]
    rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).map_err(|error| {
        if error == rustix::io::Errno::WOULDBLOCK {
            return io::Error::new(
                io::ErrorKind::WouldBlock,
                "expected a directory of its own, found one that another client uses",
            );
        }
        io::Error::from(error)
    })?;
    Ok(file)
}
