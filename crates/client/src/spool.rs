//! Events on disk until they are delivered, so that they outlive the application.
//!
//! # How it works
//! An event is written to the last file of the spool before it is taken. One task reads the files in their order and feeds
//! the buffer as that has room, so that what waits in memory stays bounded however much waits on disk. A file is removed
//! once all of it was read and each of its events has an end. What an application leaves that ends or is killed is read first by
//! the next one, file by file, also what was delivered of a file that was left: events have ids, and are stored once.
//!
//! What is written outlives the process. It is not forced to the disk, so a machine that loses its power may lose the last
//! seconds of it.

mod feeder;
mod segment;

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};

pub(crate) use self::feeder::run as feed;
pub(crate) use self::segment::Ticket;
use self::segment::{Segment, Usage};
use crate::{RawEvent, Spool, StartError, SubmitError, WhenFull, WhyNot};

/// How long a file of the spool becomes at most, in bytes: what is sent again after a kill is at most so much of what was
/// delivered.
const SEGMENT_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Into at least how many files the spool is divided, so that room comes back before all of it is delivered.
const SEGMENTS_MIN: u64 = 8;

/// Up to where the files were read, or written: the number of a file, and the bytes of it.
type Position = (u64, u64);

/// The files of a spool.
pub(crate) struct Files {
    directory: PathBuf,
    bytes_max: u64,
    segment_bytes_max: u64,
    when_full: WhenFull,
    state: Mutex<State>,
    usage: Arc<Usage>,
    /// Told when there is more to read, or when no more will come.
    grown: Notify,
    /// Up to where the events were handed to the buffer.
    fed: watch::Sender<Position>,
}

struct State {
    /// What is written to; none until there is something to write.
    current: Option<Current>,
    /// What the feeder has not begun to read; the last may be the one that is written to.
    unread: VecDeque<Arc<Segment>>,
    /// The number of the next file.
    next: u64,
    /// Up to where events were written.
    written: Position,
    closed: bool,
    /// Held as long as the spool is in use.
    lock: Option<File>,
}

struct Current {
    file: File,
    segment: Arc<Segment>,
}

