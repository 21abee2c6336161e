//! The keys in memory: read again and again, and one by one where an unknown one comes.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix_web::http::header::{HeaderMap, HeaderValue, ORIGIN};
use actix_web::{HttpMessage, HttpRequest};
use arc_swap::ArcSwap;
use metrics::{counter, gauge};
use store::Store;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::snapshot::{self, Grant, Snapshot};
use super::{ApiKey, Caller, KeyDigest, KeyError, KeySettings, Scope, authorization};
use crate::patience::Waiting;
use crate::request::Sender;

/// After a failure the keys are read again soon, so that an outage of seconds doesn't double the age of what is known.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// How many refused keys are remembered at once.
const REFUSED_MAX: usize = 10_000;

/// All known keys, kept up to date until it is dropped.
pub struct KeyRing {
    keys: Arc<Keys>,
    refreshing: JoinHandle<()>,
}

struct Keys {
    store: Store,
    settings: KeySettings,
    snapshot: ArcSwap<Snapshot>,
    /// There has been a snapshot, from the file or from the database.
    loaded: AtomicBool,
    refused: Refused,
    lookups: Arc<Semaphore>,
    /// Where there are threads to block: handlers may run where there are few.
    runtime: Handle,
}

impl KeyRing {
    /// Loads the snapshot file, where there is one, and starts reading the keys. Called within a runtime; returns at
    /// once, database or not.
    pub fn start(store: Store, settings: &KeySettings) -> Self {
        let keys = Arc::new(Keys {
            store,
            settings: settings.clone(),
            snapshot: ArcSwap::default(),
            loaded: AtomicBool::new(false),
            refused: Refused::new(settings.refresh_interval()),
            lookups: Arc::new(Semaphore::new(settings.lookups_in_flight_max)),
            runtime: Handle::current(),
        });
        keys.load();
        let refreshing = tokio::spawn(Refresh::new(Arc::clone(&keys)).run());
        Self { keys, refreshing }
    }

    /// Whether it knows keys at all, by the file or by the database; until then each key has to be looked up.
    pub fn is_loaded(&self) -> bool {
        self.keys.loaded.load(Ordering::Acquire)
    }

    /// Whose key the request holds in its header, given that the key may be used for this. The log names the application
    /// from then on.
    ///
    /// # Errors
    /// Why the request is not let in.
    pub async fn authorize(&self, request: &HttpRequest, scope: Scope) -> Result<Caller, KeyError> {
        self.authorize_key(request, &authorization::key(request.headers())?, scope).await
    }

    /// The same with a key that stood elsewhere.
    ///
    /// # Errors
    /// Why the request is not let in.
    pub async fn authorize_key(
        &self,
        request: &HttpRequest,
        key: &ApiKey,
        scope: Scope,
    ) -> Result<Caller, KeyError> {
        let caller = self.caller(key).await?;
        request.extensions_mut().insert(Sender(caller.application));
        caller.check(request.headers(), scope)?;
        Ok(caller)
    }

    /// Whose key it is, whatever it may be used for.
    ///
    /// # Errors
    /// Nobody's, or it can't be told.
    pub async fn caller(&self, key: &ApiKey) -> Result<Caller, KeyError> {
        let digest = key.digest();
        let grant = match self.keys.known(&digest) {
            Some(grant) => grant,
            None => self.keys.look_up(digest).await?,
        };
        grant.caller().cloned().ok_or(KeyError::Unknown)
    }

    /// Whether pages of this origin may use a key that is known.
    pub fn lists_origin(&self, origin: &str) -> bool {
        self.keys.snapshot.load().lists_origin(origin)
    }
}

impl Caller {
    /// Whether the key may be used for this by who sent these headers.
    fn check(&self, headers: &HeaderMap, scope: Scope) -> Result<(), KeyError> {
        if !self.scopes.contains(scope) {
            return Err(KeyError::Scope(scope));
        }
        let Some(browser) = &self.browser else { return Ok(()) };
        let mut origins = headers.get_all(ORIGIN);
        let is_listed = |origin: &HeaderValue| browser.origins.iter().any(|listed| origin == listed.as_str());
        let from_listed = origins.next().is_some_and(is_listed) && origins.next().is_none();
        if from_listed && scope == Scope::Write { Ok(()) } else { Err(KeyError::Origin) }
    }
}

impl Drop for KeyRing {
    fn drop(&mut self) {
        self.refreshing.abort();
    }
}

