//! Whatever bytes arrive: each accepted event has exactly one outcome, and what is stored reads back equal.
//!
//! All cases go through one stack and are judged together, since an end to end costs what hundreds of them do; so there is no
//! shrinking. What serde_json and chrono read in the bytes is what the pipeline is held against.

mod generators;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::exact::{Exact, members};
use crate::faults::seed;
use crate::pipeline::{Api, Pipeline};
use crate::wire::{Request, Wire};
use generators::Body;

const CASES: usize = 600;
/// Over how many connections they are sent.
const LANES: usize = 8;
/// How much of an event an error shows in a list.
const INPUT_BYTES_SHOWN: usize = 2_048;

/// The cases of a seed.
fn cases(seed: u64) -> Vec<Body> {
    let mut bytes = [0; 32];
    StdRng::seed_from_u64(seed).fill(&mut bytes);
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), random);
    let bodies = generators::body();
    (0..CASES).map(|_| bodies.new_tree(&mut runner).expect("a case").current()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whatever_bytes_arrive_each_event_has_exactly_one_outcome() {
    let seed = seed();
    println!("seed {seed}: EYE_SEED={seed} repeats this run's cases");
    let cases = cases(seed);
    let mut pipeline = Pipeline::start().await;
    let api = pipeline.api().clone();
    // Until the broker is there.
    api.submit(&serde_json::from_str(generators::EVENT).expect("JSON")).await;

    let lanes: Vec<_> = (0..LANES)
        .map(|lane| {
            let own = cases.iter().skip(lane).step_by(LANES).cloned().collect();
            tokio::spawn(send(api.clone(), own))
        })
        .collect();
    let mut accepted = HashMap::new();
    for lane in lanes {
        accepted
            .extend(lane.await.unwrap_or_else(|error| panic!("seed {seed}: {error}\n{}", pipeline.logs())));
    }
    pipeline.wait_until_quiet().await;
    let outcomes = Outcomes::read(&api).await;
    let faults = outcomes.faults(&accepted);
    let (stored, rejected) = (outcomes.stored.len(), outcomes.rejected.len());
    println!("{CASES} bodies with {} events: {stored} stored, {rejected} rejected", accepted.len());
    assert!(
        faults.is_empty(),
        "seed {seed}: {} faults:\n{}\n{}",
        faults.len(),
        faults.join("\n"),
        pipeline.logs()
    );
    assert!(stored > CASES / 4 && rejected > CASES / 4, "seed {seed}: the cases show little");
    pipeline.stop_services();
}

/// Sends bodies; gives the accepted events by their ids.
async fn send(api: Api, bodies: Vec<Body>) -> HashMap<String, String> {
    let mut wire = Wire::to(&api.gateway);
    let mut accepted = HashMap::new();
    for body in bodies {
        let request = Request::new("POST", "/api/events")
            .header("Authorization", &format!("Bearer {}", api.write_key))
            .header("Content-Type", if body.lines { "application/x-ndjson" } else { "application/json" });
        let answer = wire.exchange(&request.body(body.bytes.clone())).await;
        let events = events(&body);
        let expected = if events.is_empty() { 400 } else { 202 };
        assert_eq!(answer.status, expected, "{}: {body:?}", answer.body);
        let answer = answer.json();
        let ids: Vec<_> = answer["ids"].as_array().into_iter().flatten().collect();
        assert_eq!(ids.len(), events.len(), "{answer}: {body:?}");
        for (id, event) in ids.into_iter().zip(events) {
            let id = id.as_str().expect("an id").to_owned();
            assert_eq!(accepted.insert(id.clone(), event), None, "{id} is given twice");
        }
    }
    accepted
}

/// The events that serde_json sees in a body; none where it is no JSON, or holds none.
fn events(body: &Body) -> Vec<String> {
    let Ok(text) = std::str::from_utf8(&body.bytes) else { return Vec::new() };
    let is_json = |text: &str| serde_json::from_str::<IgnoredAny>(text).is_ok();
    let text = text.trim_matches([' ', '\t', '\r', '\n']);
    if body.lines {
        let lines = text.split('\n').map(|line| line.trim_matches([' ', '\t', '\r']));
        let lines: Vec<_> = lines.filter(|line| !line.is_empty()).map(str::to_owned).collect();
        return if lines.iter().all(|line| is_json(line)) { lines } else { Vec::new() };
    }
    match text.as_bytes().first() {
        Some(b'{') if is_json(text) => vec![text.to_owned()],
        Some(b'[') => {
            let elements: Vec<Box<RawValue>> = serde_json::from_str(text).unwrap_or_default();
            elements.iter().map(|element| element.get().to_owned()).collect()
        }
        _ => Vec::new(),
    }
}

/// All that is stored, and all that is rejected.
struct Outcomes {
    stored: BTreeMap<String, Vec<String>>,
    rejected: BTreeMap<String, Vec<Value>>,
}

impl Outcomes {
    async fn read(api: &Api) -> Self {
        let (mut stored, mut rejected) = (BTreeMap::<_, Vec<_>>::new(), BTreeMap::<_, Vec<_>>::new());
        for event in api.read_all_as_written("/api/events").await {
            let id = members(event.get())["id"].get().trim_matches('"').to_owned();
            stored.entry(id).or_default().push(event.get().to_owned());
        }
        // The first one of all, by which the broker was waited for.
        stored.retain(|_, events| !events.iter().any(|event| event.contains(generators::FIRST_SESSION)));
        for error in api.read_all("/api/errors").await {
            if error["code"] != "parse_error" {
                let id = error["event_id"].as_str().expect("an id").to_owned();
                rejected.entry(id).or_default().push(error);
            }
        }
        Self { stored, rejected }
    }

    /// What is lost, doubled, changed, or never sent.
    fn faults(&self, accepted: &HashMap<String, String>) -> Vec<String> {
        let found: BTreeSet<_> = self.stored.keys().chain(self.rejected.keys()).collect();
        let unknown = found.into_iter().filter(|id| !accepted.contains_key(*id));
        let mut faults: Vec<_> = unknown.map(|id| format!("{id} was never sent")).collect();
        for (id, sent) in accepted {
            let fault = match (self.stored.get(id).map(Vec::as_slice), self.rejected.get(id)) {
                (Some([stored]), None) => stored_fault(stored, sent),
                (None, Some(errors)) => rejected_fault(errors, sent),
                (None, None) => Some("lost".to_owned()),
                (stored, rejected) => Some(format!("more than one outcome: {stored:?} {rejected:?}")),
            };
            faults.extend(fault.map(|fault| format!("{id}: {fault}: {sent}")));
        }
        faults
    }
}

/// What of a stored event is not what was sent.
fn stored_fault(stored: &str, sent: &str) -> Option<String> {
    let read = |text: &str| -> BTreeMap<_, _> {
        members(text).into_iter().map(|(name, value)| (name, Exact::read(value.get()))).collect()
    };
    let (mut found, mut expected) = (read(stored), read(sent));
    for ours in ["id", "application", "received_at", "stored_at"] {
        found.remove(ours);
    }
    expected.remove("id");
    if let Some(Exact::Text(timestamp)) = expected.get_mut("timestamp") {
        *timestamp = generators::in_utc(timestamp).unwrap_or_else(|| format!("no time: {timestamp}"));
    }
    (found != expected).then(|| format!("stored as {stored}"))
}

/// What is wrong with the errors of an event.
fn rejected_fault(errors: &[Value], sent: &str) -> Option<String> {
    let rules: BTreeSet<_> =
        errors.iter().map(|error| (error["path"].as_str(), error["code"].as_str())).collect();
    let shown = |error: &Value| {
        let input = error["input"].as_str().unwrap_or_default();
        // What is longer is cut, between characters.
        if sent.len() < INPUT_BYTES_SHOWN {
            input == sent
        } else {
            sent.starts_with(input) && !input.is_empty()
        }
    };
    let sound = rules.len() == errors.len() && errors.len() <= 20 && errors.iter().all(shown);
    (!sound).then(|| format!("rejected by {errors:?}"))
}