impl Files {
    /// Takes a directory into use, with what was left in it.
    ///
    /// # Errors
    /// It can't be made, read or written, or another client uses it.
    pub(crate) fn open(spool: &Spool, when_full: WhenFull) -> Result<Self, StartError> {
        let directory = spool.directory.clone();
        let wrong = |error: io::Error| StartError::Spool(format!("{}: {error}", spool.directory.display()));
        segment::make_directory(&directory).map_err(wrong)?;
        let lock = segment::lock(&directory).map_err(wrong)?;
        let usage = Arc::new(Usage::default());
        let unread = left(&directory, &usage).map_err(wrong)?;
        if !unread.is_empty() {
            tracing::info!(
                files = unread.len(),
                bytes = usage.bytes(),
                "events of an earlier run are sent first"
            );
        }
        let next = unread.back().map_or(0, |segment| segment.number() + 1);
        let state =
            State { current: None, unread, next, written: (next, 0), closed: false, lock: Some(lock) };
        Ok(Self {
            directory,
            bytes_max: spool.bytes_max,
            segment_bytes_max: (spool.bytes_max / SEGMENTS_MIN).clamp(1, SEGMENT_BYTES_MAX),
            when_full,
            state: Mutex::new(state),
            usage,
            grown: Notify::new(),
            fed: watch::Sender::new((0, 0)),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that holds it panics; and if it did, going on is better than losing events.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes an event down, or gives it back.
    pub(crate) async fn submit(&self, event: RawEvent) -> Result<(), SubmitError> {
        loop {
            let freed = self.usage.freed();
            tokio::pin!(freed);
            // Room that comes back after the next line is not missed.
            freed.as_mut().enable();
            match (self.append(&event), self.when_full) {
                (Ok(()), _) => return Ok(()),
                (Err(WhyNot::Full), WhenFull::Block) => freed.await,
                (Err(why), _) => return Err(SubmitError { event, why }),
            }
        }
    }

    /// Writes an event down, or gives it back at once where that needs waiting.
    pub(crate) fn try_submit(&self, event: RawEvent) -> Result<(), SubmitError> {
        self.append(&event).map_err(|why| SubmitError { event, why })
    }

    fn append(&self, event: &RawEvent) -> Result<(), WhyNot> {
        let bytes = event.bytes() as u64;
        if bytes > self.bytes_max {
            return Err(WhyNot::TooLarge(usize::try_from(self.bytes_max).unwrap_or(usize::MAX)));
        }
        let mut state = self.state();
        if state.closed {
            return Err(WhyNot::Closed);
        }
        if self.usage.bytes() + bytes > self.bytes_max {
            return Err(WhyNot::Full);
        }
        let begins = state
            .current
            .as_ref()
            .is_none_or(|current| current.segment.bytes() + bytes > self.segment_bytes_max);
        let written = if begins { self.begin(&mut state) } else { Ok(()) };
        let written = written.and_then(|()| match &mut state.current {
            Some(current) => current.write(event).map(|()| current.segment.position()),
            None => Err(io::ErrorKind::NotFound.into()),
        });
        match written {
            Ok(position) => state.written = position,
            Err(error) => {
                // What follows goes to another file: this one may end in half an event.
                state.current = None;
                tracing::error!(%error, directory = %self.directory.display(), "the spool can't be written");
                return Err(WhyNot::Spool(error.kind()));
            }
        }
        drop(state);
        self.grown.notify_one();
        Ok(())
    }

    fn begin(&self, state: &mut State) -> io::Result<()> {
        let (file, segment) = Segment::create(&self.directory, state.next, &self.usage)?;
        let segment = Arc::new(segment);
        state.next += 1;
        state.unread.push_back(Arc::clone(&segment));
        state.current = Some(Current { file, segment });
        Ok(())
    }

    /// Waits until all that was written before is in the buffer's hands, or nobody reads any more.
    pub(crate) async fn until_fed(&self) {
        let all = self.state().written;
        let mut fed = self.fed.subscribe();
        // It can't fail: the sender is our own.
        let waited = fed.wait_for(|fed| *fed >= all).await;
        debug_assert!(waited.is_ok(), "the spool outlives its borrows");
    }

    /// Waits until nothing is read any more, and others may use the directory.
    pub(crate) async fn until_ended(&self) {
        let mut fed = self.fed.subscribe();
        let waited = fed.wait_for(|fed| *fed == feeder::END).await;
        debug_assert!(waited.is_ok(), "the spool outlives its borrows");
    }

    /// Takes no more events. What is there is still read.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        state.current = None;
        drop(state);
        self.usage.tell_freed();
        self.grown.notify_one();
    }

    /// The bytes of what is on disk.
    pub(crate) fn bytes(&self) -> u64 {
        self.usage.bytes()
    }
}

impl Current {
    /// Writes a line, in one piece or not at all.
    fn write(&mut self, event: &RawEvent) -> io::Result<()> {
        let mut line = Vec::with_capacity(event.bytes());
        line.extend_from_slice(event.text());
        line.push(b'\n');
        self.file.write_all(&line).inspect_err(|_| {
            // Where this fails too, the reader leaves out what has no end.
            if let Err(error) = self.file.set_len(self.segment.bytes()) {
                tracing::warn!(%error, "half an event stays at the end of a file of the spool");
            }
        })?;
        self.segment.grow(line.len() as u64);
        Ok(())
    }
}

/// What an earlier run left, in its order.
fn left(directory: &Path, usage: &Arc<Usage>) -> io::Result<VecDeque<Arc<Segment>>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if let Some(number) = segment::number_of(&entry.file_name()) {
            found.push(Segment::found(entry.path(), number, entry.metadata()?.len(), usage));
        }
    }
    found.sort_unstable_by_key(Segment::number);
    Ok(found.into_iter().map(Arc::new).collect())
}
