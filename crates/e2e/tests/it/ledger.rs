//! The books of a driver: what it sent, written down before it was sent, and held against what came back.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Write;
use std::path::Path;

use serde_json::{Value, json};

use crate::pipeline::Api;

/// What should become of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    Stored,
    Rejected,
}

/// What was sent, by id.
pub(crate) struct Ledger {
    file: File,
    sent: HashMap<String, (Expected, String)>,
}

/// What does not balance. All of it should be empty.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Imbalance {
    lost: Vec<String>,
    duplicated: Vec<String>,
    unexpected: Vec<String>,
    changed: Vec<String>,
    sessions: Vec<String>,
}

/// The content of an event in a form that is equal where the values are.
fn content(event: &Value) -> String {
    // serde_json sorts the members of its objects.
    json!([event["session_id"], event["category"], event["name"], event["timestamp"], event["data"]])
        .to_string()
}

impl Ledger {
    pub(crate) fn new(path: &Path) -> Self {
        Self { file: File::create(path).expect("a ledger"), sent: HashMap::new() }
    }

    /// Writes an event down. Only then may it be sent.
    pub(crate) fn enter(&mut self, event: &Value, expected: Expected) {
        let id = event["id"].as_str().expect("an id").to_owned();
        let content = content(event);
        writeln!(self.file, "{id} {expected:?} {content}").expect("the ledger is written");
        self.sent.insert(id, (expected, content));
    }

    pub(crate) fn len(&self) -> usize {
        self.sent.len()
    }

    /// Reads everything back and compares.
    pub(crate) async fn compare(&self, api: &Api) -> Imbalance {
        let mut imbalance = Imbalance::default();
        let stored = api.read_all("/api/events?order=asc").await;
        let rejected = api.read_all("/api/errors").await;
        let mut seen: HashMap<&str, u32> = HashMap::new();
        for event in &stored {
            let id = event["id"].as_str().expect("an id");
            *seen.entry(id).or_default() += 1;
            match self.sent.get(id) {
                Some((Expected::Stored, sent)) if *sent == content(event) => {}
                Some((Expected::Stored, _)) => imbalance.changed.push(event.to_string()),
                _ => imbalance.unexpected.push(event.to_string()),
            }
        }
        for error in &rejected {
            let id = error["event_id"].as_str().expect("an id");
            *seen.entry(id).or_default() += 1;
            if !matches!(self.sent.get(id), Some((Expected::Rejected, _))) {
                imbalance.unexpected.push(error.to_string());
            }
        }
        imbalance.lost = self.sent.keys().filter(|id| !seen.contains_key(id.as_str())).cloned().collect();
        imbalance.duplicated =
            seen.iter().filter(|(_, times)| **times > 1).map(|(id, _)| (*id).to_owned()).collect();
        imbalance.sessions = compare_sessions(&stored, &api.read_all("/api/sessions").await);
        imbalance
    }
}

/// The sessions whose count is not that of their events.
fn compare_sessions(events: &[Value], sessions: &[Value]) -> Vec<String> {
    let mut counted: BTreeMap<&str, u64> = BTreeMap::new();
    for event in events {
        *counted.entry(event["session_id"].as_str().expect("a session")).or_default() += 1;
    }
    let kept: BTreeMap<&str, u64> = sessions
        .iter()
        .map(|session| {
            let id = session["session_id"].as_str().expect("a session");
            (id, session["event_count"].as_u64().expect("a count"))
        })
        .collect();
    let differing = counted.iter().filter(|(id, count)| kept.get(*id) != Some(count));
    let surplus = kept.iter().filter(|(id, _)| !counted.contains_key(*id));
    differing.chain(surplus).map(|(id, count)| format!("{id}: {count}, kept {:?}", kept.get(id))).collect()
}
