//! Versions side by side: of the envelope, and of the schema.

use std::slice::from_ref;

use broker::envelope::Version;
use broker::{Headers, Message, Queue};

use crate::running::{Program, Running};
use crate::scene::{Scene, event, events, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_holds_messages_of_both_versions_is_drained() {
    let scene = Scene::set();
    let sent = events(20);
    for (number, some) in sent.chunks(2).enumerate() {
        let version = if number % 2 == 0 { Version::V1 } else { Version::V2 };
        scene.publish(&scene.message_of_version(version, some)).await;
    }
    let _consumer = Running::start(&scene, &[]);
    scene.stored(&sent).await;
    scene.settled().await;
    assert_eq!(scene.look_up("SELECT count(*) FROM errors"), ["0"]);
    assert_eq!(scene.look_up("SELECT count(DISTINCT received_at) FROM events"), ["1"]);
}

/// What a gateway of the next version might write.
fn newer(scene: &Scene) -> Message {
    let headers = scene.message(&[event()]).headers().clone();
    let next = Version::NEWEST.number() + 1;
    let body = format!("{{\"version\":{next},\"unlike\":\"all before\"}}\n").into_bytes();
    Message::new(Headers { version: Some(next), ..headers }, body)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_the_next_version_is_left_for_a_newer_consumer_and_holds_nobody_up() {
    let scene = Scene::set();
    for _ in 0..3 {
        scene.publish(&newer(&scene)).await;
    }
    let mut sent = events(2);
    scene.send(&sent).await;
    // Each that stops gives it back: more often than anything else may be given back.
    for round in 0..7 {
        let consumer = Running::start(&scene, &[]);
        consumer.not_ready("envelope").await;
        let more = event();
        scene.send(from_ref(&more)).await;
        sent.push(more);
        scene.stored(&sent).await;
        consumer.stop().await;
        scene.waiting(Queue::Events, 3).await;
        assert_eq!(scene.look_up("SELECT count(*) FROM errors"), ["0"], "round {round}");
    }
    scene.waiting(Queue::Dead, 0).await;
    let (_subscription, delivery) = scene.take_one(Queue::Events).await;
    assert_eq!(delivery.body(), newer(&scene).body());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_of_the_next_version_is_left_for_a_newer_consumer() {
    let scene = Scene::set();
    scene.publish(&newer(&scene)).await;
    let (subscription, delivery) = scene.take_one(Queue::Events).await;
    delivery.dead_letter().await;
    scene.waiting(Queue::Dead, 1).await;
    subscription.close().await;
    let consumer = Program::start(&scene, &[]);
    consumer.logs("a message of a newer version is held for a newer consumer: bring consumers to that version first").await;
    drop(consumer);
    scene.waiting(Queue::Dead, 1).await;
    assert_eq!(scene.look_up("SELECT count(*) FROM errors"), ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_on_an_older_schema_says_once_that_it_waits_and_goes_on_when_it_is_there() {
    let scene = Scene::set();
    let newest = scene.look_up("SELECT max(version) FROM __diesel_schema_migrations").remove(0);
    scene.execute(&format!("DELETE FROM __diesel_schema_migrations WHERE version = '{newest}'"));
    let consumer = Program::start(&scene, &[]);
    consumer.logs("waiting for the database").await;
    let sent = events(3);
    scene.send(&sent).await;
    // It looks once a second.
    until("it has looked again and again", || consumer.age_s() > 5).await;
    assert_eq!(consumer.count("waiting for the database"), 1);
    let said = consumer.log().into_iter().find(|line| line["message"] == "waiting for the database").unwrap();
    assert!(said["error"].as_str().unwrap().contains(&newest), "{said}");
    assert_eq!(scene.stored_ids(), Vec::<String>::new());
    scene.execute(&format!("INSERT INTO __diesel_schema_migrations (version) VALUES ('{newest}')"));
    scene.stored(&sent).await;
    consumer.logs("no longer waiting for the database").await;
    assert_eq!(consumer.count("no longer waiting for the database"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_on_a_newer_schema_runs_on() {
    let scene = Scene::set();
    let consumer = Running::start(&scene, &[("housekeeping_interval_ms", "50")]);
    let mut sent = events(2);
    scene.send(&sent).await;
    scene.stored(&sent).await;
    // As a migration that expands does it: what is new has defaults, or nobody has to fill it.
    scene.execute(
        "ALTER TABLE events ADD COLUMN later text NOT NULL DEFAULT 'x', ADD COLUMN latest integer; \
         ALTER TABLE sessions ADD COLUMN later text NOT NULL DEFAULT 'x'; \
         ALTER TABLE rejected_events ADD COLUMN later text; \
         ALTER TABLE errors ADD COLUMN later integer NOT NULL DEFAULT 1; \
         ALTER TABLE taken_messages ADD COLUMN later text; \
         CREATE TABLE laters (id integer); CREATE INDEX events_later_idx ON events (later); \
         INSERT INTO __diesel_schema_migrations (version) VALUES ('29991231000001')",
    );
    let more = events(3);
    let mut wrong = event();
    wrong["name"] = serde_json::Value::Null;
    scene.send(&more).await;
    scene.send(from_ref(&wrong)).await;
    sent.extend(more);
    scene.stored(&sent).await;
    scene.rejected("null", 1).await;
    consumer.ready().await;
    consumer.stop().await;
    let restarted = Running::start(&scene, &[]);
    restarted.ready().await;
    let last = event();
    scene.send(from_ref(&last)).await;
    sent.push(last);
    scene.stored(&sent).await;
}
