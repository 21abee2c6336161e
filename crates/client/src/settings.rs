//! What can be set.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

use crate::Undelivered;
use crate::undelivered::OnUndelivered;

/// The most events that a gateway takes in a request.
pub const BATCH_EVENTS_MAX: usize = 5_000;
/// The most bytes that a gateway takes in a request, unpacked: 5 MiB.
pub const BATCH_BYTES_MAX: usize = 5 * 1024 * 1024;

/// What [`crate::Client::submit`] does when as much is waiting as may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// It waits for room.
    Block,
    /// It gives the event back at once.
    Refuse,
}

/// What is done about an answer that blames neither the events nor the moment: an unknown key (401), one that may not
/// write (403), an address where no gateway is (404 and whatever else no gateway says).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenTurnedAway {
    /// Try until [`Settings::give_up_after`]: operators mend keys while applications run.
    Retry,
    /// Give the events of the request up at once: somebody is watching who can mend it.
    GiveUp,
}

/// A directory in which events wait until they are delivered, so that they outlive the application.
///
/// With it nothing is given up for want of an answer: [`Settings::give_up_after`] does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spool {
    /// The directory, of one client alone; made where it is missing, for its owner's eyes only.
    pub directory: PathBuf,
    /// How many bytes may wait there; what happens beyond says [`Settings::when_full`].
    pub bytes_max: u64,
}

impl Spool {
    /// A spool of at most 1 GiB in this directory.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), bytes_max: 1024 * 1024 * 1024 }
    }
}

/// The settings of a client. [`Self::new`] gives the defaults; set what should differ.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// Where the gateway is: `https://events.example.com`; `/api/events` is added.
    pub url: String,
    /// A key with the scope `write`. Never shown by `Debug`.
    pub key: SecretString,
    /// So many events make a batch, which is sent at once: 1 to 5,000.
    pub batch_events_max: usize,
    /// So many bytes of JSON text make a batch, before they are packed: 1 to 5 MiB. A larger event is sent alone.
    pub batch_bytes_max: usize,
    /// How long an event waits for others at most.
    pub flush_interval: Duration,
    /// Bodies of at least so many bytes are packed by gzip; none: never.
    pub gzip_from_bytes: Option<usize>,
    /// How many requests may be under way together. With 1, events are received in the order in which they were submitted,
    /// which is the order in which those of one instant are read.
    pub requests_in_flight: usize,
    /// How long an answer may take. The gateway answers within 5 s of a request's last byte.
    pub request_timeout: Duration,
    /// The longest of the first pause between tries, which then doubles; each is drawn at random between none and all of it.
    pub retry_pause_first: Duration,
    /// What the longest pause doubles up to. A `Retry-After` may ask for more.
    pub retry_pause_max: Duration,
    /// How long a request is tried again before its events are given up.
    pub give_up_after: Duration,
    /// How many events may wait and be under way.
    pub buffered_events_max: usize,
    /// How many bytes of JSON text may wait and be under way.
    pub buffered_bytes_max: usize,
    /// What happens beyond these two.
    pub when_full: WhenFull,
    /// What happens when the gateway does not know the key.
    pub when_turned_away: WhenTurnedAway,
    /// Where events wait on disk; none: they wait in memory, and end with the application.
    pub spool: Option<Spool>,
    pub(crate) on_undelivered: OnUndelivered,
}

impl Settings {
    /// The defaults, for a gateway and a key.
    pub fn new(url: impl Into<String>, key: impl Into<SecretString>) -> Self {
        Self {
            url: url.into(),
            key: key.into(),
            batch_events_max: 500,
            batch_bytes_max: 1024 * 1024,
            flush_interval: Duration::from_millis(500),
            gzip_from_bytes: Some(1024),
            requests_in_flight: 2,
            request_timeout: Duration::from_secs(30),
            retry_pause_first: Duration::from_millis(100),
            retry_pause_max: Duration::from_secs(5),
            give_up_after: Duration::from_secs(600),
            buffered_events_max: 50_000,
            buffered_bytes_max: 64 * 1024 * 1024,
            when_full: WhenFull::Block,
            when_turned_away: WhenTurnedAway::Retry,
            spool: None,
            on_undelivered: OnUndelivered::default(),
        }
    }

