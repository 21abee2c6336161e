//! The books: of every event that was accepted, the outcome is the one that its table says, and nothing else is found.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::row::{Outcome, Sent};
use super::scene::{Accepted, Scene};
use crate::exact::{Exact, members};
use crate::pipeline::{PATIENCE, Pipeline};

const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// How many events were sent before the tables: what may be sent in ten minutes.
pub(super) const NOISE: usize = 600;

/// How much of a wrong value an error shows.
const VALUE_CHARACTERS_MAX: usize = 100;

/// What no log may hold: a line of its own that somebody sent, or an address that somebody made up.
pub(super) const FORGED_LINE: &str = r#"{"level":"ERROR","message":"forged by a sender"}"#;
pub(super) const FORGED_ADDRESS: &str = "203.0.113.66";

/// How many events were accepted.
pub(super) fn events(accepted: &[Accepted]) -> usize {
    accepted.iter().map(|request| request.events.len()).sum()
}

/// What did not become of the events what should have.
pub(super) async fn wrong_outcomes(scene: &Scene, accepted: &[Accepted]) -> Vec<String> {
    let mut faults = Vec::new();
    for Accepted { why, application, events } in accepted {
        for (id, outcome) in events {
            let fault = fault(scene, application, id, outcome).await;
            faults.extend(fault.map(|fault| format!("{why}: {fault}")));
        }
    }
    faults
}

/// What is wrong with the outcome of one event.
async fn fault(scene: &Scene, application: &str, id: &str, outcome: &Outcome) -> Option<String> {
    let receipt = match receipt(scene, application, id).await {
        Ok(receipt) => receipt,
        Err(fault) => return Some(fault),
    };
    let (state, mut broken, sent) = match outcome {
        Outcome::Stored(sent) => ("stored", Vec::new(), Some(sent)),
        Outcome::Disputed(sent) => {
            ("stored", vec![["/id", "id_conflict", "error"].map(str::to_owned)], Some(sent))
        }
        Outcome::Warned(sent, broken) => ("stored", broken.clone(), Some(sent)),
        Outcome::Rejected(broken) => ("rejected", broken.clone(), None),
        Outcome::Merged => return None,
    };
    let errors = receipt["errors"].as_array().cloned().unwrap_or_default();
    let text = |error: &Value, member: &str| error[member].as_str().unwrap_or_default().to_owned();
    let rule = |error: &Value| ["path", "code", "severity"].map(|member| text(error, member));
    let mut found: Vec<_> = errors.iter().map(rule).collect();
    found.sort();
    broken.sort();
    if receipt["state"] != state || found != broken || !errors.iter().all(is_told_well) {
        return Some(format!("expected {state} {broken:?}, found {} {}", receipt["state"], shown(&receipt)));
    }
    match sent {
        Some(sent) => stored_fault(scene, application, id, sent).await,
        None => None,
    }
}

/// A message that fits a line of a terminal, a value of at most 100 characters, and nothing that no longer counts.
fn is_told_well(error: &Value) -> bool {
    let message = error["message"].as_str().unwrap_or_default();
    let value_fits =
        error["value"].as_str().is_none_or(|value| value.chars().count() <= VALUE_CHARACTERS_MAX);
    let is_a_line = !message.is_empty() && !message.chars().any(char::is_control);
    is_a_line && value_fits && error["resolved_at"].is_null()
}

fn shown(receipt: &Value) -> String {
    receipt.to_string().chars().take(1_000).collect()
}

async fn receipt(scene: &Scene, application: &str, id: &str) -> Result<Value, String> {
    let deadline = Instant::now() + PATIENCE;
    let path = format!("/api/events/{id}/receipt?application={application}");
    loop {
        let (status, text) = scene.api.look(&path).await;
        match status {
            200 => return Ok(serde_json::from_str(&text).expect("JSON")),
            404 if Instant::now() < deadline => sleep(LOOK_INTERVAL).await,
            404 => return Err(format!("{id} is neither stored nor rejected within {PATIENCE:?}")),
            other => return Err(format!("the receipt of {id}: {other}: {text}")),
        }
    }
}

