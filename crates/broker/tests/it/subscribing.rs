//! Taking deliveries from a broker that is well, and settling them.

use std::collections::HashSet;
use std::time::Duration;

use broker::{Inspector, Publisher, Queue, QueueState, depth};
use tokio::time::timeout;

use crate::node::{
    delete_queue, message, next, publish, publish_at_last, settings, settings_for, shared, soon, subscribe,
    take_all, until,
};

/// What the policies set.
const DELIVERY_LIMIT: u32 = 20;

#[tokio::test]
async fn two_consumers_share_a_queue() {
    let settings = settings(&shared().amqp_url());
    let publisher = Publisher::start(&settings);
    let mut first = subscribe(&settings, Queue::Events, 1).await;
    let mut second = subscribe(&settings, Queue::Events, 1).await;
    let sent = HashSet::from([publish_at_last(&publisher).await, publish_at_last(&publisher).await]);

    let (one, other) = tokio::join!(next(&mut first), next(&mut second));
    let taken = HashSet::from([&one, &other].map(|delivery| delivery.headers().message_id.unwrap()));
    assert_eq!(taken, sent);
    one.ack().await.unwrap();
    other.ack().await.unwrap();
    assert_eq!(depth(&settings, Queue::Events).await, Ok(0));
}

#[tokio::test]
async fn a_delivery_that_is_given_back_counts_up_and_over_the_limit_becomes_a_dead_letter() {
    let settings = settings(&shared().amqp_url());
    let publisher = Publisher::start(&settings);
    let mut events = subscribe(&settings, Queue::Events, 1).await;
    let id = publish_at_last(&publisher).await;
    for count in 0..=DELIVERY_LIMIT {
        let delivery = next(&mut events).await;
        assert_eq!((delivery.delivery_count(), delivery.redelivered()), (count, count > 0));
        delivery.requeue().await;
    }

    let mut dead = subscribe(&settings, Queue::Dead, 1).await;
    let delivery = next(&mut dead).await;
    assert_eq!(delivery.headers().message_id, Some(id));
    delivery.ack().await.unwrap();
    for queue in [Queue::Events, Queue::Dead] {
        assert_eq!(depth(&settings, queue).await, Ok(0));
    }
}

#[tokio::test]
async fn a_dead_letter_is_never_dropped() {
    let settings = settings(&shared().amqp_url());
    let publisher = Publisher::start(&settings);
    let id = publish_at_last(&publisher).await;
    next(&mut subscribe(&settings, Queue::Events, 1).await).await.dead_letter().await;

    let mut dead = subscribe(&settings, Queue::Dead, 1).await;
    for _ in 0..=DELIVERY_LIMIT + 5 {
        let delivery = next(&mut dead).await;
        assert_eq!(delivery.headers().message_id, Some(id));
        delivery.dead_letter().await;
    }
    assert_eq!(next(&mut dead).await.headers().message_id, Some(id));
}

#[tokio::test]
async fn a_deleted_queue_ends_its_subscription() {
    let url = shared().amqp_url();
    let settings = settings_for(&url, "eye.test-cancelled");
    let mut subscription = subscribe(&settings, Queue::Events, 1).await;
    delete_queue(&url, "eye.test-cancelled").await;
    assert!(soon("the end", subscription.next()).await.is_none());
    assert!(subscription.ended().unwrap().to_string().contains("cancelled"), "{:?}", subscription.ended());
    assert!(subscription.next().await.is_none());

    let mut subscription = subscribe(&settings, Queue::Events, 1).await;
    let id = publish_at_last(&Publisher::start(&settings)).await;
    assert_eq!(next(&mut subscription).await.headers().message_id, Some(id));
}

#[tokio::test]
async fn what_was_not_settled_is_delivered_again_when_the_subscription_is_gone() {
    let settings = settings(&shared().amqp_url());
    let publisher = Publisher::start(&settings);
    let id = publish_at_last(&publisher).await;
    for leave in ["close", "drop"] {
        let mut subscription = subscribe(&settings, Queue::Events, 1).await;
        let delivery = next(&mut subscription).await;
        match leave {
            "close" => subscription.close().await,
            _ => drop(subscription),
        }
        let late = soon("the answer to a late ack", delivery.ack()).await;
        assert!(late.is_err_and(|error| !error.is_permanent()), "{leave}");
    }
    assert_eq!(take_all(&settings).await, [id]);
}

#[tokio::test]
async fn a_cancelled_subscription_still_settles_what_it_holds() {
    let settings = settings(&shared().amqp_url());
    let publisher = Publisher::start(&settings);
    let mut subscription = subscribe(&settings, Queue::Events, 2).await;
    publish(&publisher, message()).await.unwrap();
    publish(&publisher, message()).await.unwrap();
    let first = next(&mut subscription).await;
    until("both are handed over", async || depth(&settings, Queue::Events).await == Ok(0)).await;
    subscription.cancel().await.unwrap();

    // What was handed over before may still come.
    while let Some(delivery) = soon("the end", subscription.next()).await {
        delivery.ack().await.unwrap();
    }
    publish(&publisher, message()).await.unwrap();
    first.ack().await.unwrap();
    assert_eq!(depth(&settings, Queue::Events).await, Ok(1));
    subscription.close().await;
}

#[tokio::test]
async fn waiting_for_a_delivery_can_be_given_up_without_losing_one() {
    let settings = settings(&shared().amqp_url());
    let publisher = Publisher::start(&settings);
    let mut subscription = subscribe(&settings, Queue::Events, 10).await;
    let mut sent = HashSet::new();
    let mut taken = HashSet::new();
    for _ in 0..50 {
        sent.insert(publish_at_last(&publisher).await);
        while let Ok(Some(delivery)) = timeout(Duration::from_micros(100), subscription.next()).await {
            taken.insert(delivery.headers().message_id.unwrap());
            delivery.ack().await.unwrap();
        }
    }
    while taken.len() < sent.len() {
        let delivery = next(&mut subscription).await;
        taken.insert(delivery.headers().message_id.unwrap());
        delivery.ack().await.unwrap();
    }
    assert_eq!(taken, sent);
}

#[tokio::test]
async fn a_look_at_a_queue_tells_what_waits_and_who_takes() {
    let settings = settings(&shared().amqp_url());
    let mut inspector = Inspector::new(&settings);
    assert_eq!(inspector.look(Queue::Events).await, Ok(QueueState::default()));
    let publisher = Publisher::start(&settings);
    publish_at_last(&publisher).await;
    publish_at_last(&publisher).await;
    let mut subscription = subscribe(&settings, Queue::Events, 1).await;
    let _held = next(&mut subscription).await;
    let expected = QueueState { ready_messages: 1, subscriptions: 1 };
    assert_eq!(inspector.look(Queue::Events).await, Ok(expected));
    assert_eq!(inspector.look(Queue::Dead).await, Ok(QueueState::default()));
}

#[tokio::test]
async fn looks_go_on_after_a_queue_was_deleted() {
    let url = shared().amqp_url();
    let settings = settings_for(&url, "eye.test-inspected");
    let mut inspector = Inspector::new(&settings);
    inspector.look(Queue::Events).await.unwrap();
    delete_queue(&url, "eye.test-inspected").await;
    assert!(inspector.look(Queue::Events).await.is_err());
    // The next look connects anew, which declares the queue again.
    assert_eq!(inspector.look(Queue::Events).await, Ok(QueueState::default()));
}
