//! Looks at the database again and again, so that nothing is taken from the queue while nothing can be stored.

use std::time::{Duration, Instant};

use service::health::Flag;
use store::{Error, Store};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, sleep_until, timeout};

use crate::outage::{Outage, Outages};
use crate::stop::Stop;

const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// How long a look may take. A database that hangs answers nothing, not even that it does not answer.
const LOOK_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It answers, and has the schema of this program or a later one.
    Serves,
    /// Since when it does not.
    Away(Instant),
}

/// Knows whether the database answers. Clones know the same.
#[derive(Clone, Debug)]
pub(crate) struct StoreWatch(watch::Receiver<State>);

impl StoreWatch {
    /// What looks, and what knows.
    pub(crate) fn new(store: Store, ready: Flag, outages: Outages) -> (Watcher, Self) {
        let (state, watched) = watch::channel(State::Away(Instant::now()));
        (Watcher { store, ready, outages, state, outage: None, pending: None }, Self(watched))
    }

    /// Whether the database served at the last look.
    pub(crate) fn is_serving(&self) -> bool {
        *self.0.borrow() == State::Serves
    }

    /// Waits until the database serves. Cancel-safe; never comes back once the consumer stops.
    pub(crate) async fn serves(&mut self) {
        if self.0.wait_for(|state| *state == State::Serves).await.is_err() {
            std::future::pending().await
        }
    }

    /// Waits until the database has been away for so long without a break. Cancel-safe; never comes back once the
    /// consumer stops.
    pub(crate) async fn away_for(&mut self, patience: Duration) {
        loop {
            let state = *self.0.borrow_and_update();
            let enough = async {
                match state {
                    State::Serves => std::future::pending().await,
                    State::Away(since) => sleep_until((since + patience).into()).await,
                }
            };
            tokio::select! {
                () = enough => return,
                changed = self.0.changed() => if changed.is_err() {
                    std::future::pending().await
                },
            }
        }
    }
}

/// What looks at the database. There is one of them in a consumer.
pub(crate) struct Watcher {
    store: Store,
    ready: Flag,
    outages: Outages,
    state: watch::Sender<State>,
    outage: Option<Outage>,
    pending: Option<JoinHandle<Result<(), Error>>>,
}

impl Watcher {
    /// Runs until the consumer stops.
    pub(crate) async fn run(mut self, mut stop: Stop) {
        loop {
            tokio::select! {
                looked = self.look() => self.note(looked),
                () = stop.requested() => return,
            }
            tokio::select! {
                () = sleep(LOOK_INTERVAL) => {}
                () = stop.requested() => return,
            }
        }
    }

    /// A look that hangs is waited for again instead of being joined by another: each holds a thread and a connection.
    async fn look(&mut self) -> Result<(), Error> {
        let store = &self.store;
        let pending = self.pending.get_or_insert_with(|| {
            let store = store.clone();
            tokio::task::spawn_blocking(move || look(&store))
        });
        let Ok(looked) = timeout(LOOK_TIMEOUT, pending).await else {
            return Err(Error::Transient { reason: format!("it gave no answer within {LOOK_TIMEOUT:?}") });
        };
        self.pending = None;
        looked.unwrap_or_else(|error| Err(Error::Transient { reason: error.to_string() }))
    }

    fn note(&mut self, looked: Result<(), Error>) {
        match looked {
            Ok(()) => {
                self.ready.pass();
                self.outage = None;
                self.state.send_if_modified(|state| std::mem::replace(state, State::Serves) != State::Serves);
            }
            Err(error) => {
                self.ready.fail(error.to_string());
                match self.outage {
                    Some(_) => self.outages.go_on(&error),
                    None => self.outage = Some(self.outages.enter(&error)),
                }
                self.state.send_if_modified(|state| {
                    let went = *state == State::Serves;
                    if went {
                        *state = State::Away(Instant::now());
                    }
                    went
                });
            }
        }
    }
}

/// Whether the schema is current: which tells too that there is a database at all.
fn look(store: &Store) -> Result<(), Error> {
    match store.version()?.missing.into_iter().next() {
        None => Ok(()),
        Some(missing) => Err(Error::NotMigrated { missing }),
    }
}
