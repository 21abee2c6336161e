//! Event types: their rules are in force in every consumer, and what is not known is not judged by.

use std::slice::from_ref;
use std::time::Duration;

use broker::Queue;
use event::Mode;
use serde_json::{Value, json};
use store::event_types::{Cause, NewVersion};
use tokio::time::sleep;

use crate::running::{Program, Running, stop_drained};
use crate::scene::{Scene, event, events, ids, own_server, shared_broker, until};

/// Within this time a change is in force, without a restart.
const IN_FORCE: Duration = Duration::from_secs(5);

const CAUSE: Cause<'_> = Cause { author: "alice", reason: None };

/// What the events of the tests do not have: their path is a text.
pub(crate) const NUMBERS: &str = r#"{"properties": {"path": {"type": "number"}}}"#;

/// What they have.
pub(crate) const TEXTS: &str = r#"{"properties": {"path": {"type": "string"}}}"#;

/// Sets the rules of the type that the events of the tests are of.
pub(crate) fn set(scene: &Scene, mode: Mode, schema: &str) {
    set_named(scene, "pageview", mode, schema);
}

fn set_named(scene: &Scene, name: &str, mode: Mode, schema: &str) {
    let new = NewVersion { category: "page interaction", name, mode, schema, cause: CAUSE };
    tokio::task::block_in_place(|| scene.store().set_event_type(new)).unwrap();
}

fn remove(scene: &Scene) {
    let store = scene.store();
    let removed =
        tokio::task::block_in_place(|| store.remove_event_type("page interaction", "pageview", CAUSE));
    assert!(removed.unwrap().is_some());
}

fn set_strict(scene: &Scene, strict: bool) {
    tokio::task::block_in_place(|| scene.store().set_application_strict("shop", strict)).unwrap();
}

fn named(name: &str) -> Value {
    let mut event = event();
    event["name"] = json!(name);
    event
}

/// What became of these events: how many are stored by which version, and their errors.
fn found(scene: &Scene, sent: &[Value]) -> Vec<String> {
    let ids: Vec<_> = ids(sent).iter().map(|id| format!("'{id}'")).collect();
    let ids = ids.join(",");
    scene.look_up(&format!(
        "SELECT concat_ws(' ', 'stored', coalesce(nullif(schema_version, 0)::text, '-'), count(*)) FROM events \
         WHERE id IN ({ids}) GROUP BY schema_version UNION ALL \
         SELECT concat_ws(' ', severity, code, path, count(*)) FROM errors \
         WHERE event_id IN ({ids}) GROUP BY severity, code, path ORDER BY 1"
    ))
}

/// What an operator does.
type Change = fn(&Scene);