    /// Whom to give the events that could not be delivered. Without one, their number and the first reason are logged, and
    /// they are gone.
    ///
    /// It is called on the client's own tasks, and where the runtime ends under them on whatever thread ends it: it must not
    /// block for long, wait for the client, or need the runtime. A file or a channel of its own is right.
    #[must_use]
    pub fn on_undelivered(mut self, callback: impl Fn(Vec<Undelivered>) + Send + Sync + 'static) -> Self {
        self.on_undelivered = OnUndelivered::new(callback);
        self
    }

    /// Checks every setting; gives the address that events are posted to.
    pub(crate) fn check(&self) -> Result<Url, StartError> {
        within("batch_events_max", self.batch_events_max, 1..=BATCH_EVENTS_MAX)?;
        within("batch_bytes_max", self.batch_bytes_max, 1..=BATCH_BYTES_MAX)?;
        within("requests_in_flight", self.requests_in_flight, 1..=64)?;
        within("buffered_events_max", self.buffered_events_max, 1..=Semaphore::MAX_PERMITS)?;
        within("buffered_bytes_max", self.buffered_bytes_max, 1..=Semaphore::MAX_PERMITS)?;
        pause("retry_pause_first", self.retry_pause_first)?;
        pause("retry_pause_max", self.retry_pause_max)?;
        let key = self.key.expose_secret();
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            // What was found is a secret.
            return Err(StartError::setting("key", "visible ASCII characters", "something else"));
        }
        self.endpoint()
    }

    fn endpoint(&self) -> Result<Url, StartError> {
        // What else stands in an address may be a secret.
        let wrong = |found: &str| StartError::setting("url", "http://HOST or https://HOST", found);
        let mut url = Url::parse(&self.url).map_err(|error| wrong(&error.to_string()))?;
        if !url.has_host() || url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("an address without a host, or with more than a path"));
        }
        let path = format!("{}/api/events", url.path().trim_end_matches('/'));
        url.set_path(&path);
        match url.scheme() {
            "http" => Ok(url),
            "https" if cfg!(feature = "tls") => Ok(url),
            "https" => Err(StartError::setting(
                "url",
                "http://HOST, or the cargo feature `tls` of crate client",
                "https",
            )),
            other => Err(wrong(other)),
        }
    }
}

/// No pause at all would be a hot loop, a longer one than this an outage of its own.
fn pause(name: &'static str, value: Duration) -> Result<(), StartError> {
    if (Duration::from_millis(1)..=Duration::from_secs(3_600)).contains(&value) {
        return Ok(());
    }
    Err(StartError::setting(name, "1 ms to 1 hour", &format!("{value:?}")))
}

fn within(name: &'static str, value: usize, allowed: RangeInclusive<usize>) -> Result<(), StartError> {
    if allowed.contains(&value) {
        return Ok(());
    }
    let expected = format!("{} to {}", allowed.start(), allowed.end());
    Err(StartError::setting(name, &expected, &value.to_string()))
}

/// Why a client does not start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// A setting that can't be.
    #[error("{name}: expected {expected}, found {found}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// What it may be.
        expected: String,
        /// What it was.
        found: String,
    },
    /// A client works on tokio, and was started outside of it.
    #[error("expected to be started inside a tokio runtime, found none")]
    NoRuntime,
    /// The spool's directory can't be used; holds it, and why.
    #[error("spool: expected a directory that can be written, found {0}")]
    Spool(String),
    /// The HTTP client could not be made; for example, because the system has no root certificates.
    #[error("no HTTP client: {0}")]
    Http(String),
}

impl StartError {
    fn setting(name: &'static str, expected: &str, found: &str) -> Self {
        Self::Setting { name, expected: expected.to_owned(), found: found.to_owned() }
    }
}
