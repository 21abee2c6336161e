//! What goes out together, and when.

use std::time::{Duration, Instant};

use client::RawEvent;

use crate::gateway::{Gateway, Reply};
use crate::{NEVER, client, event, submit, until};

#[tokio::test]
async fn a_batch_of_enough_events_is_sent_at_once_and_the_rest_waits() {
    let gateway = Gateway::replying([Reply::Accept]);
    let (client, _) = client(&gateway, |settings| {
        settings.batch_events_max = 10;
        settings.requests_in_flight = 1;
    });
    let ids = submit(&client, 25).await;
    until("20 events are accepted", || client.statistics().accepted == 20).await;
    assert_eq!((gateway.requests().len(), client.statistics().buffered_events), (2, 5));
    client.flush().await;
    let requests = gateway.requests();
    assert_eq!(requests.iter().map(|request| request.ids().len()).collect::<Vec<_>>(), [10, 10, 5]);
    let sent: Vec<_> = requests.iter().flat_map(|request| request.ids()).collect();
    assert_eq!(sent, ids, "one request in flight keeps the order");
    let first = &requests[0];
    assert_eq!(first.header("authorization"), Some("Bearer eye_test"));
    assert_eq!(first.header("content-type"), Some("application/x-ndjson"));
}

#[tokio::test]
async fn a_batch_of_enough_bytes_is_sent_at_once_and_never_has_more() {
    let gateway = Gateway::replying([Reply::Accept]);
    let (client, _) = client(&gateway, |settings| {
        settings.batch_bytes_max = 1_000;
        settings.requests_in_flight = 1;
        settings.gzip_from_bytes = None;
    });
    submit(&client, 50).await;
    client.flush().await;
    let requests = gateway.requests();
    assert!(requests.iter().all(|request| request.bytes_sent <= 1_000), "{requests:?}");
    assert!(requests.len() < 15, "{} requests", requests.len());
    // One event that is larger goes alone.
    let large =
        RawEvent::from_line(format!("{{\"data\":{{\"number\":1,\"text\":\"{}\"}}}}", "x".repeat(2_000)));
    client.submit(event(2)).await.expect("taken");
    client.submit(large.expect("a line")).await.expect("taken");
    client.flush().await;
    let last = gateway.requests().pop().expect("a request");
    assert_eq!((last.numbers(), last.bytes_sent > 2_000), (vec![1], true));
}

#[tokio::test]
async fn an_event_waits_for_others_no_longer_than_the_flush_interval() {
    let gateway = Gateway::replying([Reply::Accept]);
    let interval = Duration::from_millis(200);
    let (client, _) = client(&gateway, |settings| settings.flush_interval = interval);
    let begun = Instant::now();
    submit(&client, 3).await;
    until("it is accepted", || client.statistics().accepted == 3).await;
    let requests = gateway.requests();
    assert_eq!(requests.len(), 1);
    assert!(requests[0].at - begun >= interval, "after {:?}", requests[0].at - begun);
}

#[tokio::test]
async fn a_flush_resolves_when_all_that_was_submitted_before_is_settled() {
    let gateway = Gateway::replying([Reply::AcceptWhenOpened]);
    let (client, _) = client(&gateway, |settings| settings.flush_interval = NEVER);
    client.flush().await;
    submit(&client, 3).await;
    let flush = tokio::spawn({
        let client = client.clone();
        async move { client.flush().await }
    });
    until("the request has come", || gateway.requests().len() == 1).await;
    assert!(!flush.is_finished());
    // What is submitted later is not waited for.
    submit(&client, 1).await;
    gateway.open();
    flush.await.expect("no panic");
    let counts = client.statistics();
    assert_eq!((counts.accepted, counts.buffered_events), (3, 1));
}

#[tokio::test]
async fn so_many_requests_are_under_way_together_as_set() {
    let gateway = Gateway::replying([Reply::AcceptWhenOpened]);
    let (client, _) = client(&gateway, |settings| {
        settings.batch_events_max = 1;
        settings.requests_in_flight = 3;
    });
    submit(&client, 5).await;
    until("three requests have come", || gateway.requests().len() == 3).await;
    assert_eq!(client.statistics().requests, 3);
    gateway.open();
    client.flush().await;
    assert_eq!((client.statistics().accepted, gateway.requests().len()), (5, 5));
}

#[tokio::test]
async fn large_bodies_are_packed_and_small_ones_are_not() {
    let gateway = Gateway::replying([Reply::Accept]);
    let (client, _) = client(&gateway, |settings| settings.gzip_from_bytes = Some(1_000));
    submit(&client, 1).await;
    client.flush().await;
    submit(&client, 100).await;
    client.flush().await;
    let requests = gateway.requests();
    let encodings: Vec<_> = requests.iter().map(|request| request.header("content-encoding")).collect();
    assert_eq!(encodings, [None, Some("gzip")]);
    let packed = &requests[1];
    assert_eq!(packed.numbers(), (0..100).collect::<Vec<_>>());
    assert!(packed.bytes_sent * 2 < packed.body.len(), "{} of {}", packed.bytes_sent, packed.body.len());
}