impl Keys {
    fn load(&self) {
        let Some(path) = self.settings.snapshot_file() else { return };
        match Snapshot::load(&path) {
            Ok(Some(snapshot)) => {
                tracing::info!(keys = snapshot.len(), path = %path.display(), "keys loaded from the snapshot file");
                self.replace(snapshot);
            }
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(%error, path = %path.display(), "the snapshot file of the keys can't be read");
            }
        }
    }

    fn replace(&self, snapshot: Snapshot) {
        gauge!("eye_keys_known").set(f64::from(u32::try_from(snapshot.len()).unwrap_or(u32::MAX)));
        self.snapshot.store(Arc::new(snapshot));
        self.loaded.store(true, Ordering::Release);
    }

    fn known(&self, digest: &KeyDigest) -> Option<Arc<Grant>> {
        self.snapshot.load().get(digest).cloned()
    }

    /// Asks the database for a key that the snapshot doesn't hold, within the timeout and the number of look-ups.
    async fn look_up(self: &Arc<Self>, digest: KeyDigest) -> Result<Arc<Grant>, KeyError> {
        if self.refused.contains(&digest) {
            return Err(KeyError::Unknown);
        }
        let found = tokio::time::timeout(self.settings.lookup_timeout(), self.ask(digest)).await;
        found.unwrap_or(Err(KeyError::Unavailable)).inspect_err(|error| {
            if *error == KeyError::Unavailable {
                counter!("eye_key_lookups_failed_total").increment(1);
            }
        })
    }

    async fn ask(self: &Arc<Self>, digest: KeyDigest) -> Result<Arc<Grant>, KeyError> {
        let permit = Arc::clone(&self.lookups).acquire_owned().await.map_err(|_| KeyError::Unavailable)?;
        // Another request with the same key may have been answered while this one waited.
        if let Some(grant) = self.known(&digest) {
            return Ok(grant);
        }
        if self.refused.contains(&digest) {
            return Err(KeyError::Unknown);
        }
        let keys = Arc::clone(self);
        let asking = self.runtime.spawn_blocking(move || {
            let found = keys.store.key_by_digest(digest.as_bytes());
            // Held until the database has answered, though the request may have given up before.
            drop(permit);
            found
        });
        match asking.await {
            Ok(Ok(Some(key))) => Ok(self.remember(key)),
            Ok(Ok(None)) => {
                self.refused.insert(digest);
                Err(KeyError::Unknown)
            }
            Ok(Err(error)) => {
                tracing::debug!(%error, "a key can't be looked up");
                Err(KeyError::Unavailable)
            }
            Err(_) => Err(KeyError::Unavailable),
        }
    }

    fn remember(&self, key: store::keys::Key) -> Arc<Grant> {
        let grant = Arc::new(Grant::from(key.clone()));
        self.snapshot.rcu(|snapshot| snapshot.with(key.clone()));
        grant
    }
}

/// Keys that the database did not know, so that one application with a revoked key can't keep it busy. A key is random
/// and made by us: one that is unknown today will not become known later, but that its application is enabled again.
struct Refused {
    digests: Mutex<HashMap<KeyDigest, Instant>>,
    remembered_for: Duration,
}

impl Refused {
    fn new(remembered_for: Duration) -> Self {
        Self { digests: Mutex::default(), remembered_for }
    }

    fn contains(&self, digest: &KeyDigest) -> bool {
        let digests = self.digests.lock().unwrap_or_else(PoisonError::into_inner);
        digests.get(digest).is_some_and(|since| since.elapsed() < self.remembered_for)
    }

    fn insert(&self, digest: KeyDigest) {
        let mut digests = self.digests.lock().unwrap_or_else(PoisonError::into_inner);
        if digests.len() >= REFUSED_MAX {
            digests.clear();
        }
        digests.insert(digest, Instant::now());
    }
}

/// Reads all keys again and again, and keeps the file up to date.
struct Refresh {
    keys: Arc<Keys>,
    file: Option<PathBuf>,
    written: Vec<u8>,
    waiting: Waiting,
}

impl Refresh {
    fn new(keys: Arc<Keys>) -> Self {
        let waiting = Waiting::new(
            "the database, to read the keys: going on with those that are known",
            keys.store.settings().place(),
        );
        Self { file: keys.settings.snapshot_file(), keys, written: Vec::new(), waiting }
    }

    async fn run(mut self) {
        loop {
            let interval = self.keys.settings.refresh_interval();
            let done = tokio::task::spawn_blocking(move || {
                let pause = if self.once() { interval } else { RETRY_INTERVAL.min(interval) };
                (self, pause)
            });
            let Ok((this, pause)) = done.await else {
                tracing::error!("the keys are not read any more: the thread that reads them failed");
                return;
            };
            self = this;
            tokio::time::sleep(pause).await;
        }
    }

    /// Blocking. True if the keys were read.
    fn once(&mut self) -> bool {
        match self.keys.store.active_keys() {
            Ok(keys) => {
                let snapshot: Snapshot = keys.into_iter().collect();
                self.write(&snapshot);
                self.keys.replace(snapshot);
                self.waiting.there(Instant::now());
                true
            }
            Err(error) => {
                counter!("eye_key_refreshes_failed_total").increment(1);
                self.waiting.missing(Instant::now(), &error, !error.is_transient());
                false
            }
        }
    }

    fn write(&mut self, snapshot: &Snapshot) {
        let Some(file) = &self.file else { return };
        let written = snapshot.to_bytes().and_then(|contents| {
            if contents != self.written {
                snapshot::replace(file, &contents)?;
                self.written = contents;
            }
            Ok(())
        });
        if let Err(error) = written {
            tracing::warn!(%error, path = %file.display(), "the snapshot file of the keys can't be written");
        }
    }
}
