//! Applications that send, retry as the contract asks of them, and keep books.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use crate::api::{Answered, Api};
use crate::ledger::{Expected, Ledger};
use crate::pipeline::PATIENCE;

const BATCH_EVENTS_MAX: usize = 50;
/// One of so many events breaks a rule.
const REJECTED_SHARE: u32 = 20;
const RETRY_INTERVAL: Duration = Duration::from_millis(50);
/// Whoever is later than this gives up what was missed: applications do not send faster after an outage.
const ARREARS_MAX: Duration = Duration::from_secs(1);

/// How much is sent.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Applications' connections.
    pub drivers: u32,
    /// Events a second, of all together; none: as many as are taken.
    pub rate: Option<u32>,
    /// How many sessions they share.
    pub sessions: u32,
}

/// So few that writers meet over them.
pub const FEW_SESSIONS: u32 = 200;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    Run,
    Pause,
    Stop,
}

/// What the applications saw.
#[derive(Debug)]
pub struct Seen {
    last_accepted: Instant,
    longest_outage: Duration,
    slowest_answer: Duration,
    over_at: Option<Instant>,
    accepted_again_after: Option<Duration>,
    /// Requests that were sent once more.
    pub retries: u64,
    /// Answers that the contract does not have.
    pub strange: Vec<String>,
}

impl Seen {
    fn new() -> Self {
        Self {
            last_accepted: Instant::now(),
            longest_outage: Duration::ZERO,
            slowest_answer: Duration::ZERO,
            over_at: None,
            accepted_again_after: None,
            retries: 0,
            strange: Vec::new(),
        }
    }

    fn note(&mut self, answered: Answered) {
        match answered.status {
            Some(202) => {
                let now = Instant::now();
                self.longest_outage = self.longest_outage.max(now - self.last_accepted);
                self.last_accepted = now;
                if let Some(over_at) = self.over_at {
                    self.accepted_again_after.get_or_insert(now.saturating_duration_since(over_at));
                }
            }
            None | Some(503) => self.retries += 1,
            Some(other) => self.strange.push(format!("answered {other}")),
        }
        if answered.status.is_some() {
            self.slowest_answer = self.slowest_answer.max(answered.took);
        }
    }
}

/// The drivers of one category, and their books.
pub struct Load {
    runtime: Handle,
    books: Books,
    wish: watch::Sender<Wish>,
    drivers: JoinSet<()>,
}

#[derive(Clone)]
struct Books {
    category: String,
    ledger: Arc<Mutex<Ledger>>,
    seen: Arc<Mutex<Seen>>,
}

