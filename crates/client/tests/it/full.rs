//! Memory is bounded.

use std::time::Duration;

use client::{RawEvent, WhenFull, WhyNot};

use crate::gateway::{Gateway, Reply};
use crate::{PATIENCE, client, event, submit, until};

#[tokio::test]
async fn a_full_buffer_refuses_where_that_is_set_and_gives_the_event_back() {
    let gateway = Gateway::replying([Reply::AcceptWhenOpened]);
    let (client, given_back) = client(&gateway, |settings| {
        settings.when_full = WhenFull::Refuse;
        settings.buffered_events_max = 10;
    });
    submit(&client, 10).await;
    let one_more = event(10);
    let refused = client.submit(one_more.clone()).await.expect_err("no room");
    assert_eq!((refused.event, refused.why), (one_more.clone().into(), WhyNot::Full));
    gateway.open();
    client.flush().await;
    client.submit(one_more).await.expect("room again");
    client.flush().await;
    assert_eq!((client.statistics().submitted, client.statistics().accepted), (11, 11));
    assert_eq!(given_back.all(), []);
}

#[tokio::test]
async fn a_full_buffer_that_refuses_sends_what_waits() {
    let gateway = Gateway::replying([Reply::Accept]);
    // No batch of 500 ever fills, and none becomes due by its age.
    let (client, _) = client(&gateway, |settings| {
        settings.when_full = WhenFull::Refuse;
        settings.buffered_events_max = 10;
        settings.flush_interval = Duration::MAX;
    });
    submit(&client, 10).await;
    assert_eq!(client.submit(event(10)).await.expect_err("no room").why, WhyNot::Full);
    until("what waits is sent", || client.statistics().accepted == 10).await;
    client.submit(event(11)).await.expect("room again");
}

#[tokio::test]
async fn a_full_buffer_holds_submitters_up_and_sends_what_waits() {
    let gateway = Gateway::replying([Reply::AcceptWhenOpened]);
    // No batch of 500 ever fills: only that somebody waits for room can send anything.
    let (client, _) = client(&gateway, |settings| settings.buffered_events_max = 10);
    submit(&client, 10).await;
    assert_eq!(gateway.requests().len(), 0);
    let blocked = tokio::spawn({
        let client = client.clone();
        async move { submit(&client, 90).await }
    });
    until("what waits is sent", || gateway.requests().len() == 1).await;
    assert!(!blocked.is_finished());
    assert_eq!(client.statistics().submitted, 10);
    gateway.open();
    blocked.await.expect("no panic");
    client.flush().await;
    assert_eq!(client.statistics().accepted, 100);
}

#[tokio::test]
async fn what_is_given_back_makes_room_too() {
    let gateway = Gateway::replying([Reply::Status(503, "", "")]);
    let (client, given_back) = client(&gateway, |settings| {
        settings.buffered_events_max = 5;
        settings.buffered_bytes_max = 5 * 200;
        settings.give_up_after = Duration::ZERO;
    });
    let submitted = tokio::time::timeout(PATIENCE, submit(&client, 50)).await.expect("room comes back");
    client.flush().await;
    assert_eq!(given_back.all().len(), submitted.len());
}

#[tokio::test]
async fn the_buffer_never_holds_more_than_is_set() {
    let gateway =
        Gateway::start(
            |request| {
                if request.number % 3 == 0 { Reply::Status(503, "", "") } else { Reply::Accept }
            },
        );
    let (client, _) = client(&gateway, |settings| {
        settings.batch_events_max = 7;
        settings.buffered_events_max = 50;
        settings.buffered_bytes_max = 4_000;
    });
    let submitters: Vec<_> = (0..8)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { submit(&client, 100).await })
        })
        .collect();
    until("all are accepted", || {
        let counts = client.statistics();
        assert!(counts.buffered_events <= 50 && counts.buffered_bytes <= 4_000, "{counts:?}");
        assert_eq!(
            counts.submitted,
            counts.accepted + counts.undelivered + counts.buffered_events,
            "{counts:?}"
        );
        // The last of them fill no batch, and nobody waits for room any more.
        submitters.iter().all(tokio::task::JoinHandle::is_finished)
    })
    .await;
    client.flush().await;
    assert_eq!((client.statistics().accepted, client.statistics().buffered_bytes), (800, 0));
    let mut ids: Vec<_> = Vec::new();
    for submitter in submitters {
        ids.extend(submitter.await.expect("no panic"));
    }
    let mut sent: Vec<_> = gateway
        .requests()
        .iter()
        .filter(|request| request.number % 3 != 0)
        .flat_map(|request| request.ids())
        .collect();
    ids.sort();
    sent.sort();
    assert_eq!(ids, sent);
}

#[tokio::test]
async fn a_submitter_that_stops_waiting_has_submitted_nothing() {
    let gateway = Gateway::replying([Reply::AcceptWhenOpened]);
    let (client, _) = client(&gateway, |settings| settings.buffered_events_max = 1);
    submit(&client, 1).await;
    let blocked = tokio::spawn({
        let client = client.clone();
        async move { submit(&client, 1).await }
    });
    until("what waits is sent", || gateway.requests().len() == 1).await;
    blocked.abort();
    blocked.await.expect_err("cut off");
    gateway.open();
    client.flush().await;
    submit(&client, 1).await;
    client.flush().await;
    assert_eq!(client.statistics().submitted, 2);
}

#[tokio::test]
async fn an_event_that_nothing_can_hold_is_given_back() {
    let gateway = Gateway::replying([Reply::Accept]);
    let line = |bytes| RawEvent::from_line("x".repeat(bytes)).expect("a line");
    let (roomy, _) = client(&gateway, |_| {});
    let refused = roomy.submit(line(5 * 1024 * 1024)).await.expect_err("no request holds it");
    assert_eq!(refused.why, WhyNot::TooLarge(5 * 1024 * 1024 - 1));
    roomy.submit(line(5 * 1024 * 1024 - 1)).await.expect("the largest");
    let (narrow, _) = client(&gateway, |settings| settings.buffered_bytes_max = 100);
    let refused = narrow.submit(line(100)).await.expect_err("the buffer holds less");
    assert_eq!(refused.why, WhyNot::TooLarge(99));
    narrow.submit(line(99)).await.expect("just fits");
    narrow.flush().await;
}
