//! Where log lines wait for stderr. A supervisor that stops reading its end of a pipe would otherwise block whoever
//! logs, and with that every request; so a thread of its own writes, and what no longer fits is counted and dropped.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use metrics::counter;
use tracing_subscriber::fmt::MakeWriter;

use crate::traces;

/// The most bytes of lines that wait.
const WAITING_BYTES_MAX: usize = 4 * 1024 * 1024;

/// For how long lines gather before they are written together: a thread that is woken for each of ten thousand a second takes
/// more of a core than the requests that they tell of.
const GATHER_TIME: Duration = Duration::from_millis(10);

/// How long the end of the process waits for the last lines.
const LAST_LINES_TIMEOUT: Duration = Duration::from_secs(1);

#[derive(Default)]
struct Lines {
    waiting: Vec<u8>,
    dropped: u64,
    closing: bool,
    closed: bool,
}

#[derive(Default)]
struct Queue {
    lines: Mutex<Lines>,
    changed: Condvar,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, line: &[u8]) {
        let mut lines = self.lock();
        if lines.waiting.len() + line.len() > WAITING_BYTES_MAX {
            lines.dropped += 1;
            return;
        }
        let was_empty = lines.waiting.is_empty();
        lines.waiting.extend_from_slice(line);
        drop(lines);
        if was_empty {
            self.changed.notify_all();
        }
    }

    /// Waits for lines and puts them in `taken`; false when there will be none any more.
    fn take(&self, taken: &mut Vec<u8>) -> bool {
        let unneeded = |lines: &mut Lines| lines.waiting.is_empty() && !lines.closing;
        let lines = self.changed.wait_while(self.lock(), unneeded).unwrap_or_else(PoisonError::into_inner);
        let gathered = self.changed.wait_timeout_while(lines, GATHER_TIME, |lines| !lines.closing);
        let (mut lines, _) = gathered.unwrap_or_else(PoisonError::into_inner);
        taken.clear();
        std::mem::swap(&mut lines.waiting, taken);
        let dropped = std::mem::take(&mut lines.dropped);
        drop(lines);
        if dropped > 0 {
            counter!("eye_log_records_dropped_total").increment(dropped);
        }
        !taken.is_empty()
    }

    fn write_all(&self) {
        let mut taken = Vec::new();
        while self.take(&mut taken) {
            // There is nowhere left to report to: a line that stderr refuses is lost, and counted.
            if io::stderr().lock().write_all(&taken).is_err() {
                counter!("eye_log_records_dropped_total").increment(1);
            }
        }
        self.lock().closed = true;
        self.changed.notify_all();
    }
}

/// Takes the lines of the log.
#[derive(Clone)]
pub(super) struct LineWriter(Arc<Queue>);

impl Write for LineWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LineWriter {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// The running log and export of traces; dropping it exports and writes what is left.
pub struct Telemetry(Arc<Queue>);

impl Telemetry {
    pub(super) fn start() -> io::Result<(Self, LineWriter)> {
        let queue = Arc::new(Queue::default());
        let writing = Arc::clone(&queue);
        std::thread::Builder::new().name("log".to_owned()).spawn(move || writing.write_all())?;
        Ok((Self(Arc::clone(&queue)), LineWriter(queue)))
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        traces::finish();
        let mut lines = self.0.lock();
        lines.closing = true;
        self.0.changed.notify_all();
        // Bounded: a stderr that nobody reads must not keep the process alive.
        drop(self.0.changed.wait_timeout_while(lines, LAST_LINES_TIMEOUT, |lines| !lines.closed));
    }
}
