//! Gives up connections that were asked something and say nothing.
//!
//! The database ends a statement that takes too long, so that whoever asks hears of it within `statement_timeout_ms`. Where
//! nothing comes for longer, the way to it is at fault: a proxy that hangs, a primary that was stopped and replaced. The
//! kernel notices a machine that is gone, but not one that takes every byte and answers none, and libpq waits for ever. So a
//! thread looks each second which connections should have heard by now, and shuts their sockets down: libpq sees the end, and
//! the caller a lost connection, as if the server had closed it. What was asked may have been done all the same: that is the
//! caller's question, as it is whenever a connection is lost.
//!
//! # Which socket
//! Nothing tells the socket of a connection. So of the connections that lead to a port a process makes one at a time; the
//! socket is the one that came about meanwhile and leads there. Where there are several such, or none since it is no TCP, the
//! connection is not looked after.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;
use std::fs;
use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{Builder, sleep};
use std::time::{Duration, Instant};

use diesel::connection::{Instrumentation, InstrumentationEvent};
use metrics::{Counter, counter};
use nix::sys::socket::{Shutdown, SockaddrStorage, getpeername, getsockname, shutdown};

use crate::{Error, Settings};

/// How long an answer may be on its way beyond the time that the database gives a statement.
const GRACE: Duration = Duration::from_secs(5);

const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Where Linux shows what a process has open.
const OPEN: &str = "/proc/self/fd";

/// By port, what is held by whoever makes a connection that may lead there. Not one for all: whoever waits for a server that is
/// away would hold up those who need another one.
static MAKING: Mutex<BTreeMap<u16, Arc<Mutex<()>>>> = Mutex::new(BTreeMap::new());

/// What to hold for making a connection to any of some ports, in an order in which nobody waits for anybody who waits.
fn making(ports: &[u16]) -> Vec<Arc<Mutex<()>>> {
    let mut all = lock(&MAKING);
    let ports: BTreeSet<u16> = ports.iter().copied().collect();
    ports.into_iter().map(|port| Arc::clone(all.entry(port).or_default())).collect()
}

/// Looks after the connections of a pool.
pub(crate) struct Lookout(Option<Arc<Shared>>);

struct Shared {
    ports: Vec<u16>,
    limit: Duration,
    pool: &'static str,
    watched: Mutex<Vec<Weak<Watched>>>,
    /// Who asked at this moment was given up: what was last heard of before it can't be trusted either.
    silent_since: Mutex<Option<Instant>>,
}

/// A connection that is looked after.
pub(crate) struct Watched(Mutex<State>);

struct State {
    socket: Way,
    /// Since when an answer is waited for; none while nothing is asked.
    asked_at: Option<Instant>,
    heard_at: Instant,
}

/// How the socket of a connection is known.
enum Way {
    /// The connection is being made: it is none of these.
    NoneOf(HashSet<Socket>),
    /// The connection is made.
    Found(Option<Socket>),
}

/// A socket with both of its ends: its number alone may mean another one by now.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Socket {
    number: RawFd,
    own: SocketAddr,
    peer: SocketAddr,
}

impl fmt::Debug for Lookout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lookout").finish_non_exhaustive()
    }
}

impl Lookout {
    /// Begins to look after connections that will be made. Where statements may take for ever, so may silence.
    ///
    /// # Errors
    /// [`Error::Transient`] where the system has no thread for it.
    pub(crate) fn start(settings: &Settings) -> Result<Self, Error> {
        let timeout = settings.statement_timeout();
        if timeout.is_zero() {
            return Ok(Self(None));
        }
        let shared = Arc::new(Shared {
            ports: settings.ports(),
            limit: timeout + GRACE,
            pool: settings.pool_name(),
            watched: Mutex::default(),
            silent_since: Mutex::default(),
        });
        given_up(shared.pool).increment(0);
        let known = Arc::downgrade(&shared);
        let thread = Builder::new().name("store-lookout".to_owned()).spawn(move || look_until_gone(&known));
        thread
            .map_err(|error| Error::transient(format!("no thread for looking after connections: {error}")))?;
        Ok(Self(Some(shared)))
    }

