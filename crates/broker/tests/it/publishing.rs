//! Publishing to a broker that is well.

use std::collections::HashSet;
use std::time::Duration;

use broker::envelope::{Envelope, Version};
use broker::{Headers, Kind, LinkState, Message, PublishError, Publisher, Queue, Subscription};
use event::{ApplicationId, ReceivedAt};
use futures_util::future::join_all;
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use tokio::time::Instant;

use crate::node::{
    MESSAGES_IN_FLIGHT_MAX, bare_channel, delete_queue, id_of, message, message_of, next, publish,
    publish_at_last, purge_queue, settings, settings_for, shared, soon, subscribe, take_all, until,
};

#[tokio::test]
async fn a_confirmed_message_arrives_with_its_headers_and_bytes() {
    let settings = settings(&shared().amqp_url());
    let publisher = Publisher::start(&settings);
    // Several frames long, and no text.
    let bytes: Vec<u8> = (0..300_000_u32).map(|number| u8::try_from(number % 256).unwrap()).collect();
    let message = message_of(&bytes);
    let (headers, body) = (message.headers().clone(), message.body().to_vec());
    assert_eq!(publish(&publisher, message).await, Ok(()));

    let mut subscription = subscribe(&settings, Queue::Events, 1).await;
    let delivery = next(&mut subscription).await;
    assert_eq!(*delivery.headers(), headers);
    assert_eq!(
        (headers.kind, headers.version, headers.event_count),
        (Some(Kind::Events), Some(Version::NEWEST.number()), Some(1))
    );
    assert_eq!(headers.application, Some(ApplicationId::from(7)));
    assert_eq!(headers.received_at, Some(ReceivedAt::from_micros(1_790_000_000_000_000)));
    assert_eq!(delivery.body(), body);
    assert!(Envelope::read(delivery.body()).is_ok());
    assert_eq!((delivery.redelivered(), delivery.delivery_count()), (false, 0));
    delivery.ack().await.unwrap();
}

#[tokio::test]
async fn a_message_of_another_program_arrives_without_headers() {
    let settings = settings(&shared().amqp_url());
    let publisher = Publisher::start(&settings);
    let mut subscription = subscribe(&settings, Queue::Events, 1).await;
    for body in [b"no envelope".to_vec(), Vec::new()] {
        assert_eq!(publish(&publisher, Message::new(Headers::default(), body.clone())).await, Ok(()));
        let delivery = next(&mut subscription).await;
        assert_eq!((delivery.headers(), delivery.body()), (&Headers::default(), body.as_slice()));
        delivery.ack().await.unwrap();
    }
}

#[tokio::test]
async fn a_message_for_a_deleted_queue_is_never_ok_and_the_queue_comes_back() {
    let url = shared().amqp_url();
    let settings = settings_for(&url, "eye.test-deleted");
    let publisher = Publisher::start(&settings);
    publish_at_last(&publisher).await;
    delete_queue(&url, "eye.test-deleted").await;

    // All in one burst: the broker's return comes with another message's confirm.
    let burst = join_all((0..MESSAGES_IN_FLIGHT_MAX).map(|_| publish(&publisher, message()))).await;
    assert!(burst.iter().all(|result| *result == Err(PublishError::Unroutable)), "{burst:?}");

    let id = publish_at_last(&publisher).await;
    assert_eq!(take_all(&settings).await, [id]);
}

