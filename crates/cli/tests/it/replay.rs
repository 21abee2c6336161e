//! `eye errors replay`, through a real broker.

use std::process::Output;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use store::intake::Outcome;

use crate::command::{Running, stderr, stdout};
use crate::ground::{Ground, event, rabbitmq};

/// Sets a schema that nothing can meet, and receives events of its type.
fn rejected(name: &str, count: usize) -> Ground {
    let ground = Ground::new(name);
    ground.set_type(&json!({ "required": ["nobody_sends_this"] }));
    let events: Vec<_> = (0..count).map(|number| event(json!({ "number": number }))).collect();
    assert!(ground.receive("shop", &events).iter().all(|outcome| *outcome == Outcome::Rejected));
    ground
}

/// The same, after somebody has seen to it.
fn fixed(name: &str, count: usize) -> Ground {
    let ground = rejected(name, count);
    ground.set_type(&json!({ "type": "object" }));
    ground
}

const REPLAY: [&str; 6] = ["errors", "replay", "--application", "shop", "--code", "schema.required"];

fn replay(ground: &Ground, more: &[&str]) -> Value {
    ground.json(&[&REPLAY, more].concat())
}

fn begin(ground: &Ground, more: &[&str]) -> Running {
    ground.eye(&[&REPLAY, more].concat()).args(&["--output", "json"]).spawn()
}

/// Sends a signal to a run and waits for its end.
fn end_by(signal: Signal, running: Running) -> Output {
    let pid = i32::try_from(running.child.id()).expect("a pid");
    kill(Pid::from_raw(pid), signal).expect("a signal");
    running.end()
}

fn told(output: &Output) -> Value {
    serde_json::from_str(&stdout(output)).expect("JSON")
}

fn count(ground: &Ground, table: &str) -> i64 {
    ground.ask(&format!("SELECT count(*) FROM {table}")).parse().expect("a count")
}

fn marks(ground: &Ground) -> i64 {
    count(ground, "rejected_events WHERE replay_requested_at IS NOT NULL AND resolved_at IS NULL")
}

#[test]
fn an_event_is_rejected_its_type_is_fixed_and_it_is_stored_once() {
    let ground = fixed("once", 1);
    let before = ground.ask("SELECT concat_ws('/', event_id, received_at) FROM rejected_events");
    let preview = replay(&ground, &["--dry-run"]);
    assert_eq!((&preview["would_send"], &preview["applications"]), (&1.into(), &json!({ "shop": 1 })));
    assert_eq!((marks(&ground), ground.messages()), (0, 0), "a dry run sends nothing");

    let consumer = ground.consumer();
    let done = replay(&ground, &[]);
    assert_eq!(
        (&done["sent"], &done["stored"], &done["rejected"]),
        (&1.into(), &1.into(), &0.into()),
        "{done}"
    );
    assert_eq!(ground.ask("SELECT concat_ws('/', id, received_at) FROM events"), before);
    assert_eq!(count(&ground, "rejected_events WHERE resolved_at IS NOT NULL"), 1);
    assert_eq!(count(&ground, "errors"), 1, "what was wrong stays for history");

    let again = replay(&ground, &[]);
    assert_eq!((&again["sent"], &again["skipped"]["resolved"]), (&0.into(), &1.into()), "{again}");
    assert_eq!((count(&ground, "events"), consumer.taken().len()), (1, 1));
    assert!(
        ground
            .text(&REPLAY)
            .starts_with("Sent 0 events again: 0 stored, 0 rejected again.\nPassed over: 1 resolved.")
    );
}

#[test]
fn two_replays_at_once_share_the_events() {
    let ground = fixed("at-once", 2_500);
    let consumer = ground.consumer();
    let runs = [begin(&ground, &[]), begin(&ground, &[])].map(|running| {
        let output = running.end();
        assert!(output.status.success(), "{}", stderr(&output));
        let told = told(&output);
        assert_eq!(told["sent"], told["stored"], "{told}");
        told["sent"].as_u64().expect("a count")
    });
    assert_eq!(runs.iter().sum::<u64>(), 2_500);
    let carried: usize = consumer.taken().iter().map(|seen| seen.events).sum();
    assert_eq!((carried, count(&ground, "events"), marks(&ground)), (2_500, 2_500, 0));
}

