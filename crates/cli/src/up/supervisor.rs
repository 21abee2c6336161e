//! Starts again what dies.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::parts::Part;

/// How often a part is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// How long a part rests before it is started again: none the first time, then twice as long each time, up to this.
const REST_MAX: Duration = Duration::from_millis(1_600);
const REST_MIN: Duration = Duration::from_millis(100);
/// A part that ran for so long is healthy: what it did before no longer counts.
const HEALTHY_AFTER: Duration = Duration::from_secs(10);

/// Tells people what happened to a part.
pub(crate) type Announce = Arc<dyn Fn(&str) + Send + Sync>;

/// A running part and the thread that watches it.
pub(crate) struct Watched {
    stop: mpsc::Sender<()>,
    thread: JoinHandle<()>,
}

impl Watched {
    /// Watches a part that has been started.
    pub(crate) fn over(part: impl Part + 'static, announce: Announce) -> Self {
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::spawn(move || watch(part, &stopped, &announce));
        Self { stop, thread }
    }

    /// Stops the part in good order, and waits until it has.
    pub(crate) fn stop(self) {
        // The other side is gone only if the thread has ended.
        self.stop.send(()).unwrap_or_default();
        drop(self.thread.join());
    }
}

fn watch(mut part: impl Part, stopped: &mpsc::Receiver<()>, announce: &Announce) {
    let mut started = Instant::now();
    let mut rest = Duration::ZERO;
    let mut interval = LOOK_INTERVAL;
    while matches!(stopped.recv_timeout(interval), Err(RecvTimeoutError::Timeout)) {
        if part.is_running() {
            interval = LOOK_INTERVAL;
            continue;
        }
        if started.elapsed() > HEALTHY_AFTER {
            rest = Duration::ZERO;
        }
        if rest.is_zero() {
            announce(&format!("{} ended; starting it again", part.name()));
        }
        match stopped.recv_timeout(rest) {
            Err(RecvTimeoutError::Timeout) => {}
            _ => break,
        }
        rest = (rest * 2).clamp(REST_MIN, REST_MAX);
        started = Instant::now();
        if let Err(error) = part.start() {
            announce(&format!("{} does not start: {error}", part.name()));
        }
        interval = Duration::ZERO;
    }
    part.stop();
}
