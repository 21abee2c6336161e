//! Ids and receive times, and how requests become messages.

use serde_json::json;
use uuid::Uuid;

use crate::gateway::Gateway;
use crate::queue::{Event, Message};

#[tokio::test(flavor = "multi_thread")]
async fn received_at_strictly_increases_in_batch_order_and_over_requests() {
    let gateway = Gateway::start().await;
    let mut sent: Vec<Uuid> = Vec::new();
    for _ in 0..20 {
        sent.extend(gateway.submit(&json!(vec![json!({}); 50])).await);
    }
    let mut events = gateway.around.queue.events(1_000).await;
    events.sort_by_key(|event| event.received_at);
    assert!(events.windows(2).all(|pair| pair[0].received_at < pair[1].received_at));
    assert_eq!(events.iter().map(|event| event.id).collect::<Vec<_>>(), sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_at_the_same_time_share_no_microsecond() {
    let gateway = Gateway::start().await;
    let batch = json!(vec![json!({}); 20]);
    let sending: Vec<_> = (0..100).map(|_| gateway.submit(&batch)).collect();
    let answers = futures_util::future::join_all(sending).await;
    let mut events = gateway.around.queue.events(2_000).await;
    events.sort_by_key(|event| event.received_at);
    assert!(events.windows(2).all(|pair| pair[0].received_at < pair[1].received_at));
    // Each request's events follow one another, in its order.
    let position = |id: &Uuid| events.iter().position(|event| event.id == *id).unwrap();
    for ids in answers {
        let first = position(&ids[0]);
        assert_eq!(events[first..first + 20].iter().map(|event| event.id).collect::<Vec<_>>(), ids);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_wait_leave_together_each_with_its_own_context() {
    let gateway = Gateway::start_with(&[("GATEWAY__APPLICATION_MESSAGES_IN_FLIGHT_MAX", "1")]).await;
    let one = json!({});
    let sending: Vec<_> = (0..200).map(|_| gateway.submit(&one)).collect();
    futures_util::future::join_all(sending).await;
    let messages = gateway.around.queue.take(200).await;
    assert!(messages.len() < 150, "{} messages for 200 requests", messages.len());
    for message in messages {
        let requests: Vec<usize> = message.events.iter().map(|event| event.request).collect();
        assert_eq!(requests, (0..message.requests.len()).collect::<Vec<_>>());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_request_becomes_several_messages_and_one_answer() {
    let gateway = Gateway::start().await;
    let filler = "x".repeat(200_000);
    let ids = gateway.submit(&json!(vec![json!({ "data": { "x": filler } }); 20])).await;
    let messages = gateway.around.queue.take(20).await;
    assert_eq!(messages.len(), 4, "five events of 200 kB go into 1 MiB");
    assert_in_order(&messages, &ids);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_larger_than_a_message_goes_alone() {
    let gateway = Gateway::start().await;
    let filler = "x".repeat(1_500_000);
    let batch = json!([{}, {}, { "data": { "x": filler } }, { "data": { "x": filler } }, {}]);
    let ids = gateway.submit(&batch).await;
    let messages = gateway.around.queue.take(5).await;
    let mut sizes: Vec<usize> = messages.iter().map(|message| message.events.len()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [1, 1, 1, 2]);
    assert_in_order(&messages, &ids);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_holds_no_more_events_than_a_request_may_have() {
    let gateway = Gateway::start_with(&[("GATEWAY__APPLICATION_MESSAGES_IN_FLIGHT_MAX", "1")]).await;
    let batch = json!(vec![json!({}); 5_000]);
    let sending: Vec<_> = (0..4).map(|_| gateway.submit(&batch)).collect();
    futures_util::future::join_all(sending).await;
    for message in gateway.around.queue.take(20_000).await {
        assert!(message.events.len() <= 5_000, "{}", message.events.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_hold_events_of_one_application_only() {
    let gateway = Gateway::start_with(&[("GATEWAY__APPLICATION_MESSAGES_IN_FLIGHT_MAX", "1")]).await;
    gateway.around.store.create_application("blog").unwrap();
    let blog = gateway.around.key_of("blog", service::keys::Scope::Write);
    let post = |body: &'static str, other: bool| {
        let request = if other { gateway.request_by(&blog) } else { gateway.request() };
        request.header("content-type", "application/json").body(body).send()
    };
    let sending: Vec<_> =
        (0..100).map(|n| post(if n % 2 == 0 { "{\"a\":0}" } else { "{\"a\":1}" }, n % 2 == 1)).collect();
    for answer in futures_util::future::join_all(sending).await {
        assert_eq!(answer.unwrap().status(), 202);
    }
    for message in gateway.around.queue.take(100).await {
        assert!(message.events.windows(2).all(|pair| pair[0].bytes == pair[1].bytes));
        assert_eq!(message.headers.event_count, u32::try_from(message.events.len()).ok());
    }
}

/// Within each message the events stand in the order of their request, and together they are all of it.
fn assert_in_order(messages: &[Message], ids: &[Uuid]) {
    let mut events: Vec<Event> = Vec::new();
    for message in messages {
        assert!(message.events.windows(2).all(|pair| pair[0].received_at < pair[1].received_at));
        events.extend(message.events.iter().cloned());
    }
    events.sort_by_key(|event| event.received_at);
    assert_eq!(events.iter().map(|event| event.id).collect::<Vec<_>>(), ids);
}