    /// Makes a connection that is looked after from its first byte on.
    pub(crate) fn watch<T, E>(
        &self,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<(T, Option<Arc<Watched>>), E> {
        let Some(shared) = &self.0 else { return Ok((make()?, None)) };
        let places = making(&shared.ports);
        let held: Vec<_> = places.iter().map(|place| lock(place)).collect();
        let now = Instant::now();
        let before = shared.sockets().collect();
        let state = State { socket: Way::NoneOf(before), asked_at: Some(now), heard_at: now };
        let watched = Arc::new(Watched(Mutex::new(state)));
        lock(&shared.watched).push(Arc::downgrade(&watched));
        let made = make()?;
        watched.found(shared);
        drop(held);
        Ok((made, Some(watched)))
    }

    /// Whether a connection was heard of since the last one was silent.
    pub(crate) fn trusts(&self, watched: &Watched) -> bool {
        let silent_since = self.0.as_ref().and_then(|shared| *lock(&shared.silent_since));
        silent_since.is_none_or(|since| watched.state().heard_at >= since)
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn given_up(pool: &'static str) -> Counter {
    counter!("eye_store_connections_silent_total", "pool" => pool)
}

fn look_until_gone(shared: &Weak<Shared>) {
    while let Some(shared) = shared.upgrade() {
        shared.look();
        drop(shared);
        sleep(LOOK_INTERVAL);
    }
}

impl Shared {
    fn look(&self) {
        let mut watched = lock(&self.watched);
        watched.retain(|one| one.strong_count() > 0);
        let present: Vec<Arc<Watched>> = watched.iter().filter_map(Weak::upgrade).collect();
        drop(watched);
        present.iter().for_each(|one| self.give_up_if_silent(one));
    }

    fn give_up_if_silent(&self, watched: &Watched) {
        // Held until it is done: whoever asked is not heard meanwhile, and leaves the socket alone.
        let mut state = watched.state();
        let Some(asked_at) = state.asked_at.filter(|asked_at| asked_at.elapsed() > self.limit) else {
            return;
        };
        let sockets: Vec<Socket> = match &state.socket {
            Way::NoneOf(before) => self.sockets().filter(|socket| !before.contains(socket)).collect(),
            Way::Found(socket) => socket.iter().copied().filter(|one| one.is_still_there()).collect(),
        };
        for socket in sockets {
            tracing::warn!(pool = self.pool, limit = ?self.limit, "gave up a database connection that says nothing");
            given_up(self.pool).increment(1);
            if let Err(error) = shutdown(socket.number, Shutdown::Both) {
                tracing::debug!(%error, "it had ended by itself");
            }
        }
        state.asked_at = None;
        let mut silent_since = lock(&self.silent_since);
        *silent_since = (*silent_since).max(Some(asked_at));
    }

    /// The sockets of this process that lead to a port of the database.
    fn sockets(&self) -> impl Iterator<Item = Socket> {
        // Without it there is nothing to be found, and nothing is looked after.
        let open = fs::read_dir(OPEN).into_iter().flatten().flatten();
        let numbers = open.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        numbers.filter_map(Socket::of).filter(|socket| self.ports.contains(&socket.peer.port()))
    }
}

impl Watched {
    /// Something is asked.
    fn asks(&self) {
        self.state().asked_at = Some(Instant::now());
    }

    /// The answer has come, or there will be none.
    pub(crate) fn hears(&self) {
        let mut state = self.state();
        (state.asked_at, state.heard_at) = (None, Instant::now());
    }

    fn found(&self, shared: &Shared) {
        let mut state = self.state();
        if let Way::NoneOf(before) = &state.socket {
            let mut new = shared.sockets().filter(|socket| !before.contains(socket));
            let socket = new.next().filter(|_| new.next().is_none());
            state.socket = Way::Found(socket);
        }
        (state.asked_at, state.heard_at) = (None, Instant::now());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.0)
    }
}

/// Hears what a connection asks, and that it is answered.
pub(crate) struct Ear(pub(crate) Arc<Watched>);

impl Instrumentation for Ear {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        match event {
            InstrumentationEvent::StartQuery { .. } => self.0.asks(),
            InstrumentationEvent::FinishQuery { .. } => self.0.hears(),
            _ => {}
        }
    }
}

impl Socket {
    /// None where the number is of something else than a TCP connection.
    fn of(number: RawFd) -> Option<Self> {
        let own = address(&getsockname(number).ok()?)?;
        let peer = address(&getpeername(number).ok()?)?;
        Some(Self { number, own, peer })
    }

    fn is_still_there(&self) -> bool {
        Self::of(self.number).as_ref() == Some(self)
    }
}

fn address(socket: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = socket.as_sockaddr_in().map(|address| SocketAddr::from(*address));
    v4.or_else(|| socket.as_sockaddr_in6().map(|address| SocketAddr::from(*address)))
}
