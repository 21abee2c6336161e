//! Reads the files in their order, and feeds the buffer.

use std::fs::File;
use std::io::{self, Read as _};
use std::sync::Arc;
use std::time::Duration;

use super::segment::Segment;
use super::{Files, Position};
use crate::RawEvent;
use crate::buffer::{Buffer, Held};

/// How much is read at once, in bytes; an event that is longer is read whole.
const READ_BYTES: usize = 256 * 1024;

/// After how long without a new event the file that is written to is ended, so that it can be removed.
const END_AFTER: Duration = Duration::from_secs(1);

/// Where nothing is read any more.
pub(super) const END: Position = (u64::MAX, 0);

/// Feeds until the spool is closed and read, or the buffer takes no more.
pub(crate) async fn run(files: Arc<Files>, buffer: Arc<Buffer>) {
    let _ended = Ended(&files);
    while let Some(segment) = files.next_unread().await {
        match read(&files, &buffer, &segment).await {
            Ok(true) => segment.read_whole(),
            // The buffer is closed: what was not read stays for the next start.
            Ok(false) => return,
            Err(error) => {
                tracing::error!(%error, path = %segment.path().display(), "a file of the spool can't be read: it stays for the next start");
            }
        }
        files.fed.send_replace((segment.number() + 1, 0));
    }
    buffer.close();
}

/// Nobody waits for a reader that has ended, writes what it would have to read, or is kept from the directory.
struct Ended<'a>(&'a Files);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.close();
        self.0.state().lock = None;
        self.0.fed.send_replace(END);
    }
}

/// Feeds one file; tells whether all of it was taken.
async fn read(files: &Files, buffer: &Buffer, segment: &Arc<Segment>) -> io::Result<bool> {
    let mut lines = Lines { file: File::open(segment.path())?, rest: Vec::new() };
    let mut offset = 0;
    loop {
        // Asked before reading: what is written last before it ends is read all the same.
        let is_written = files.is_written(segment);
        let (read, found) = tokio::task::spawn_blocking(move || lines.next().map(|found| (lines, found)))
            .await
            .map_err(io::Error::other)??;
        lines = read;
        if found.is_empty() {
            if is_written {
                files.until_grown(segment).await;
                continue;
            }
            if !lines.rest.is_empty() {
                tracing::warn!(path = %segment.path().display(), bytes = lines.rest.len(), "half an event at the end of a file of the spool: its application was killed while it wrote it, and it was not taken");
            }
            return Ok(true);
        }
        for line in found {
            offset += line.len() as u64 + 1;
            if !feed(buffer, segment, line).await {
                return Ok(false);
            }
            files.fed.send_replace((segment.number(), offset));
        }
    }
}

/// Hands one event to the buffer; tells whether that takes more.
async fn feed(buffer: &Buffer, segment: &Arc<Segment>, line: Vec<u8>) -> bool {
    match RawEvent::from_line(line) {
        Ok(event) => buffer.submit_held(Held { event, ticket: Some(segment.ticket()) }).await,
        Err(error) => {
            tracing::error!(%error, path = %segment.path().display(), "a line of the spool is no event: the file is kept");
            segment.keep();
            true
        }
    }
}

/// The lines of a file that may still grow.
struct Lines {
    file: File,
    /// What was read and has no end yet.
    rest: Vec<u8>,
}

impl Lines {
    /// The next lines, some of them; none at the end.
    fn next(&mut self) -> io::Result<Vec<Vec<u8>>> {
        loop {
            let before = self.rest.len();
            let read = (&self.file).take(READ_BYTES as u64).read_to_end(&mut self.rest)?;
            if read == 0 {
                return Ok(Vec::new());
            }
            let Some(last) = self.rest[before..].iter().rposition(|&byte| byte == b'\n') else { continue };
            let rest = self.rest.split_off(before + last + 1);
            let whole = std::mem::replace(&mut self.rest, rest);
            let lines = whole.split(|&byte| byte == b'\n').map(<[u8]>::to_vec);
            return Ok(lines.take(whole.iter().filter(|&&byte| byte == b'\n').count()).collect());
        }
    }
}

impl Files {
    /// The next file to read; none when the spool is closed and read.
    async fn next_unread(&self) -> Option<Arc<Segment>> {
        loop {
            {
                let mut state = self.state();
                if let Some(segment) = state.unread.pop_front() {
                    return Some(segment);
                }
                if state.closed {
                    return None;
                }
            }
            self.grown.notified().await;
        }
    }

    /// Whether it is written to.
    fn is_written(&self, segment: &Arc<Segment>) -> bool {
        self.state().current.as_ref().is_some_and(|current| Arc::ptr_eq(&current.segment, segment))
    }

    /// Waits for more in a file that is written to; ends that file where nothing comes.
    async fn until_grown(&self, segment: &Arc<Segment>) {
        if tokio::time::timeout(END_AFTER, self.grown.notified()).await.is_ok() {
            return;
        }
        let mut state = self.state();
        if state.current.as_ref().is_some_and(|current| Arc::ptr_eq(&current.segment, segment)) {
            state.current = None;
        }
    }
}
