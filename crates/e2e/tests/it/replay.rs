//! An operator's day: an application sends a wrong field, the type is fixed, and the events are sent again.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use crate::pipeline::{PATIENCE, Pipeline, program};

/// Of two consumers, so many events in a row meet both.
const IN_A_ROW: u32 = 12;

fn eye(pipeline: &Pipeline, arguments: &[&str]) -> Command {
    let mut command = Command::new(program("eye"));
    command.args(arguments).args(["--output", "json"]).stdin(Stdio::null());
    command.env("EYE__STORE__URL", pipeline.store_url()).env("EYE__BROKER__URL", pipeline.broker_url());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn told(child: Child) -> Value {
    let output = child.wait_with_output().expect("eye ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn run(pipeline: &Pipeline, arguments: &[&str]) -> Value {
    told(eye(pipeline, arguments).spawn().expect("eye runs"))
}

fn set_type(pipeline: &Pipeline, schema: &Value) -> Value {
    let file = pipeline.path("schema.json");
    std::fs::write(&file, schema.to_string()).expect("written");
    let file = file.display().to_string();
    let arguments = ["type", "set", "--category", "checkout", "--name", "paid", "--schema", &file];
    run(pipeline, &arguments)
}

/// How many events a replay would send.
fn sendable(pipeline: &Pipeline, replay: &[&str]) -> u64 {
    run(pipeline, &[replay, &["--dry-run"]].concat())["would_send"].as_u64().expect("a count")
}

fn event(data: Value) -> Value {
    json!({
        "id": Uuid::new_v4().to_string(), "session_id": "s-1", "category": "checkout", "name": "paid", "data": data,
        "timestamp": "2026-10-01T09:15:27Z",
    })
}

async fn state(pipeline: &Pipeline, event: &Value) -> Value {
    let id = event["id"].as_str().expect("an id");
    pipeline.api().read(&format!("/api/events/{id}/receipt")).await["state"].take()
}

/// Sends events until a change of the rules is in force in every consumer.
async fn await_rules(pipeline: &Pipeline, data: &Value, expected: &str) {
    let deadline = Instant::now() + PATIENCE;
    let mut in_a_row = 0;
    while in_a_row < IN_A_ROW {
        assert!(Instant::now() < deadline, "not {expected} in time: {}", pipeline.logs());
        let event = event(data.clone());
        pipeline.api().submit(&event).await;
        in_a_row = if state(pipeline, &event).await == expected { in_a_row + 1 } else { 0 };
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rejected_events_are_stored_once_after_their_type_was_fixed() {
    let mut pipeline = Pipeline::start().await;
    set_type(&pipeline, &json!({ "properties": { "total": { "type": "number" } } }));
    await_rules(&pipeline, &json!({ "total": "probe" }), "rejected").await;
    let events: Vec<_> =
        (0..20).map(|number| event(json!({ "total": number.to_string(), "wanted": 1 }))).collect();
    pipeline.api().submit(&Value::from(events.clone())).await;
    for event in &events {
        assert_eq!(state(&pipeline, event).await, "rejected");
    }
    let found = run(&pipeline, &["errors", "list", "--path", "/data/total", "--group-by", "code,path"]);
    assert_eq!(found["items"][0]["code"], "schema.type", "{found}");

    // A replay before the fix: the events get their errors anew, and keep the old ones.
    let narrow =
        ["errors", "replay", "--application", "shop", "--code", "schema.type", "--session-id", "s-1"];
    let all = sendable(&pipeline, &narrow);
    let early = run(&pipeline, &narrow);
    assert_eq!((&early["sent"], &early["rejected"]), (&all.into(), &all.into()), "{early}");

    set_type(&pipeline, &json!({ "properties": { "total": { "type": ["number", "string"] } } }));
    await_rules(&pipeline, &json!({ "total": "later" }), "stored").await;
    // Those that were sent until the fix was in force are among them too.
    let all = sendable(&pipeline, &narrow);
    let runs = [(); 2].map(|()| eye(&pipeline, &narrow).spawn().expect("eye runs")).map(told);
    let sent: u64 = runs.iter().filter_map(|run| run["sent"].as_u64()).sum();
    let stored: u64 = runs.iter().filter_map(|run| run["stored"].as_u64()).sum();
    assert_eq!((sent, stored), (all, all), "{runs:?}");
    assert_eq!(run(&pipeline, &narrow)["sent"], 0);

    let stored = pipeline.api().read_all("/api/events?session_id=s-1").await;
    for event in &events {
        let copies = stored.iter().filter(|stored| stored["id"] == event["id"]).count();
        assert_eq!((copies, state(&pipeline, event).await), (1, json!("stored")));
        let id = event["id"].as_str().expect("an id");
        let errors = pipeline.api().read_all(&format!("/api/errors?event_id={id}")).await;
        assert_eq!(errors.len(), 2, "of both judgements: {errors:?}");
        assert!(errors.iter().all(|error| error["resolved_at"].is_string()), "{errors:?}");
    }
    pipeline.stop_services();
}