#[test]
fn a_replay_that_is_killed_half_way_is_done_again_once_its_marks_are_old() {
    let ground = fixed("killed", 1_500);
    // Nobody judges, so that it waits; what it sent is in the queue.
    let running = begin(&ground, &[]);
    ground.until("events are sent", |ground| marks(ground) == 1_500 && ground.messages() >= 2);
    assert!(!end_by(Signal::SIGKILL, running).status.success());

    let meanwhile = replay(&ground, &[]);
    assert_eq!((&meanwhile["sent"], &meanwhile["skipped"]["on_their_way"]), (&0.into(), &1_500.into()));
    ground.execute("UPDATE rejected_events SET replay_requested_at = now() - interval '11 minutes'");
    let again = replay(&ground, &["--no-wait"]);
    assert_eq!((&again["sent"], &again["waiting"]), (&1_500.into(), &1_500.into()), "{again}");

    // All were sent twice by now.
    let consumer = ground.consumer();
    ground.until("all is taken", |_| consumer.taken().iter().map(|seen| seen.events).sum::<usize>() == 3_000);
    drop(consumer);
    assert_eq!((count(&ground, "events"), count(&ground, "errors")), (1_500, 1_500));
    assert_eq!(count(&ground, "rejected_events WHERE resolved_at IS NULL"), 0);
}

#[test]
fn who_marked_and_died_before_sending_leaves_what_is_sent_later() {
    let ground = fixed("died", 3);
    ground.execute("UPDATE rejected_events SET replay_requested_at = now()");
    let _consumer = ground.consumer();
    assert_eq!(replay(&ground, &[])["sent"], 0);
    ground.execute("UPDATE rejected_events SET replay_requested_at = now() - interval '11 minutes'");
    assert_eq!(replay(&ground, &[])["stored"], 3);
}

#[test]
fn who_stops_it_is_told_how_far_it_came() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let ground = fixed(&format!("stopped-{signal}"), 5);
        let running = begin(&ground, &[]);
        ground.until("events are sent", |ground| ground.messages() == 1);
        let output = end_by(signal, running);
        assert!(!output.status.success());
        assert!(stderr(&output).contains("it was stopped"), "{}", stderr(&output));
        let report = told(&output);
        assert_eq!(
            report["sent"].as_u64().zip(report["not_sent"].as_u64()).map(|(a, b)| a + b),
            Some(5),
            "{report}"
        );
        let _consumer = ground.consumer();
        ground.until("all is stored", |ground| count(ground, "events") == 5);
        assert_eq!(replay(&ground, &[])["skipped"]["on_their_way"], 0);
    }
}

#[test]
fn an_event_that_fails_again_gets_its_new_errors_and_keeps_the_old_ones() {
    let ground = rejected("again", 2);
    ground.set_type(&json!({ "properties": { "number": { "maximum": 0 } } }));
    let _consumer = ground.consumer();
    let done = replay(&ground, &[]);
    assert_eq!(
        (&done["sent"], &done["stored"], &done["rejected"]),
        (&2.into(), &1.into(), &1.into()),
        "{done}"
    );
    let errors = ground.ask("SELECT x.code || ':' || (r.resolved_at IS NOT NULL) FROM errors x JOIN rejected_events r ON r.id = x.rejected_event_id ORDER BY x.code, 1");
    assert_eq!(errors, "schema.maximum:false schema.required:false schema.required:true");
    // It is not on its way any more: the next fix finds it by either error.
    ground.set_type(&json!({}));
    drop(_consumer);
    let _consumer = ground.consumer();
    assert_eq!(replay(&ground, &[])["stored"], 1);
    assert_eq!(marks(&ground), 0);
}

