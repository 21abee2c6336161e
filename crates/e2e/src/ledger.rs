//! The books of a driver: what it sent, written down before it was sent, and held against what came back.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::api::Api;

/// How many of the faults that were found are shown.
const EXAMPLES_MAX: usize = 10;
/// How often a file that broke off is asked for again.
const EXPORTS_MAX: u32 = 5;

/// What should become of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// It is stored.
    Stored,
    /// It breaks one rule, and is rejected.
    Rejected,
}

/// The events of one category: what was sent, by id.
pub struct Ledger {
    category: String,
    file: BufWriter<File>,
    sent: HashMap<Uuid, Entry>,
}

struct Entry {
    expected: Expected,
    /// Of its content.
    hash: u64,
    is_accepted: bool,
    found: u32,
}

/// How the books stand. All but the first three should be 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// Events that were answered 202.
    pub accepted: u64,
    /// Events that are stored.
    pub stored: u64,
    /// Events that are rejected.
    pub rejected: u64,
    /// Accepted, and neither stored nor rejected.
    pub lost: u64,
    /// Stored or rejected more than once, or both.
    pub duplicated: u64,
    /// Stored or rejected without having been sent, or in the wrong place.
    pub unexpected: u64,
    /// Stored with other content than was sent.
    pub changed: u64,
    /// Sessions whose count is not that of their events, and counts that are not that of the events.
    pub miscounted: u64,
    /// Some of what was found wrong.
    pub examples: Vec<String>,
}

impl Balance {
    /// Whether nothing is wrong.
    pub const fn is_even(&self) -> bool {
        self.lost + self.duplicated + self.unexpected + self.changed + self.miscounted == 0
    }

    fn note(&mut self, example: impl FnOnce() -> String) {
        if self.examples.len() < EXAMPLES_MAX {
            self.examples.push(example());
        }
    }
}

/// Equal where the values are.
fn hash(event: &Value) -> u64 {
    // serde_json sorts the members of its objects.
    let content =
        json!([event["session_id"], event["category"], event["name"], event["timestamp"], event["data"]]);
    let digest = Sha256::digest(content.to_string());
    digest.iter().take(8).fold(0, |hash, byte| hash << 8 | u64::from(*byte))
}

fn id_of(event: &Value, member: &str) -> Option<Uuid> {
    event[member].as_str().and_then(|id| id.parse().ok())
}

impl Ledger {
    /// Books of the events of this category, and no others, in a file.
    ///
    /// # Panics
    /// The file can't be written.
    pub fn new(category: &str, path: &Path) -> Self {
        let file = File::options().create(true).append(true).open(path).expect("a ledger");
        Self { category: category.to_owned(), file: BufWriter::new(file), sent: HashMap::new() }
    }

    /// Writes events down. Only then may they be sent.
    ///
    /// # Panics
    /// An event has no id, or the file can't be written.
    pub fn enter(&mut self, events: &[(Value, Expected)]) {
        for (event, expected) in events {
            let (id, hash) = (id_of(event, "id").expect("an id"), hash(event));
            writeln!(self.file, "sent {id} {expected:?} {hash:016x}").expect("the ledger is written");
            self.sent.insert(id, Entry { expected: *expected, hash, is_accepted: false, found: 0 });
        }
        self.file.flush().expect("the ledger is written");
    }

    /// Writes down what came back.
    ///
    /// # Panics
    /// An event was not entered, or the file can't be written.
    pub fn answered(&mut self, events: &[(Value, Expected)], status: Option<u16>) {
        for (event, _) in events {
            let id = id_of(event, "id").expect("an id");
            writeln!(self.file, "answered {id} {status:?}").expect("the ledger is written");
            let entry = self.sent.get_mut(&id).expect("an event that was entered");
            entry.is_accepted |= status == Some(202);
        }
    }

    /// How many events were accepted so far.
    pub fn accepted(&self) -> u64 {
        self.sent.values().filter(|entry| entry.is_accepted).count() as u64
    }

    /// Reads everything back and compares.
    ///
    /// # Panics
    /// The query service does not answer in time.
    pub async fn compare(&mut self, api: &Api) -> Balance {
        let mut balance = Balance { accepted: self.accepted(), ..Balance::default() };
        let sessions = self.compare_stored(api, &mut balance).await;
        let category = self.category.clone();
        for error in api.read_all(&format!("/api/errors?category={category}")).await {
            balance.rejected += 1;
            self.find(&error, "event_id", Expected::Rejected, &mut balance);
        }
        for (id, entry) in &self.sent {
            if entry.found > 1 {
                balance.duplicated += 1;
                balance.note(|| format!("{id} was found {} times", entry.found));
            } else if entry.found == 0 && entry.is_accepted {
                balance.lost += 1;
                balance.note(|| format!("{id} is lost"));
            }
        }
        self.compare_counts(api, &sessions, &mut balance).await;
        balance
    }

    /// Gives how many events each session has.
    async fn compare_stored(&mut self, api: &Api, balance: &mut Balance) -> BTreeMap<String, u64> {
        let path = format!("/api/events/export?order=asc&category={}", self.category);
        for _ in 0..EXPORTS_MAX {
            let mut sessions = BTreeMap::new();
            let (before, mut found) = (balance.clone(), balance.clone());
            self.sent.values_mut().for_each(|entry| entry.found = 0);
            let is_whole = api
                .read_lines(&path, |line| {
                    let event: Value = serde_json::from_slice(line).unwrap_or_default();
                    found.stored += 1;
                    let session = event["session_id"].as_str().unwrap_or_default();
                    *sessions.entry(session.to_owned()).or_default() += 1;
                    self.find(&event, "id", Expected::Stored, &mut found);
                })
                .await;
            *balance = if is_whole { found } else { before };
            if is_whole {
                return sessions;
            }
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
        panic!("{path} broke off {EXPORTS_MAX} times");
    }

    fn find(&mut self, found: &Value, id: &str, place: Expected, balance: &mut Balance) {
        match id_of(found, id).and_then(|id| self.sent.get_mut(&id)) {
            Some(entry) if entry.expected == place => {
                entry.found += 1;
                if place == Expected::Stored && entry.hash != hash(found) {
                    balance.changed += 1;
                    balance.note(|| format!("changed: {found}"));
                }
            }
            _ => {
                balance.unexpected += 1;
                balance.note(|| format!("unexpected: {found}"));
            }
        }
    }

    /// What is counted of sessions and types, beside what there is.
    async fn compare_counts(&self, api: &Api, sessions: &BTreeMap<String, u64>, balance: &mut Balance) {
        let prefix = format!("{} ", self.category);
        let mut kept = BTreeMap::new();
        for session in api.read_all("/api/sessions").await {
            let (id, count) = (session["session_id"].as_str().unwrap_or_default(), &session["event_count"]);
            if id.starts_with(&prefix) {
                kept.insert(id.to_owned(), count.as_u64().unwrap_or_default());
            }
        }
        for id in sessions.keys().chain(kept.keys().filter(|id| !sessions.contains_key(*id))) {
            let (there, kept) = (sessions.get(id), kept.get(id));
            if there != kept {
                balance.miscounted += 1;
                balance.note(|| format!("{id}: {there:?} events, {kept:?} counted"));
            }
        }
        let counted = api.count(&self.category).await;
        if counted != balance.stored {
            balance.miscounted += 1;
            let stored = balance.stored;
            balance.note(|| format!("{stored} events, {counted} counted by month"));
        }
    }
}
