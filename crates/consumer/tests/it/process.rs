//! The program as operators see it: how it starts, what it logs and measures, how it ends.

use std::process::Command;

use broker::Queue;
use serde_json::json;

use crate::running::{Program, Running};
use crate::scene::{REQUEST_ID, Scene, TRACE_ID, event, events, own_server, shared_broker, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_followed_by_its_trace_and_nothing_that_was_sent_is_logged() {
    let scene = Scene::set();
    let mut program = Program::start(&scene, &[]);
    let mut sent = events(2);
    sent[1]["name"] = json!("");
    sent[1]["data"] = json!({ "secret": "do not log this" });
    scene.send(&sent).await;
    scene.rejected("blank", 1).await;
    program.logs("committed").await;
    program.stop();
    let log = program.log();
    let line = log.iter().find(|line| line["message"] == "committed").unwrap();
    assert_eq!((&line["request_id"], &line["trace_id"]), (&json!(REQUEST_ID), &json!(TRACE_ID)), "{line}");
    assert_eq!((&line["stored"], &line["rejected"]), (&json!(1), &json!(1)), "{line}");
    assert!(!format!("{log:?}").contains("do not log this"));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_in_time_while_the_database_is_frozen_and_leaves_what_it_held() {
    let (server, _directory) = own_server();
    let scene = Scene::set_on(&shared_broker(), &server.url("postgres"));
    let mut program = Program::start(&scene, &[]);
    program.logs("taking events from the broker").await;
    server.freeze();
    let sent = events(3);
    for some in sent.chunks(1) {
        scene.send(some).await;
    }
    scene.waiting(Queue::Events, 0).await;
    program.stop();
    server.thaw();
    scene.waiting(Queue::Events, 3).await;
    let _consumer = Running::start(&scene, &[]);
    scene.stored(&sent).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn its_metrics_tell_what_became_of_events() {
    let scene = Scene::set();
    let consumer = Running::start(&scene, &[]);
    let message = scene.message(&[event()]);
    scene.publish(&message).await;
    scene.publish(&message).await;
    let events = r#"eye_consumer_events_total{application="shop",outcome="stored"}"#.to_owned();
    let expected = [
        events.as_str(),
        "eye_consumer_batches_total{trigger=\"interval\"}",
        "eye_consumer_batch_events_bucket",
        "eye_consumer_judge_duration_seconds_bucket",
        "eye_consumer_commit_duration_seconds_bucket",
        "eye_consumer_deliveries_held",
        "eye_consumer_delay_seconds_count",
        "eye_consumer_messages_taken_before_total",
    ];
    for name in expected {
        consumer.measures(name).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_setting_stops_the_start() {
    for (variable, value, named) in [
        ("EYE__CONSUMER__WRITERS", "0", "writers"),
        ("EYE__CONSUMER__WRITER", "2", "consumer.writers"),
        ("EYE__CONSUMER__HEALTH_LISTEN", "nowhere", "health_listen"),
        ("EYE__STORE__URL", "mysql://", "postgres://"),
        ("EYE__BROKER__URL", "http://127.0.0.1", "url"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_eye-consumer"));
        let output = command.env("EYE__CONSUMER__HEALTH_LISTEN", "127.0.0.1:0").env(variable, value).output();
        let output = output.unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && error.contains(named), "{variable}={value}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_stops_at_once_when_it_has_nothing_to_do() {
    let scene = Scene::set();
    let mut program = Program::start(&scene, &[]);
    program.logs("taking events from the broker").await;
    program.stop();
    until("it says so", || program.count("stopped") == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_stops_under_load_and_another_goes_on_where_it_ended() {
    let scene = Scene::set();
    let sent = events(600);
    let mut program = Program::start(&scene, &[("batch_events_max", "5")]);
    for (number, some) in sent.chunks(3).enumerate() {
        scene.send(some).await;
        if number == 100 {
            until("it is at work", || !scene.stored_ids().is_empty()).await;
            program.stop();
        }
    }
    assert_eq!(program.count("stopping took too long: what is not settled will be delivered again"), 0);
    let _consumer = Running::start(&scene, &[]);
    scene.stored(&sent).await;
    scene.settled().await;
    assert_eq!(scene.look_up("SELECT sum(event_count) FROM sessions"), ["600"]);
}
