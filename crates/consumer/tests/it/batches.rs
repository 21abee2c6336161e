//! When what was gathered is written, and by whom.

use broker::Queue;

use crate::running::{Program, Running};
use crate::scene::{Scene, events, until};

/// Longer than any test.
const NEVER_MS: &str = "3600000";

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_written_when_it_has_enough_events() {
    let scene = Scene::set();
    let _consumer = Running::start(&scene, &[("flush_interval_ms", NEVER_MS), ("batch_events_max", "5")]);
    let sent = events(6);
    scene.send(&sent[..4]).await;
    scene.waiting(Queue::Events, 0).await;
    assert_eq!(scene.stored_ids().len(), 0);
    scene.send(&sent[4..]).await;
    scene.stored(&sent).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_written_when_it_has_enough_bytes() {
    let scene = Scene::set();
    let _consumer = Running::start(&scene, &[("flush_interval_ms", NEVER_MS), ("batch_bytes_max", "4000")]);
    let mut sent = events(2);
    scene.send(&sent[..1]).await;
    scene.waiting(Queue::Events, 0).await;
    assert_eq!(scene.stored_ids().len(), 0);
    sent[1]["data"] = serde_json::json!({ "text": "x".repeat(4000) });
    scene.send(&sent[1..]).await;
    scene.stored(&sent).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_written_when_no_more_may_be_held() {
    let scene = Scene::set();
    // Four deliveries may be held: two are gathered while two are written.
    let changes = [("flush_interval_ms", NEVER_MS), ("deliveries_bytes_max", "4194304")];
    let _consumer = Running::start(&scene, &changes);
    let sent = events(8);
    for some in sent.chunks(1) {
        scene.send(some).await;
    }
    scene.stored(&sent).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_written_when_its_first_delivery_has_waited_for_long_enough() {
    let scene = Scene::set();
    let _consumer = Running::start(&scene, &[("flush_interval_ms", "50")]);
    let sent = events(1);
    scene.send(&sent).await;
    scene.stored(&sent).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_gathered_is_written_when_the_consumer_stops() {
    let scene = Scene::set();
    let consumer = Running::start(&scene, &[("flush_interval_ms", NEVER_MS)]);
    let sent = events(3);
    for some in sent.chunks(1) {
        scene.send(some).await;
    }
    scene.waiting(Queue::Events, 0).await;
    assert_eq!(scene.stored_ids().len(), 0);
    consumer.stop().await;
    scene.stored(&sent).await;
    scene.settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn consumers_share_a_queue() {
    let scene = Scene::set();
    // One delivery at a time, so that none can take all.
    let changes = [("deliveries_bytes_max", "1")];
    let consumers = [Program::start(&scene, &changes), Program::start(&scene, &changes)];
    for consumer in &consumers {
        consumer.logs("taking events from the broker").await;
    }
    let sent = events(40);
    for some in sent.chunks(1) {
        scene.send(some).await;
    }
    scene.stored(&sent).await;
    let committed = || consumers.each_ref().map(|consumer| consumer.count("batch committed"));
    // A batch is stored before its line is written.
    until("each batch is told of", || committed().iter().sum::<usize>() >= sent.len()).await;
    let [one, another] = committed();
    assert!(one > 0 && another > 0, "both have written: {one}, {another}");
    assert_eq!(one + another, sent.len());
}
