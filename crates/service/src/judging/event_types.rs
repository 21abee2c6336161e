//! The event types in memory, with the time at which they were known to be in force.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use metrics::{counter, gauge};
use store::{Error, Store};
use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{sleep_until, timeout};

use super::rulebook::Types;
use super::source::Source;
use crate::patience::Waiting;
use crate::problem::Problem;

/// The oldest reading by which anything is judged, counted from its beginning.
pub const READING_AGE_MAX: Duration = Duration::from_secs(3);

/// How often the age is shown while a reading takes long.
const SHOW_INTERVAL: Duration = Duration::from_secs(1);

/// The counter of readings that failed.
const FAILED: &str = "eye_event_types_refreshes_failed_total";

/// The event types are not known as they are now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Outdated {
    /// How old the last reading is; none where there was none.
    age: Option<Duration>,
}

impl fmt::Display for Outdated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.age {
            None => f.write_str("the event types were not read yet"),
            Some(age) => write!(
                f,
                "the event types were last read {} s ago, expected at most {} s",
                age.as_secs(),
                READING_AGE_MAX.as_secs()
            ),
        }
    }
}

impl From<Outdated> for Problem {
    fn from(_: Outdated) -> Self {
        Self::unavailable("the event types can't be read at the moment, so that nothing can be judged", 1)
    }
}

/// What is in force, kept up to date until the last clone is dropped.
#[derive(Clone)]
pub(super) struct EventTypes {
    known: watch::Receiver<Known>,
    _refreshing: Arc<Refreshing>,
}

/// What was read last.
struct Known {
    types: Arc<Types>,
    /// When the last reading began that succeeded: what is committed before is in it. None before the first.
    read_at: Option<Instant>,
    started_at: Instant,
}

impl Known {
    fn age(&self) -> Option<Duration> {
        self.read_at.map(|at| at.elapsed())
    }

    /// Until when it may be judged by. Before the first reading this is when one is missed.
    fn good_until(&self) -> Instant {
        self.read_at.unwrap_or(self.started_at) + READING_AGE_MAX
    }

    fn is_current(&self) -> bool {
        self.age().is_some_and(|age| age <= READING_AGE_MAX)
    }
}

/// The task that reads; dropped, it ends.
struct Refreshing(JoinHandle<()>);

impl Drop for Refreshing {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl EventTypes {
    /// Starts reading, each time after this interval.
    pub(super) fn start(store: Store, interval: Duration) -> Self {
        counter!(FAILED).increment(0);
        let known = Known { types: Arc::default(), read_at: None, started_at: Instant::now() };
        let (known, watched) = watch::channel(known);
        let waiting =
            Waiting::new("the event types, without which nothing is judged", store.settings().place());
        let refresh = Refresh { source: Source::new(store.clone()), store, interval, known, waiting };
        Self { known: watched, _refreshing: Arc::new(Refreshing(tokio::spawn(refresh.run()))) }
    }

    /// What is in force.
    pub(super) fn current(&self) -> Result<Arc<Types>, Outdated> {
        let known = self.known.borrow();
        if known.is_current() { Ok(Arc::clone(&known.types)) } else { Err(Outdated { age: known.age() }) }
    }

    /// Waits until it is known what is in force. Cancel-safe.
    pub(super) async fn ready(&self) {
        let mut known = self.known.clone();
        if known.wait_for(Known::is_current).await.is_err() {
            // It reads as long as anybody has it.
            std::future::pending().await
        }
    }

    /// Waits until it has not been known for so long without a break. Cancel-safe.
    pub(super) async fn outdated_for(&self, patience: Duration) {
        let mut known = self.known.clone();
        loop {
            let good_until = known.borrow_and_update().good_until();
            tokio::select! {
                () = sleep_until((good_until + patience).into()) => return,
                changed = known.changed() => if changed.is_err() {
                    std::future::pending().await
                },
            }
        }
    }
}

/// Reads again and again.
struct Refresh {
    store: Store,
    source: Source,
    interval: Duration,
    known: watch::Sender<Known>,
    waiting: Waiting,
}

/// What a reading brings: other types than before, or that they are the same.
type Reading = Result<Option<Arc<Types>>, Error>;

impl Refresh {
    async fn run(mut self) {
        loop {
            let begun = Instant::now();
            let reading = self.read().await;
            self.note(begun, reading);
            self.show_age();
            sleep_until((begun + self.interval).into()).await;
        }
    }

    /// One that hangs is waited for instead of being joined by another: each holds a thread and a connection.
    async fn read(&mut self) -> Reading {
        let mut source = std::mem::replace(&mut self.source, Source::new(self.store.clone()));
        let mut reading = spawn_blocking(move || {
            let read = source.read();
            (source, read)
        });
        loop {
            match timeout(SHOW_INTERVAL, &mut reading).await {
                Ok(Ok((source, read))) => {
                    self.source = source;
                    return read;
                }
                // The source begins anew.
                Ok(Err(error)) => return Err(Error::Transient { reason: error.to_string() }),
                Err(_) => {
                    self.show_age();
                    self.miss(&"the database does not answer", false);
                }
            }
        }
    }

    fn note(&mut self, begun: Instant, reading: Reading) {
        match reading {
            Ok(types) => {
                self.known.send_modify(|known| {
                    if let Some(types) = types {
                        known.types = types;
                    }
                    known.read_at = Some(begun);
                });
                // One that took too long is followed by another at once.
                if self.known.borrow().is_current() {
                    self.waiting.there(Instant::now());
                }
            }
            Err(error) => {
                counter!(FAILED).increment(1);
                tracing::debug!(%error, "the event types can't be read");
                self.miss(&error, !error.is_transient());
            }
        }
    }

    /// Nothing is said of a failure before it keeps anybody waiting.
    fn miss(&mut self, reason: &dyn fmt::Display, needs_person: bool) {
        if self.known.borrow().good_until() <= Instant::now() {
            self.waiting.missing(Instant::now(), reason, needs_person);
        }
    }

    /// It grows on while nothing is read: alerts must not be fooled by a figure that stands still.
    fn show_age(&self) {
        let known = self.known.borrow();
        let age = known.age().unwrap_or_else(|| known.started_at.elapsed());
        gauge!("eye_event_types_age_seconds").set(age.as_secs_f64());
    }
}