/// While some messages are confirmed and some returned, lapin hands returns to the wrong confirms.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_loses_its_binding_again_and_again_has_every_message_that_was_ok() {
    let url = shared().amqp_url();
    let settings = settings_for(&url, "eye.test-unbound");
    let publisher = Publisher::start(&settings);
    publish_at_last(&publisher).await;
    let (_connection, channel) = bare_channel(&url).await;
    let mut confirmed = HashSet::new();
    let mut returned = 0;
    for _ in 0..10 {
        let unbinding = async {
            // In the middle of the burst.
            tokio::task::yield_now().await;
            let name = || "eye.test-unbound".into();
            channel.queue_unbind(name(), name(), name(), FieldTable::default()).await.unwrap();
        };
        let burst = (0..MESSAGES_IN_FLIGHT_MAX * 4).map(async |_| {
            let message = message();
            (id_of(&message), publish(&publisher, message).await)
        });
        let (results, ()) = tokio::join!(join_all(burst), unbinding);
        for (id, result) in results {
            match result {
                Ok(()) => drop(confirmed.insert(id)),
                Err(PublishError::Unroutable) => returned += 1,
                // A link that is lost again and again is built anew more and more slowly.
                Err(error) => assert_eq!(error, PublishError::Away),
            }
        }
    }
    let taken: HashSet<_> = take_all(&settings).await.into_iter().collect();
    let lost: Vec<_> = confirmed.difference(&taken).collect();
    assert!(lost.is_empty(), "{} of {} that were ok are lost: {lost:?}", lost.len(), confirmed.len());
    assert!(returned > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_refuses_and_takes_again_when_there_is_room() {
    let url = shared().amqp_url();
    let policy = ["set_policy", "full", "^eye\\.test-full$", r#"{"max-length":1}"#, "--priority", "10"];
    shared().control(&policy).unwrap();
    let publisher = Publisher::start(&settings_for(&url, "eye.test-full"));
    let filling = async { while publish(&publisher, message()).await != Err(PublishError::Refused) {} };
    soon("the queue is full", filling).await;
    assert_eq!(publisher.state(), LinkState::Up);

    purge_queue(&url, "eye.test-full").await;
    publish_at_last(&publisher).await;
}

#[tokio::test]
async fn callers_who_leave_leave_nothing_behind() {
    let settings = settings(&shared().amqp_url());
    let publisher = Publisher::start(&settings);
    publish_at_last(&publisher).await;
    for _ in 0..100 {
        let leaving = (0..MESSAGES_IN_FLIGHT_MAX * 2).map(|_| {
            let publisher = publisher.clone();
            tokio::time::timeout(
                Duration::from_micros(50),
                async move { publish(&publisher, message()).await },
            )
        });
        join_all(leaving).await;
    }
    // Every place in flight has come back.
    let results = join_all((0..MESSAGES_IN_FLIGHT_MAX * 4).map(|_| publish(&publisher, message()))).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
}

#[tokio::test]
async fn a_publisher_that_is_closed_waits_for_what_is_in_flight() {
    let settings = settings(&shared().amqp_url());
    let publisher = Publisher::start(&settings);
    publish_at_last(&publisher).await;
    let messages: Vec<_> = (0..MESSAGES_IN_FLIGHT_MAX).map(|_| message()).collect();
    let mut sent: Vec<_> = messages.iter().map(id_of).collect();
    let publishing = messages.into_iter().map(|message| publish(&publisher, message));
    let closing = async {
        // After the messages were handed over, in the same task.
        publisher.clone().close().await;
    };
    let (results, ()) = tokio::join!(join_all(publishing), closing);
    assert!(results.iter().all(Result::is_ok), "{results:?}");

    assert_eq!(publish(&publisher, message()).await, Err(PublishError::Away));
    let taken = take_all(&settings).await;
    sent.retain(|id| !taken.contains(id));
    assert!(sent.is_empty(), "confirmed and not there: {sent:?}");
}

#[tokio::test]
async fn addresses_are_tried_in_turn() {
    let dead = stack::ports::free().unwrap();
    let url = format!("amqp://127.0.0.1:{dead}/%2f,{}", shared().amqp_url());
    let settings = settings(&url);
    let publisher = Publisher::start(&settings);
    publish_at_last(&publisher).await;
    assert_eq!(broker::depth(&settings, Queue::Events).await, Ok(1));
}

#[tokio::test]
async fn what_only_a_person_can_mend_is_permanent_and_says_what_to_do() {
    let url = shared().amqp_url();
    let (_connection, channel) = bare_channel(&url).await;
    let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel.queue_declare("eye.test-classic".into(), durable, FieldTable::default()).await.unwrap();
    let (before, host) = url.split_once('@').unwrap();
    let stranger = format!("amqp://stranger:secret-word@{host}");
    let nowhere = format!("{before}@{}/nowhere", host.split('/').next().unwrap());

    let cases = [
        (settings_for(&url, "eye.test-classic"), "drain and delete it"),
        (settings(&stranger), "user, password"),
        (settings(&nowhere), "virtual host"),
    ];
    for (settings, advice) in cases {
        let error = Subscription::open(&settings, Queue::Events, 1).await.err().unwrap();
        assert!(error.is_permanent() && error.to_string().contains(advice), "{error}");
        assert!(!error.to_string().contains("secret-word"), "{error}");

        let publisher = Publisher::start(&settings);
        let told = || async {
            matches!(publisher.state(), LinkState::Away { reason, .. } if reason.contains(advice))
        };
        until("the publisher's state tells the reason", told).await;
        assert_eq!(publish(&publisher, message()).await, Err(PublishError::Away));
    }
}

#[tokio::test]
async fn a_deadline_that_has_passed_publishes_nothing() {
    let settings = settings(&shared().amqp_url());
    let publisher = Publisher::start(&settings);
    let id = publish_at_last(&publisher).await;
    assert_eq!(publisher.publish(message(), Instant::now()).await, Err(PublishError::TimedOut));
    assert_eq!(take_all(&settings).await, [id]);
}
