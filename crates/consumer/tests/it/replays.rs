//! Rejected events that operators send again: judged anew by what is in force then, and stored once.

use broker::Message;
use broker::Queue;
use broker::envelope::Builder;
use event::{EventId, Mode, ReceivedAt, RunId};
use serde_json::Value;
use store::rejections::ErrorFilter;
use store::replays::{RejectedEvent, Wanted};

use crate::event_types::{NUMBERS, TEXTS, set};
use crate::running::Running;
use crate::scene::{RECEIVED_AT, Scene, event, request, until};

/// An event to which its sender gave no id, and the id that the gateway answered.
fn without_id() -> (EventId, Value) {
    let mut event = event();
    event.as_object_mut().unwrap().remove("id");
    (EventId::fresh(), event)
}

async fn send(scene: &Scene, (id, event): &(EventId, Value)) {
    let text = event.to_string();
    let mut envelope = scene.envelope();
    envelope.event(*id, ReceivedAt::from_micros(RECEIVED_AT), text.as_bytes());
    scene.publish(&envelope.finish()).await;
}

/// Marks what was rejected as on its way, and makes the message that has it sent again.
fn claim(scene: &Scene) -> Message {
    let filter = ErrorFilter::default();
    let wanted = Wanted { filter: &filter, after: 0, up_to: i64::MAX };
    let claimed = tokio::task::block_in_place(|| scene.store().claim_replays(wanted)).unwrap();
    let mut envelope = Builder::replay(RunId::fresh(), scene.application);
    envelope.request(&request());
    for RejectedEvent { id, received_at, bytes, .. } in &claimed {
        envelope.event(*id, *received_at, bytes);
    }
    envelope.finish()
}

/// What is known of the rejection: its errors, whether it is resolved, and whether it is on its way.
fn rejection(scene: &Scene) -> Vec<String> {
    scene.look_up(
        "SELECT concat_ws(' ', (SELECT string_agg(x.code || x.path, '+' ORDER BY x.id) FROM errors x WHERE x.rejected_event_id = r.id), \
         CASE WHEN r.resolved_at IS NULL THEN 'open' WHEN r.resolved_at >= r.created_at THEN 'resolved' END, \
         CASE WHEN r.replay_requested_at IS NOT NULL THEN 'marked' END) FROM rejected_events r",
    )
}

/// A scene in which one event was rejected, and nothing runs any more.
async fn rejected() -> (Scene, EventId) {
    let scene = Scene::set();
    set(&scene, Mode::Enforce, NUMBERS);
    let sent = without_id();
    let consumer = Running::start(&scene, &[]);
    send(&scene, &sent).await;
    scene.rejected("schema.type", 1).await;
    consumer.stop().await;
    scene.settled().await;
    assert_eq!(rejection(&scene), ["schema.type/data/path open"]);
    (scene, sent.0)
}

/// What is stored: id, receive time and the version that judged it.
fn stored(scene: &Scene) -> Vec<String> {
    scene.look_up("SELECT concat_ws(' ', id, (extract(epoch FROM received_at) * 1000000)::bigint, schema_version) FROM events")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replayed_event_that_passes_now_is_stored_as_it_was_received_and_resolved() {
    let (scene, id) = rejected().await;
    set(&scene, Mode::Enforce, TEXTS);
    let _consumer = Running::start(&scene, &[]);
    let replay = claim(&scene);
    assert_eq!(rejection(&scene), ["schema.type/data/path open marked"]);
    scene.publish(&replay).await;
    until("it is stored", || stored(&scene) == [format!("{id} {RECEIVED_AT} 2")]).await;
    let found = rejection(&scene);
    assert!(found[0].starts_with("schema.type/data/path resolved"), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replayed_event_that_fails_again_gets_its_new_errors_and_may_be_replayed_again() {
    let (scene, id) = rejected().await;
    set(&scene, Mode::Enforce, r#"{"minProperties": 2}"#);
    let consumer = Running::start(&scene, &[]);
    scene.publish(&claim(&scene)).await;
    scene.rejected("schema.minProperties", 1).await;
    assert_eq!(rejection(&scene), ["schema.type/data/path+schema.minProperties/data open"]);
    consumer.stop().await;
    set(&scene, Mode::Enforce, TEXTS);
    let _consumer = Running::start(&scene, &[]);
    scene.publish(&claim(&scene)).await;
    until("it is stored", || stored(&scene) == [format!("{id} {RECEIVED_AT} 3")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_that_only_warns_now_is_stored_with_warnings() {
    let (scene, id) = rejected().await;
    set(&scene, Mode::Warn, NUMBERS);
    let _consumer = Running::start(&scene, &[]);
    scene.publish(&claim(&scene)).await;
    until("it is stored", || stored(&scene) == [format!("{id} {RECEIVED_AT} 2")]).await;
    let severities = "SELECT severity FROM errors ORDER BY id";
    assert_eq!(scene.look_up(severities), ["error", "warning"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_that_is_interrupted_or_done_twice_stores_nothing_twice() {
    let (scene, id) = rejected().await;
    set(&scene, Mode::Enforce, TEXTS);
    let first = claim(&scene);
    // Whoever sent it ended before he knew: after a while somebody sends it again.
    scene.execute("UPDATE rejected_events SET replay_requested_at = now() - interval '11 minutes'");
    let second = claim(&scene);
    scene.publish(&first).await;
    // Lost with the consumer that took it.
    drop(scene.take_one(Queue::Events).await);
    for message in [&first, &second, &second] {
        scene.publish(message).await;
    }
    let consumers = [(); 2].map(|()| Running::start(&scene, &[]));
    until("it is stored", || stored(&scene) == [format!("{id} {RECEIVED_AT} 2")]).await;
    scene.settled().await;
    for consumer in consumers {
        consumer.stop().await;
    }
    scene.settled().await;
    assert_eq!(stored(&scene), [format!("{id} {RECEIVED_AT} 2")]);
    assert_eq!(scene.look_up("SELECT event_count FROM sessions"), ["1"]);
    assert_eq!(scene.look_up("SELECT count(*) FROM errors"), ["1"]);
    assert_eq!(scene.look_up("SELECT sum(event_count) FROM taken_messages"), ["3"]);
}
