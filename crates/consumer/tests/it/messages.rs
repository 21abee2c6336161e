//! What becomes of messages: stored, rejected, or kept as unreadable.

use std::slice::from_ref;

use broker::envelope::{Builder, Carried};
use broker::{Headers, Message};
use event::{ApplicationId, EventId, MessageId, ReceivedAt, RunId};
use serde_json::json;

use crate::running::Running;
use crate::scene::{RECEIVED_AT, Scene, event, events, request};

#[tokio::test(flavor = "multi_thread")]
async fn events_that_break_no_rule_are_stored() {
    let scene = Scene::set();
    let _consumer = Running::start(&scene, &[]);
    let sent = events(100);
    for some in sent.chunks(7) {
        scene.send(some).await;
    }
    scene.stored(&sent).await;
    scene.settled().await;
    assert_eq!(scene.look_up("SELECT count(*) FROM errors"), ["0"]);
    assert_eq!(scene.look_up("SELECT sum(event_count) FROM sessions"), ["100"]);
    assert_eq!(scene.look_up("SELECT sum(event_count) FROM taken_messages"), ["100"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_breaks_a_rule_is_kept_with_its_bytes_and_its_neighbours_are_stored() {
    let scene = Scene::set();
    let _consumer = Running::start(&scene, &[]);
    let mut batch = events(3);
    batch[1]["name"] = json!(null);
    scene.send(&batch).await;
    assert_eq!(scene.rejected("null", 1).await, [batch[1].to_string()]);
    batch.remove(1);
    scene.stored(&batch).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_can_not_be_read_is_kept_whole_and_its_neighbours_are_stored() {
    let scene = Scene::set();
    let neighbour = event();
    scene.send(from_ref(&neighbour)).await;
    let ours = |body: &[u8]| {
        let headers = scene.message(&[event()]).headers().clone();
        Message::new(headers, body.to_vec())
    };
    let cut = scene.message(&events(2)).body().split_last().expect("a body").1.to_vec();
    let unreadable: [(&str, Message); 8] = [
        ("an empty body", ours(b"")),
        ("no JSON", ours(b"\x00\xff garbage")),
        ("no header line", ours(b"{\"version\":1}")),
        ("a version to come", ours(b"{\"version\":200}\n")),
        ("a header that lacks everything", ours(b"{\"version\":1}\n")),
        ("a body that is cut", ours(&cut)),
        ("no headers at all", Message::new(Headers::default(), b"who sent this?".to_vec())),
        ("an application that is not registered", {
            let application = Some(ApplicationId::from(12_345));
            Message::new(Headers { application, ..Headers::default() }, b"nor this?".to_vec())
        }),
    ];
    for (_, message) in &unreadable {
        scene.publish(message).await;
    }
    let _consumer = Running::start(&scene, &[]);

    scene.rejected("unreadable_message", unreadable.len()).await;
    for (what, message) in &unreadable {
        let hex: String = message.body().iter().map(|byte| format!("{byte:02x}")).collect();
        let kept =
            scene.look_up(&format!("SELECT 1 FROM rejected_events WHERE encode(input, 'hex') = '{hex}'"));
        assert_eq!(kept.len(), 1, "{what}");
    }
    let id = *unreadable[0].1.headers().message_id.expect("an id").as_uuid();
    let known = format!("SELECT application_id FROM rejected_events WHERE event_id = '{id}'");
    assert_eq!(scene.look_up(&known), [scene.application.to_string()]);
    scene.stored(&[neighbour]).await;
    scene.settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_without_an_id_is_taken_once() {
    let scene = Scene::set();
    let _consumer = Running::start(&scene, &[]);
    for _ in 0..2 {
        scene.publish(&Message::new(Headers::default(), b"the same bytes".to_vec())).await;
    }
    scene.send(&[event()]).await;
    scene.settled().await;
    assert_eq!(scene.rejected("unreadable_message", 1).await, ["the same bytes"]);
    assert_eq!(scene.look_up("SELECT count(*) FROM taken_messages WHERE run_id IS NULL"), ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_body_that_was_no_json_becomes_a_record_outside_the_books() {
    let scene = Scene::set();
    let _consumer = Running::start(&scene, &[]);
    let received_at = ReceivedAt::from_micros(RECEIVED_AT);
    let rejected = Carried { id: EventId::fresh(), received_at, bytes: b"{\"a\":,}", request: 0 };
    let detail = "expected a value at line 1, column 6";
    let message = Builder::parse_error(RunId::fresh(), scene.application, &request(), detail, &rejected);
    scene.publish(&message).await;
    assert_eq!(scene.rejected("parse_error", 1).await, ["{\"a\":,}"]);
    assert_eq!(scene.look_up("SELECT message FROM errors"), [detail]);
    assert_eq!(scene.look_up("SELECT replayable FROM rejected_events"), ["false"]);
    assert_eq!(scene.look_up("SELECT event_count FROM taken_messages"), ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_an_application_that_is_not_registered_are_refused_by_the_store() {
    let mut scene = Scene::set();
    let registered = event();
    let neighbour = scene.message(from_ref(&registered));
    scene.application = ApplicationId::from(12_345);
    let stranger = event();
    scene.send(from_ref(&stranger)).await;
    scene.publish(&neighbour).await;
    let _consumer = Running::start(&scene, &[]);
    assert_eq!(scene.rejected("store_refused", 1).await, [stranger.to_string()]);
    scene.stored(&[registered]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_messages_of_the_same_id_in_one_batch_are_taken_once() {
    let scene = Scene::set();
    let sent = event();
    let message = scene.message(from_ref(&sent));
    let impostor = Message::new(message.headers().clone(), scene.message(&[event()]).body().to_vec());
    scene.publish(&message).await;
    scene.publish(&impostor).await;
    let _consumer = Running::start(&scene, &[("writers", "1")]);
    scene.stored(&[sent]).await;
    scene.settled().await;
    let id: MessageId = message.headers().message_id.expect("an id");
    assert_eq!(scene.look_up("SELECT message_id FROM taken_messages"), [id.to_string()]);
}