/// What of a stored event is not as it was sent.
async fn stored_fault(scene: &Scene, application: &str, id: &str, sent: &Sent) -> Option<String> {
    let (status, text) = scene.api.look(&format!("/api/events/{id}?application={application}")).await;
    if status != 200 {
        return Some(format!("the event {id}: {status}: {text}"));
    }
    let (mut stored, mut event) = (members(&text), members(&sent.event));
    stored.retain(|member, _| member != "received_at" && member != "stored_at");
    let mut texts = vec![("id", id), ("application", application), ("timestamp", &sent.timestamp)];
    event.retain(|member, _| member != "id" && member != "timestamp");
    texts.retain(|(member, value)| match stored.remove(*member) {
        Some(found) => Exact::read(found.get()) != Exact::Text((*value).to_owned()),
        None => true,
    });
    let exact = |members: BTreeMap<String, Box<serde_json::value::RawValue>>| {
        members.into_iter().map(|(name, value)| (name, Exact::read(value.get()))).collect::<BTreeMap<_, _>>()
    };
    let same = texts.is_empty() && exact(stored) == exact(event);
    (!same).then(|| format!("sent {}, to be read with {texts:?}, found {text}", sent.event))
}

/// What is stored or rejected, and should not be; each is there once.
pub(super) async fn surplus(scene: &Scene, accepted: &[Accepted]) -> Vec<String> {
    let mut expected: BTreeMap<Identity, &Outcome> = BTreeMap::new();
    for Accepted { application, events, .. } in accepted {
        let own = events.iter().filter(|(_, outcome)| !matches!(outcome, Outcome::Merged));
        expected.extend(own.map(|(id, outcome)| (((*application).to_owned(), id.clone()), outcome)));
    }
    let mut faults = surplus_events(scene, &expected).await;
    let mut reported = 0;
    for error in scene.api.read_all("/api/errors").await {
        let wanted = match expected.get(&identity(&error, "event_id")) {
            None => error["code"] == "parse_error",
            Some(Outcome::Stored(_)) => false,
            Some(_) => error["code"] != "parse_error",
        };
        reported += usize::from(error["code"] == "parse_error");
        if !wanted {
            faults.push(format!("rejected, and should not be: {error}"));
        }
    }
    if reported == 0 {
        faults.push("no operator was told of a body that is no JSON".to_owned());
    }
    faults
}

/// Application and id: no event of the tables has the id of another one of its application.
type Identity = (String, String);

fn identity(item: &Value, id: &str) -> Identity {
    let text = |member: &str| item[member].as_str().unwrap_or_default().to_owned();
    (text("application"), text(id))
}

async fn surplus_events(scene: &Scene, expected: &BTreeMap<Identity, &Outcome>) -> Vec<String> {
    let (mut faults, mut seen, mut noise) = (Vec::new(), BTreeSet::new(), 0);
    for event in scene.api.read_all("/api/events").await {
        let identity = identity(&event, "id");
        if identity.0 == "noisy" {
            noise += 1;
            continue;
        }
        let wanted = matches!(
            expected.get(&identity),
            Some(Outcome::Stored(_) | Outcome::Disputed(_) | Outcome::Warned(..))
        );
        if !(wanted && seen.insert(identity)) {
            faults.push(format!("stored, and should not be: {event}"));
        }
    }
    if noise != NOISE {
        faults.push(format!("expected {NOISE} events of the noisy application, found {noise}"));
    }
    faults
}

/// What stands in the logs and should not: each line is one JSON object of ours, without keys and without what was sent.
pub(super) fn log_faults(pipeline: &Pipeline, scene: &Scene) -> Vec<String> {
    let lines = pipeline.log_lines();
    let secrets = [&scene.api.write_key, &scene.api.read_key, &scene.blog_key, &scene.revoked_key];
    let unwanted = |text: &str| {
        secrets.iter().any(|secret| text.contains(secret.as_str()))
            || ["forged", FORGED_ADDRESS].iter().any(|forged| text.contains(forged))
    };
    let shown = |line: &Value| {
        let ours = line.is_object() && line["timestamp"].is_string() && line["level"].is_string();
        let text = line.to_string();
        (!ours || unwanted(&text) || line["level"] == "ERROR").then(|| format!("in a log: {text}"))
    };
    lines.iter().filter_map(shown).collect()
}