#[test]
fn messages_carry_the_events_of_one_application_and_no_more_bytes_than_are_allowed() {
    let ground = rejected("parcels", 40);
    let events: Vec<_> = (0..3).map(|number| event(json!({ "number": number }))).collect();
    ground.receive("blog", &events);
    let large = event(json!({ "text": "x".repeat(5_000) }));
    ground.receive("blog", &[large]);
    ground.set_type(&json!({}));
    let consumer = ground.consumer();
    let output = ground
        .eye(&["errors", "replay", "--output", "json"])
        .env("EYE__GATEWAY__MESSAGE_BYTES_MAX", "2000")
        .run();
    assert_eq!(told(&output)["stored"], 44, "{}", stderr(&output));
    let taken = consumer.taken();
    assert!(taken.iter().all(|seen| seen.replay && seen.run == taken[0].run), "{taken:?}");
    assert!(taken.iter().all(|seen| seen.bytes <= 2_000 || seen.events == 1), "{taken:?}");
    let of = |application: i32| -> usize {
        taken.iter().filter(|seen| seen.application.get() == application).map(|seen| seen.events).sum()
    };
    assert_eq!((of(1), of(2)), (40, 4));
}

#[test]
fn what_can_not_be_sent_again_is_counted_and_left() {
    let ground = rejected("left", 1);
    ground.execute("UPDATE rejected_events SET resolved_at = now()");
    ground.execute(
        "INSERT INTO rejected_events (application_id, event_id, received_at, replayable, warned, input) VALUES \
         (1, gen_random_uuid(), now(), false, false, 'a'), (1, gen_random_uuid(), now(), false, true, 'b'); \
         INSERT INTO errors (rejected_event_id, application_id, event_id, received_at, severity, code, path, message) \
         SELECT id, 1, event_id, received_at, CASE WHEN warned THEN 'warning' ELSE 'error' END, 'parse_error', '', 'm' \
         FROM rejected_events WHERE NOT replayable",
    );
    let skipped = json!({ "on_their_way": 0, "resolved": 1, "warnings": 1, "no_events": 1 });
    for more in [&["--dry-run"][..], &[]] {
        let told = ground.json(&[&["errors", "replay"], more].concat());
        assert_eq!(told["skipped"], skipped, "{told}");
    }
    assert_eq!(
        ground.json(&["errors", "replay", "--event-id", &uuid::Uuid::now_v7().to_string()])["sent"],
        0
    );
    assert_eq!(ground.messages(), 0);
}

#[test]
fn without_a_broker_nothing_is_marked() {
    let ground = fixed("away", 2);
    let output = ground
        .eye(&REPLAY)
        .env("EYE__BROKER__URL", "amqp://eye:secret@127.0.0.1:1/%2f")
        .args(&["--give-up-after", "1", "--output", "json"])
        .run();
    assert!(!output.status.success());
    assert!(
        stderr(&output).contains("the broker is away") && !stderr(&output).contains("secret"),
        "{}",
        stderr(&output)
    );
    assert_eq!((told(&output)["sent"].as_u64(), marks(&ground)), (Some(0), 0));
}

#[test]
fn what_the_broker_refuses_is_not_on_its_way() {
    let ground = fixed("refusing", 2);
    let policy =
        ["set_policy", "refusing", "^eye\\.test-refusing$", r#"{"max-length":1}"#, "--priority", "10"];
    rabbitmq().control(&policy).expect("a policy");
    // As many as the queue takes: it refuses a little later than it is full.
    let fill = || {
        ground.execute("UPDATE rejected_events SET replay_requested_at = NULL");
        let output =
            ground.eye(&REPLAY).args(&["--no-wait", "--give-up-after", "5", "--output", "json"]).run();
        (!output.status.success()).then_some(output)
    };
    let mut refused = None;
    ground.until("the queue is full", |_| {
        refused = fill();
        refused.is_some()
    });
    let output = refused.expect("a refusal");
    assert!(stderr(&output).contains("the broker refused the message"), "{}", stderr(&output));
    let report = told(&output);
    assert_eq!((&report["sent"], &report["not_sent"]), (&0.into(), &2.into()), "{report}");
    assert_eq!(marks(&ground), 0);
    assert_eq!(count(&ground, "events"), 0);
}

#[test]
fn a_judgement_that_does_not_come_ends_the_wait() {
    let ground = fixed("waiting", 1);
    let output = begin(&ground, &["--judged-within", "1"]).end();
    assert!(!output.status.success());
    assert!(
        stderr(&output)
            .contains("1 events that were sent are not judged, and none was for 1 s; `eye doctor`"),
        "{}",
        stderr(&output)
    );
    let report = told(&output);
    assert_eq!((&report["sent"], &report["waiting"]), (&1.into(), &1.into()), "{report}");
    assert_eq!(marks(&ground), 1);
}
