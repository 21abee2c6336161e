//! Brokers that die, freeze, are late, or have no memory left.

use std::time::Duration;

use broker::{LinkState, PublishError, Publisher, Queue};
use stack::RabbitMq;
use tokio::io::AsyncReadExt;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::node::{
    Node, message, next, publish, publish_at_last, publish_on, settings, settings_for, settings_json, shared,
    soon, subscribe, take_all,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_confirmed_before_and_after_a_crash_is_in_the_queue() {
    let mut node = Node::start();
    let settings = settings(&node.rabbitmq.amqp_url());
    let publisher = Publisher::start(&settings);
    publish_at_last(&publisher).await;
    let (stop, stopped) = watch::channel(false);
    let mut publishing: JoinSet<_> =
        (0..16).map(|_| publish_on(publisher.clone(), stopped.clone())).collect();
    // RabbitMQ notes a new quorum queue in the directory of its logs only after half a second: a crash before that
    // leaves a queue without a leader.
    let created = Instant::now();
    while created.elapsed() < Duration::from_millis(1500) {
        publish_at_last(&publisher).await;
    }

    let mut subscription = subscribe(&settings, Queue::Dead, 1).await;
    let mut state = publisher.watch();
    node.rabbitmq.kill();
    soon("away", state.wait_for(|state| matches!(state, LinkState::Away { .. }))).await.unwrap();
    assert!(soon("the end", subscription.next()).await.is_none());
    let node = node.beside(|rabbitmq| rabbitmq.restart().unwrap()).await;
    soon("up again", state.wait_for(|state| *state == LinkState::Up)).await.unwrap();
    for _ in 0..20 {
        publish_at_last(&publisher).await;
    }
    stop.send_replace(true);

    let mut confirmed = Vec::new();
    while let Some(ids) = publishing.join_next().await {
        confirmed.extend(ids.unwrap());
    }
    let taken = take_all(&settings).await;
    let lost: Vec<_> = confirmed.iter().filter(|id| !taken.contains(id)).collect();
    assert!(!confirmed.is_empty() && lost.is_empty(), "{} of {} lost: {lost:?}", lost.len(), confirmed.len());
    drop(node);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_stops_ends_its_subscriptions_and_is_found_when_it_comes_later() {
    let node = Node::start();
    let settings = settings(&node.rabbitmq.amqp_url());
    let id = publish_at_last(&Publisher::start(&settings)).await;
    let mut subscription = subscribe(&settings, Queue::Events, 1).await;
    let held = next(&mut subscription).await;
    let node = node.beside(RabbitMq::stop).await;
    assert!(soon("the end", subscription.next()).await.is_none());
    assert!(!subscription.ended().unwrap().is_permanent());
    assert!(soon("the answer to a late ack", held.ack()).await.is_err());

    let publisher = Publisher::start(&settings);
    assert_eq!(publish(&publisher, message()).await, Err(PublishError::Away));
    assert!(broker::depth(&settings, Queue::Events).await.is_err_and(|error| !error.is_permanent()));
    let _node = node.beside(|rabbitmq| rabbitmq.restart().unwrap()).await;
    let mut state = publisher.watch();
    let up = timeout(Duration::from_secs(5), state.wait_for(|state| *state == LinkState::Up)).await;
    assert!(up.is_ok(), "not up within 5 s: {:?}", publisher.state());
    let later = publish_at_last(&publisher).await;
    assert_eq!(take_all(&settings).await, [id, later]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_that_is_held_too_long_ends_its_subscription_and_is_delivered_again() {
    let node = Node::start();
    let soon_too_long = "application:set_env(rabbit, consumer_timeout, 500), \
                         application:set_env(rabbit, channel_tick_interval, 500).";
    node.rabbitmq.control(&["eval", soon_too_long]).unwrap();
    let settings = settings(&node.rabbitmq.amqp_url());
    let id = publish_at_last(&Publisher::start(&settings)).await;
    let mut subscription = subscribe(&settings, Queue::Events, 1).await;
    let held = next(&mut subscription).await;
    assert!(soon("the end", subscription.next()).await.is_none());
    let ended = subscription.ended().unwrap();
    assert!(!ended.is_permanent() && ended.to_string().contains("timed out"), "{ended}");
    assert!(held.ack().await.is_err());
    assert_eq!(take_all(&settings).await, [id]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alarm_blocks_publishers_at_once_and_consumers_not_at_all() {
    let node = Node::start();
    let settings = settings(&node.rabbitmq.amqp_url());
    let publisher = Publisher::start(&settings);
    let sent = publish_at_last(&publisher).await;
    let set_memory = |share: &str| node.rabbitmq.control(&["set_vm_memory_high_watermark", share]).unwrap();

    set_memory("0.0000001");
    // The broker tells of the alarm when it is next published to. Late deadlines: whoever had to wait would time out.
    let refused = async { while publish(&publisher, message()).await != Err(PublishError::Blocked) {} };
    soon("blocked", refused).await;
    assert_eq!(publisher.state(), LinkState::Blocked);
    assert_eq!(publish(&publisher, message()).await, Err(PublishError::Blocked));
    let mut subscription = subscribe(&settings, Queue::Events, 1).await;
    let delivery = next(&mut subscription).await;
    assert_eq!(delivery.headers().message_id, Some(sent));
    delivery.ack().await.unwrap();

    set_memory("0.6");
    let mut state = publisher.watch();
    soon("up again", state.wait_for(|state| *state == LinkState::Up)).await.unwrap();
    assert_eq!(publish(&publisher, message()).await, Ok(()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_link_times_out_is_noticed_and_replaced() {
    let node = Node::start();
    let settings = settings(&node.rabbitmq.amqp_url());
    let publisher = Publisher::start(&settings);
    publish_at_last(&publisher).await;
    let mut subscription = subscribe(&settings, Queue::Dead, 1).await;
    let mut state = publisher.watch();

    node.rabbitmq.freeze();
    let frozen = Instant::now();
    let deadline = frozen + Duration::from_secs(1);
    assert_eq!(publisher.publish(message(), deadline).await, Err(PublishError::TimedOut));
    let away = state.wait_for(|state| matches!(state, LinkState::Away { .. }));
    assert!(timeout(Duration::from_secs(20), away).await.is_ok(), "silent link not noticed within 20 s");
    let ended = timeout(Duration::from_secs(20), subscription.next()).await;
    assert!(ended.is_ok_and(|delivery| delivery.is_none()), "silent link not noticed within 20 s");

    node.rabbitmq.thaw();
    publish_at_last(&publisher).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_confirms_nothing_any_more_makes_the_link_go() {
    let settings = settings_for(&shared().amqp_url(), "eye.test-leaderless");
    let publisher = Publisher::start(&settings);
    publish_at_last(&publisher).await;
    let of_leader = |verb: &str| {
        shared().control(&["eval", &format!("sys:{verb}(whereis('%2F_eye.test-leaderless')).")]).unwrap();
    };
    let mut state = publisher.watch();
    of_leader("suspend");
    let deadline = Instant::now() + Duration::from_millis(500);
    assert_eq!(publisher.publish(message(), deadline).await, Err(PublishError::TimedOut));
    let told = |state: &LinkState| matches!(state, LinkState::Away { reason, .. } if reason.contains("confirms are missing"));
    assert!(timeout(Duration::from_secs(20), state.wait_for(told)).await.is_ok(), "{:?}", publisher.state());
    of_leader("resume");
    publish_at_last(&publisher).await;
}

#[tokio::test]
async fn a_peer_that_never_answers_is_hung_up_on() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = settings_json(&format!("amqp://{}", silent.local_addr().unwrap()), "eye.events");
    settings["connect_timeout_ms"] = 200.into();
    let publisher = Publisher::start(&serde_json::from_value(settings).unwrap());
    for _ in 0..3 {
        let (mut peer, _) = soon("an attempt to connect", silent.accept()).await.unwrap();
        // It says what it wants to speak, and then leaves: nothing of the attempt stays behind.
        let mut said = Vec::new();
        soon("the end of the attempt", peer.read_to_end(&mut said)).await.unwrap();
        assert_eq!(said, b"AMQP\x00\x00\x09\x01");
    }
    publisher.close().await;
}
