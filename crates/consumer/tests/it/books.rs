//! What consumers take is booked, once an event whatever happens.

use broker::envelope::{Builder, Confirmed, Source, Version};
use broker::{Headers, Message, Queue};
use event::{Hour, Judgement, MessageId, ReceivedAt, Rules, RunId, Submitted};
use serde_json::json;
use store::books::HourRange;
use store::intake::{Contents, Message as Written, Writer};
use uuid::Uuid;

use crate::running::{After, Running};
use crate::scene::{RECEIVED_AT, Scene, events, until};

impl Scene {
    /// Waits until so many events are taken, and gives what is booked: stored, duplicate and rejected.
    async fn booked(&self, taken: i64) -> [i64; 3] {
        let store = self.store();
        let compare = || store.compare_books(HourRange::default(), |_| ()).unwrap();
        until(&format!("{taken} events are taken"), || compare().taken >= taken).await;
        let compared = compare();
        assert_eq!((compared.taken, compared.differences), (taken, Vec::new()));
        [compared.stored, compared.duplicate, compared.rejected]
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_are_isolated_are_booked_once() {
    let scene = Scene::set();
    let mut sent = events(10);
    sent[3]["data"] = json!({ "kind": "poison" });
    sent[7]["name"] = json!(null);
    scene.send(&sent).await;
    let consumer = Running::start_with(
        &scene,
        &[],
        After(|submitted: &Submitted<'_>| {
            assert!(
                !submitted.bytes.windows(6).any(|window| window == b"poison"),
                "this is part of the test"
            );
        }),
    );
    assert_eq!(scene.booked(10).await, [8, 0, 2]);
    consumer.stop().await;
    scene.settled().await;
    assert_eq!(scene.booked(10).await, [8, 0, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_was_begun_event_by_event_is_ended_so() {
    let scene = Scene::set();
    let sent = events(3);
    let message = scene.message(&sent);
    scene.publish(&message).await;
    let (subscription, delivery) = scene.take_one(Queue::Events).await;
    delivery.dead_letter().await;
    subscription.close().await;
    // As a consumer leaves it that ended after the first event.
    let id = message.headers().message_id.unwrap();
    let part = MessageId::from(Uuid::new_v5(id.as_uuid(), &0_usize.to_le_bytes()));
    let bytes = sent[0].to_string();
    let submitted = Submitted {
        application: scene.application,
        id: event::EventId::parse(sent[0]["id"].as_str().unwrap()).unwrap(),
        received_at: ReceivedAt::from_micros(RECEIVED_AT),
        bytes: bytes.as_bytes(),
    };
    let judged: Vec<Judgement<'_>> = vec![event::judge(&submitted, &Rules::default())];
    let alone = Written {
        id: part,
        run: message.headers().run,
        application: Some(scene.application),
        event_count: 1,
        replay: false,
        contents: Contents::Events(judged),
    };
    tokio::task::block_in_place(|| Writer::new(scene.store()).write(&[alone])).unwrap();
    let consumer = Running::start(&scene, &[]);
    scene.stored(&sent).await;
    consumer.stop().await;
    scene.settled().await;
    assert_eq!(scene.booked(3).await, [3, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_can_not_be_read_is_booked_as_its_headers_tell() {
    let scene = Scene::set();
    let message = scene.message(&events(4));
    let headers = Headers { ..message.headers().clone() };
    scene.publish(&Message::new(headers, b"no envelope".to_vec())).await;
    let consumer = Running::start(&scene, &[]);
    assert_eq!(scene.booked(4).await, [0, 0, 4]);
    consumer.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_gateways_tell_to_be_confirmed_is_booked() {
    let scene = Scene::set();
    let consumer = Running::start(&scene, &[]);
    for version in [Version::V1, Version::V2] {
        let run = RunId::fresh();
        for events in [3, 5, 4] {
            let hour = Hour::from_number(RECEIVED_AT / 3_600_000_000);
            let confirmed = Confirmed { application: scene.application, hour, events };
            let source = Source { run, gateway: "gateway-1".into(), version };
            scene.publish(&Builder::confirmed(source, &[confirmed]).unwrap()).await;
        }
        let store = scene.store();
        let told = || store.runs(HourRange::default()).unwrap().differing;
        until("what was confirmed is booked", || {
            told().iter().any(|booked| booked.run == run && booked.confirmed == 5)
        })
        .await;
    }
    consumer.stop().await;
    scene.settled().await;
    assert_eq!(scene.look_up("SELECT count(*) FROM rejected_events"), ["0"]);
}
