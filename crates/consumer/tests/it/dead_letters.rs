//! What makes a consumer fail is isolated: its neighbours live, and it ends as a record with its bytes.

use std::slice::from_ref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use broker::Queue;
use event::Submitted;
use serde_json::json;

use crate::running::{After, Running};
use crate::scene::{Scene, event, events, until};

const POISON: &[u8] = b"poison";

/// Fails over an event that speaks of poison.
fn fail_over_poison(submitted: &Submitted<'_>) {
    let is_poison = submitted.bytes.windows(POISON.len()).any(|window| window == POISON);
    assert!(!is_poison, "this is part of the test");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_makes_the_judge_panic_is_recorded_and_its_neighbours_are_stored() {
    let scene = Scene::set();
    let mut sent = events(30);
    sent[11]["data"] = json!({ "kind": "poison" });
    for some in sent.chunks(10) {
        scene.send(some).await;
    }
    let consumer = Running::start_with(&scene, &[], After(fail_over_poison));
    assert_eq!(scene.rejected("processing_failed", 1).await, [sent[11].to_string()]);
    sent.remove(11);
    scene.stored(&sent).await;
    consumer.stop().await;
    scene.settled().await;
    assert_eq!(scene.look_up("SELECT sum(event_count) FROM taken_messages"), ["30"]);
    assert_eq!(scene.look_up("SELECT count(*) FROM errors"), ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_poisoned_messages_hold_up_nobody() {
    let scene = Scene::set();
    let mut sent = events(40);
    for poisoned in sent.iter_mut().step_by(2) {
        poisoned["data"] = json!({ "kind": "poison" });
    }
    for some in sent.chunks(1) {
        scene.send(some).await;
    }
    let _consumer = Running::start_with(&scene, &[], After(fail_over_poison));
    let healthy: Vec<_> = sent.iter().skip(1).step_by(2).cloned().collect();
    scene.stored(&healthy).await;
    scene.rejected("processing_failed", 20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_the_store_can_never_write_is_recorded_and_its_neighbours_are_stored() {
    let scene = Scene::set();
    // A failure that is no fault of a row: the store leaves it to the consumer.
    scene.execute(
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
           IF NEW.value = '\"poison\"' THEN RAISE EXCEPTION 'part of the test' USING ERRCODE = '23505'; END IF; \
           RETURN NEW; END $$; \
         CREATE TRIGGER fail BEFORE INSERT ON errors FOR EACH ROW EXECUTE FUNCTION fail();",
    );
    let mut sent = events(6);
    sent[2]["data"] = json!("poison");
    scene.send(&sent[..4]).await;
    scene.send(&sent[4..]).await;
    let consumer = Running::start(&scene, &[]);
    assert_eq!(scene.rejected("processing_failed", 1).await, [sent[2].to_string()]);
    sent.remove(2);
    scene.stored(&sent).await;
    consumer.stop().await;
    scene.settled().await;
    assert_eq!(scene.look_up("SELECT sum(event_count) FROM taken_messages"), ["6"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_was_delivered_too_often_is_judged_all_the_same() {
    let scene = Scene::set();
    let sent = events(2);
    scene.send(&sent).await;
    for _ in 0..5 {
        let (_subscription, delivery) = scene.take_one(Queue::Events).await;
        delivery.requeue().await;
    }
    let consumer = Running::start(&scene, &[]);
    scene.stored(&sent).await;
    consumer.stop().await;
    scene.settled().await;
    assert_eq!(scene.look_up("SELECT count(*) FROM errors"), ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_that_ends_the_process_is_recorded_without_being_judged() {
    let scene = Scene::set();
    let sent = events(2);
    scene.send(&sent).await;
    let (subscription, delivery) = scene.take_one(Queue::Events).await;
    delivery.dead_letter().await;
    subscription.close().await;
    for _ in 0..3 {
        // As it would be lost with a process that ends over it.
        let (_subscription, delivery) = scene.take_one(Queue::Dead).await;
        drop(delivery);
    }
    scene.waiting(Queue::Dead, 1).await;
    let judged = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&judged);
    let count = move |_: &Submitted<'_>| {
        counted.fetch_add(1, Ordering::Relaxed);
    };
    let consumer = Running::start_with(&scene, &[], After(count));
    let mut recorded = sent.iter().map(ToString::to_string).collect::<Vec<_>>();
    recorded.sort();
    assert_eq!(scene.rejected("processing_failed", 2).await, recorded);
    let neighbour = event();
    scene.send(from_ref(&neighbour)).await;
    scene.stored(&[neighbour]).await;
    consumer.stop().await;
    scene.settled().await;
    assert_eq!(judged.load(Ordering::Relaxed), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_that_was_taken_before_changes_nothing() {
    let scene = Scene::set();
    let sent = events(2);
    let message = scene.message(&sent);
    scene.publish(&message).await;
    let consumer = Running::start(&scene, &[]);
    scene.stored(&sent).await;
    consumer.stop().await;
    scene.settled().await;

    scene.publish(&message).await;
    let (subscription, delivery) = scene.take_one(Queue::Events).await;
    delivery.dead_letter().await;
    subscription.close().await;
    let judged = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&judged);
    let fail = move |_: &Submitted<'_>| {
        counted.fetch_add(1, Ordering::Relaxed);
        panic!("this is part of the test");
    };
    let consumer = Running::start_with(&scene, &[], After(fail));
    until("both events are looked at", || judged.load(Ordering::Relaxed) == 2).await;
    consumer.stop().await;
    scene.settled().await;
    assert_eq!(scene.look_up("SELECT count(*) FROM errors"), ["0"]);
    assert_eq!(scene.look_up("SELECT sum(event_count) FROM sessions"), ["2"]);
}
