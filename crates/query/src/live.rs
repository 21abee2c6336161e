//! The live stream: what is stored, shown to everybody who watches.
//!
//! ```text
//! database <-- one question, four times a second --- poll --> ring of pages --+--> reading --> a client
//!                                                                             +--> reading --> another
//! ```
//!
//! However many watch, one task asks the database, and only while somebody does. It decodes and writes each event once,
//! and puts pages of them into a ring. Each client takes them from there as fast as it reads, and sees those that match its
//! filter. Nobody waits for anybody: a client that is a whole ring behind is cut off, and goes on where it was when it
//! comes back.

mod page;
mod reading;
mod token;

use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::Duration;

use actix_web::web;
use metrics::{Gauge, gauge, histogram};
use service::problem::Problem;
use store::events::{EventFilter, Place};
use store::{Error, Store};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, broadcast, watch};
use tokio::time::{Instant, sleep, timeout};

use self::page::Page;
pub(crate) use self::reading::Reading;
pub(crate) use self::token::Resumption;
use crate::ask::problem;
use crate::settings::QuerySettings;

/// How long after a look the next one comes: with the time that both take, the longest that an event waits.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// A look that takes long is followed by a longer pause, so that looking never takes more than a part of the database …
const POLL_SHARE: u32 = 4;

/// … but no longer than this.
const POLL_INTERVAL_MAX: Duration = Duration::from_secs(1);

/// How long to wait where the database can't answer.
const AWAY_INTERVAL: Duration = Duration::from_secs(1);

/// How many events a page has at most.
const PAGE_EVENTS_MAX: u32 = 500;

/// How many pages a client may be behind: of 1 MiB each, and one event more, at most.
const RING_PAGES_MAX: usize = 64;

/// How long whoever begins to watch waits for a look that is under way.
const JOIN_PATIENCE: Duration = Duration::from_secs(5);

/// When a client may ask again where too many watch, in seconds.
const RETRY_AFTER_S: u64 = 10;

/// Lets clients watch, so many at once and no more.
pub(crate) struct Hub {
    store: Store,
    places: Arc<Semaphore>,
    /// None while nobody watches. Locked for as long as a look takes.
    live: Mutex<Option<Live>>,
    stopping: watch::Sender<bool>,
}

/// What the poll and those who join share.
struct Live {
    pages: broadcast::Sender<Arc<Page>>,
    reached: Arc<Lock<Place>>,
}

type Attached = (broadcast::Receiver<Arc<Page>>, Arc<Lock<Place>>, Place);

/// What somebody who watches has of the hub.
pub(crate) struct Seat {
    pages: broadcast::Receiver<Arc<Page>>,
    /// How far the poll is.
    reached: Arc<Lock<Place>>,
    stopping: watch::Receiver<bool>,
    _place: OwnedSemaphorePermit,
    _shown: Shown,
}

impl Hub {
    /// With a pool of its own, of one connection.
    pub(crate) fn new(store: Store, settings: &QuerySettings) -> Self {
        let readers = usize::try_from(settings.stream_readers_max).unwrap_or(Semaphore::MAX_PERMITS);
        let places = Arc::new(Semaphore::new(readers.min(Semaphore::MAX_PERMITS)));
        Self { store, places, live: Mutex::new(None), stopping: watch::Sender::new(false) }
    }

    /// Takes a seat: every page from now on can be had from it, and the place is the one before these.
    pub(crate) async fn join(self: &Arc<Self>) -> Result<(Seat, Place), Problem> {
        let place = Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_| Problem::unavailable("too many watch at the moment", RETRY_AFTER_S))?;
        let silent = || Problem::unavailable("the database does not answer at the moment", 1);
        let joined = timeout(JOIN_PATIENCE, self.attach()).await.map_err(|_| silent())?;
        let (pages, reached, at) = joined.map_err(|error| problem(&error))?;
        if !at.is_whole() {
            // A look broke off on the way; the next one goes on.
            return Err(silent());
        }
        let seat =
            Seat { pages, reached, stopping: self.stopping.subscribe(), _place: place, _shown: Shown::new() };
        Ok((seat, at))
    }

    /// Ends every stream: their clients come back and go on.
    pub(crate) fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// The place is told under the lock: no page comes between it and the first that is received.
    async fn attach(self: &Arc<Self>) -> Result<Attached, Error> {
        let mut live = self.live.lock().await;
        if let Some(Live { pages, reached }) = &*live {
            return Ok((pages.subscribe(), Arc::clone(reached), current(reached)));
        }
        let store = self.store.clone();
        let snapshot = web::block(move || store.snapshot()).await.map_err(|_| ended())??;
        let (pages, first) = broadcast::channel(RING_PAGES_MAX);
        let place = Place::after(snapshot);
        let reached = Arc::new(Lock::new(place.clone()));
        *live = Some(Live { pages, reached: Arc::clone(&reached) });
        drop(live);
        actix_web::rt::spawn(poll(Arc::clone(self)));
        Ok((first, reached, place))
    }

    /// Looks once, and tells how long to wait before the next time; none where nobody watches any more.
    async fn look(&self) -> Option<Duration> {
        let mut live = self.live.lock().await;
        let watched = live.as_ref().filter(|live| live.pages.receiver_count() > 0);
        if watched.is_none() || *self.stopping.borrow() {
            // Whoever comes next begins anew.
            *live = None;
            return None;
        }
        let begun = Instant::now();
        let outcome = match watched {
            Some(live) => publish(&self.store, live).await,
            None => Ok(()),
        };
        let took = begun.elapsed();
        histogram!("eye_query_stream_poll_duration_seconds").record(took.as_secs_f64());
        Some(match outcome {
            Ok(()) => (took * POLL_SHARE).clamp(POLL_INTERVAL, POLL_INTERVAL_MAX),
            Err(error) => {
                // Counted and told there; what was missed is read when the database is back.
                problem(&error);
                AWAY_INTERVAL
            }
        })
    }
}

async fn poll(hub: Arc<Hub>) {
    while let Some(pause) = hub.look().await {
        sleep(pause).await;
    }
}

/// Puts all that is new into the ring.
async fn publish(store: &Store, live: &Live) -> Result<(), Error> {
    loop {
        let (store, place) = (store.clone(), current(&live.reached));
        let look = move || {
            let news = store.news(&place, None, &EventFilter::default(), PAGE_EVENTS_MAX)?;
            Page::write(news)
        };
        let page = web::block(look).await.map_err(|_| ended())??;
        let (next, more) = (page.next.clone(), page.more);
        // First the page and then the place: so whoever sees the place has the page.
        if !page.is_empty() {
            // Nobody left to take it: the next look ends.
            drop(live.pages.send(Arc::new(page)));
        }
        *live.reached.lock().unwrap_or_else(PoisonError::into_inner) = next;
        if !more {
            return Ok(());
        }
        // Those who read here get their turn.
        tokio::task::yield_now().await;
    }
}

fn current(reached: &Lock<Place>) -> Place {
    reached.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

fn ended() -> Error {
    Error::Permanent { reason: "the thread of a question ended".to_owned() }
}

/// What is asked for at the beginning, in full.
pub(crate) struct Watch {
    /// None where nothing can be seen.
    pub(crate) filter: Option<EventFilter>,
    /// Where the client was, if it was there before.
    pub(crate) resumption: Option<Resumption>,
}

/// Shows somebody as watching for as long as it lives.
struct Shown(Gauge);

impl Shown {
    fn new() -> Self {
        let gauge = gauge!("eye_query_stream_readers");
        gauge.increment(1);
        Self(gauge)
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.0.decrement(1);
    }
}