impl Books {
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Load {
    /// Begins to send events of this category.
    pub fn begin(runtime: &Handle, api: &Api, category: &str, ledger: &Path, pace: Pace, seed: u64) -> Self {
        let books = Books {
            category: category.to_owned(),
            ledger: Arc::new(Mutex::new(Ledger::new(category, ledger))),
            seen: Arc::new(Mutex::new(Seen::new())),
        };
        let (wish, wished) = watch::channel(Wish::Run);
        let mut drivers = JoinSet::new();
        for number in 0..pace.drivers {
            let driver = Driver {
                api: api.clone(),
                books: books.clone(),
                random: StdRng::seed_from_u64(seed ^ u64::from(number + 1)),
                wish: wished.clone(),
                sessions: pace.sessions,
                // Of its share, by which a batch takes its time.
                events_per_second: pace.rate.map(|rate| f64::from(rate) / f64::from(pace.drivers)),
            };
            drivers.spawn_on(driver.run(), runtime);
        }
        Self { runtime: runtime.clone(), books, wish, drivers }
    }

    /// What its events are known by.
    pub fn category(&self) -> &str {
        &self.books.category
    }

    /// How many events were accepted so far.
    pub fn accepted(&self) -> u64 {
        self.books.ledger().accepted()
    }

    /// Forgets the outages so far: something begins.
    pub fn something_begins(&self) {
        let mut seen = self.books.seen();
        let (retries, strange) = (seen.retries, std::mem::take(&mut seen.strange));
        *seen = Seen { retries, strange, ..Seen::new() };
    }

    /// Notes that what went wrong is over.
    pub fn it_is_over(&self) {
        self.books.seen().over_at = Some(Instant::now());
    }

    /// The longest time without an accepted request since something began.
    pub fn longest_outage(&self) -> Duration {
        let seen = self.books.seen();
        seen.longest_outage.max(seen.last_accepted.elapsed())
    }

    /// How long it took from when it was over to the next accepted request.
    pub fn accepted_again_after(&self) -> Option<Duration> {
        self.books.seen().accepted_again_after
    }

    /// The longest that an answer took.
    pub fn slowest_answer(&self) -> Duration {
        self.books.seen().slowest_answer
    }

    /// Answers that the contract does not have.
    pub fn strange(&self) -> Vec<String> {
        self.books.seen().strange.clone()
    }

    /// Requests that were sent once more.
    pub fn retries(&self) -> u64 {
        self.books.seen().retries
    }

    /// Sends nothing more until it resumes; what is on its way may still be.
    pub fn pause(&self) {
        self.wish.send_replace(Wish::Pause);
    }

    /// Sends again. That nothing was accepted while nothing was sent is no outage.
    pub fn resume(&self) {
        self.books.seen().last_accepted = Instant::now();
        self.wish.send_replace(Wish::Run);
    }

    /// Sends nothing more; waits until what was begun is accepted or given up. Gives the books.
    pub fn end(mut self) -> Ledger {
        self.wish.send_replace(Wish::Stop);
        self.runtime.block_on(async { while self.drivers.join_next().await.is_some() {} });
        drop(self.drivers);
        let ledger = Arc::into_inner(self.books.ledger);
        ledger.expect("the drivers have ended").into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Driver {
    api: Api,
    books: Books,
    random: StdRng,
    wish: watch::Receiver<Wish>,
    sessions: u32,
    events_per_second: Option<f64>,
}

impl Driver {
    async fn run(mut self) {
        let mut due = Instant::now();
        let mut number = 0;
        while self.may_go_on().await {
            let batch = self.batch(&mut number);
            let events = batch.len() as f64;
            self.submit(batch).await;
            if let Some(rate) = self.events_per_second {
                due = (due + Duration::from_secs_f64(events / rate)).max(Instant::now() - ARREARS_MAX);
                // Woken when it is to stop.
                let stopped = self.wish.wait_for(|wish| *wish == Wish::Stop);
                drop(timeout(due.saturating_duration_since(Instant::now()), stopped).await);
            }
        }
    }

    async fn may_go_on(&mut self) -> bool {
        // An error means that whoever wishes is gone.
        self.wish.wait_for(|wish| *wish != Wish::Pause).await.is_ok_and(|wish| *wish == Wish::Run)
    }

    fn batch(&mut self, number: &mut u64) -> Vec<(Value, Expected)> {
        let count = self.random.random_range(1..=BATCH_EVENTS_MAX);
        let events = (0..count).map(|_| {
            *number += 1;
            let is_rejected = self.random.random_range(0..REJECTED_SHARE) == 0;
            let expected = if is_rejected { Expected::Rejected } else { Expected::Stored };
            (event(&self.books.category, &mut self.random, *number, expected, self.sessions), expected)
        });
        events.collect()
    }

    /// Sends a batch until it is accepted, as a client that honours the contract does.
    async fn submit(&mut self, batch: Vec<(Value, Expected)>) {
        self.books.ledger().enter(&batch);
        let body = Value::Array(batch.iter().map(|(event, _)| event.clone()).collect());
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answered = self.api.submit_once(&body).await;
            self.books.ledger().answered(&batch, answered.status);
            self.books.seen().note(answered);
            if answered.status == Some(202) {
                return;
            }
            if Instant::now() > deadline {
                self.books.seen().strange.push(format!("not accepted within {PATIENCE:?}: {answered:?}"));
                return;
            }
            sleep(RETRY_INTERVAL).await;
        }
    }
}

/// An event of this category, of one of so many sessions.
pub(crate) fn event(
    category: &str,
    random: &mut impl Rng,
    number: u64,
    expected: Expected,
    sessions: u32,
) -> Value {
    let name = match expected {
        Expected::Stored => json!(format!("page {}", random.random_range(0..5))),
        Expected::Rejected => json!(null),
    };
    json!({
        "id": Uuid::from_u128(random.random()).to_string(),
        "session_id": format!("{category} {}", random.random_range(0..sessions)),
        "category": category,
        "name": name,
        "data": {"number": number, "text": "é\u{202E}😀", "deep": [{"a": null}]},
        "timestamp": format!("2021-01-01T00:{:02}:{:02}.{:06}Z", number % 60, number / 60 % 60, number % 1_000_000),
    })
}

/// Sends one event and waits until its receipt says that it is stored; tells how long that took.
///
/// # Panics
/// It is not stored in time.
pub(crate) async fn pass_one(api: &Api, random: &mut StdRng) -> Duration {
    let event = event("probe", random, 1, Expected::Stored, FEW_SESSIONS);
    let begun = Instant::now();
    api.submit(&event).await;
    let receipt = api.read(&format!("/api/events/{}/receipt", event["id"].as_str().expect("an id"))).await;
    assert_eq!(receipt["state"], "stored");
    begun.elapsed()
}