/// Sends events that both consumers take, one by one, and waits until this has become of them.
async fn share(scene: &Scene, consumers: &[Program; 2], expected: &[&str]) {
    let committed = |consumer: &Program| consumer.count("batch committed");
    let before = consumers.each_ref().map(committed);
    let sent = events(20);
    for some in sent.chunks(1) {
        scene.send(some).await;
    }
    until("all are judged", || {
        consumers.iter().map(committed).sum::<usize>() >= before.iter().sum::<usize>() + sent.len()
    })
    .await;
    assert_eq!(found(scene, &sent), expected);
    for (consumer, before) in consumers.iter().zip(before) {
        assert!(committed(consumer) > before, "both take some of them");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_in_force_in_every_consumer_within_5_seconds() {
    let scene = Scene::set();
    // One delivery at a time, so that none can take all.
    let consumers = [(); 2].map(|()| Program::start(&scene, &[("deliveries_bytes_max", "1")]));
    for consumer in &consumers {
        consumer.logs("taking events from the broker").await;
    }
    share(&scene, &consumers, &["stored - 20"]).await;
    let changes: [(Change, &[&str]); 7] = [
        (|scene| set(scene, Mode::Enforce, NUMBERS), &["error schema.type /data/path 20"]),
        (|scene| set(scene, Mode::Warn, NUMBERS), &["stored 2 20", "warning schema.type /data/path 20"]),
        (|scene| set(scene, Mode::Enforce, TEXTS), &["stored 3 20"]),
        (|scene| set_strict(scene, true), &["stored 3 20"]),
        (remove, &["error unknown_event_type /name 20"]),
        (|scene| set_strict(scene, false), &["stored - 20"]),
        (|scene| set(scene, Mode::Enforce, NUMBERS), &["error schema.type /data/path 20"]),
    ];
    for (change, expected) in changes {
        change(&scene);
        sleep(IN_FORCE).await;
        share(&scene, &consumers, expected).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_its_type_does_not_allow_costs_its_neighbours_nothing() {
    let scene = Scene::set();
    set(&scene, Mode::Enforce, NUMBERS);
    set_named(&scene, "click", Mode::Warn, NUMBERS);
    set_strict(&scene, true);
    let consumer = Running::start(&scene, &[]);
    let sent = [event(), named("click"), named("unknown"), event()];
    let mut good = event();
    good["data"] = json!({ "path": 7 });
    let mut batch = sent.to_vec();
    batch.push(good.clone());
    scene.send(&batch).await;
    scene.stored(&[sent[1].clone(), good.clone()]).await;
    assert_eq!(found(&scene, from_ref(&sent[0])), ["error schema.type /data/path 1"]);
    assert_eq!(found(&scene, from_ref(&sent[1])), ["stored 1 1", "warning schema.type /data/path 1"]);
    assert_eq!(found(&scene, from_ref(&sent[2])), ["error unknown_event_type /name 1"]);
    assert_eq!(found(&scene, from_ref(&good)), ["stored 1 1"]);
    consumer.measures(r#"eye_consumer_events_warned_total{application="shop"}"#).await;
    consumer.measures(r#"eye_consumer_events_total{application="shop",outcome="rejected"}"#).await;
    consumer.measures("eye_event_types_age_seconds").await;
    consumer.stop().await;
    scene.settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_judged_by_its_events_types() {
    let scene = Scene::set();
    set(&scene, Mode::Enforce, NUMBERS);
    let sent = [event(), named("click")];
    scene.send(&sent).await;
    let (subscription, delivery) = scene.take_one(Queue::Events).await;
    delivery.dead_letter().await;
    subscription.close().await;
    let _consumer = Running::start(&scene, &[]);
    scene.stored(&sent[1..]).await;
    assert_eq!(found(&scene, &sent), ["error schema.type /data/path 1", "stored - 1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_outcome_is_final_whatever_is_in_force_when_its_message_comes_again() {
    let scene = Scene::set();
    let (stored, rejected) = (event(), event());
    let (first, second) = (scene.message(from_ref(&stored)), scene.message(from_ref(&rejected)));
    let round = async |messages: &[&broker::Message], more: Value| {
        let consumer = Running::start(&scene, &[]);
        for message in messages {
            scene.publish(message).await;
        }
        scene.send(from_ref(&more)).await;
        until("the last one is judged", || !found(&scene, from_ref(&more)).is_empty()).await;
        consumer.stop().await;
        scene.settled().await;
        [found(&scene, from_ref(&stored)), found(&scene, from_ref(&rejected)), found(&scene, from_ref(&more))]
    };
    assert_eq!(round(&[&first], event()).await, [vec!["stored - 1"], vec![], vec!["stored - 1"]]);
    set(&scene, Mode::Enforce, NUMBERS);
    let error = "error schema.type /data/path 1";
    assert_eq!(round(&[&first, &second], event()).await, [["stored - 1"], [error], [error]]);
    remove(&scene);
    let last = round(&[&first, &second], event()).await;
    assert_eq!(last, [["stored - 1"], [error], ["stored - 1"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_frozen_for_longer_than_types_are_known_is_waited_for() {
    let (server, _directory) = own_server();
    let scene = Scene::set_on(&shared_broker(), &server.url("postgres"));
    set(&scene, Mode::Enforce, NUMBERS);
    let consumer = Running::start(&scene, &[]);
    consumer.ready().await;
    server.freeze();
    consumer.not_ready("event types").await;
    let sent = [named("click"), event(), named("click")];
    for some in sent.chunks(1) {
        scene.send(some).await;
    }
    scene.waiting(Queue::Events, 0).await;
    server.thaw();
    scene.stored(&[sent[0].clone(), sent[2].clone()]).await;
    consumer.ready().await;
    stop_drained(consumer, &scene).await;
    scene.settled().await;
    assert_eq!(found(&scene, &sent), ["error schema.type /data/path 1", "stored - 2"]);
    assert_eq!(scene.look_up("SELECT count(*) FROM errors"), ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_can_not_read_event_types_judges_nothing_and_gives_back_what_it_holds() {
    let scene = Scene::set();
    let consumer = Running::start(&scene, &[("park_after_ms", "300")]);
    consumer.ready().await;
    scene.execute("REVOKE SELECT ON event_type_versions FROM eye_consumer");
    consumer.not_ready("event types").await;
    // All that it knows is that there are none.
    set(&scene, Mode::Enforce, NUMBERS);
    let sent = event();
    scene.send(from_ref(&sent)).await;
    consumer.not_ready("broker").await;
    scene.waiting(Queue::Events, 1).await;
    assert_eq!(found(&scene, from_ref(&sent)), [""; 0]);
    scene.execute("GRANT SELECT ON event_type_versions TO eye_consumer");
    scene.rejected("schema.type", 1).await;
    consumer.ready().await;
    consumer.stop().await;
    scene.settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_can_not_be_used_is_told_once_and_its_events_are_errors_of_ours() {
    let scene = Scene::set();
    set(&scene, Mode::Enforce, r#"{"type": 7}"#);
    set_named(&scene, "click", Mode::Enforce, TEXTS);
    let mut program = Program::start(&scene, &[]);
    let sent = [event(), named("click"), event()];
    for some in sent.chunks(2) {
        scene.send(some).await;
    }
    scene.rejected("processing_failed", 2).await;
    scene.stored(&sent[1..2]).await;
    // Another change has everything read again.
    set_named(&scene, "click", Mode::Enforce, NUMBERS);
    until("it is in force", || {
        let probe = named("click");
        tokio::runtime::Handle::current().block_on(scene.send(from_ref(&probe)));
        !scene.look_up("SELECT 1 FROM errors WHERE code = 'schema.type'").is_empty()
    })
    .await;
    program.stop();
    let told =
        "a schema can't be used here: bring this service to the version of whoever set it, or set another";
    assert_eq!(program.count(told), 1, "{:?}", program.log());
    assert_eq!(program.log().iter().filter(|line| line["level"] == "ERROR").count(), 1);
}
