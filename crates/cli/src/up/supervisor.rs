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
        let watch =
            Watch { part, stopped, announce, rest: Duration::ZERO, started: Instant::now(), told: None };
        Self { stop, thread: std::thread::spawn(move || watch.run()) }
    }

    /// Stops the part in good order, and waits until it has.
    pub(crate) fn stop(self) {
        // The other side is gone only if the thread has ended.
        self.stop.send(()).unwrap_or_default();
        drop(self.thread.join());
    }
}

/// What people were told of a part since it was healthy: each is told once, however often it happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Told {
    StartedAgain,
    DoesNotStart,
}

struct Watch<P> {
    part: P,
    stopped: mpsc::Receiver<()>,
    announce: Announce,
    rest: Duration,
    started: Instant,
    told: Option<Told>,
}

impl<P: Part> Watch<P> {
    fn run(mut self) {
        while self.pause(LOOK_INTERVAL) {
            if self.part.is_running() {
                self.note_health();
            } else if self.pause(self.rest) {
                self.start_again();
            } else {
                break;
            }
        }
        self.part.stop();
    }

    /// Waits; gives false as soon as the part is to be stopped.
    fn pause(&self, length: Duration) -> bool {
        matches!(self.stopped.recv_timeout(length), Err(RecvTimeoutError::Timeout))
    }

    fn start_again(&mut self) {
        self.rest = (self.rest * 2).clamp(REST_MIN, REST_MAX);
        match self.part.start() {
            Ok(()) => self.tell(Told::StartedAgain, "ended, and was started again"),
            Err(error) => {
                let news = format!("ended, and does not start; it is tried again and again: {error}");
                self.tell(Told::DoesNotStart, &news);
            }
        }
        self.started = Instant::now();
    }

    fn note_health(&mut self) {
        if self.started.elapsed() < HEALTHY_AFTER {
            return;
        }
        self.rest = Duration::ZERO;
        if self.told.take() == Some(Told::DoesNotStart) {
            (self.announce)(&format!("{} runs again", self.part.name()));
        }
    }

    fn tell(&mut self, what: Told, news: &str) {
        if self.told < Some(what) {
            self.told = Some(what);
            (self.announce)(&format!("{} {news}", self.part.name()));
        }
    }
}
