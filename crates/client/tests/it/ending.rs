//! How a client ends: nothing is dropped in silence.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use client::{Client, Reason, Settings, WhyNot};
use tokio::runtime::Runtime;

use crate::gateway::{Gateway, Reply};
use crate::{GivenBack, PATIENCE, client, event, submit, until};

#[tokio::test]
async fn a_shutdown_sends_what_is_left() {
    let gateway = Gateway::replying([Reply::Status(503, "", ""), Reply::Accept]);
    let (client, given_back) = client(&gateway, |_| {});
    submit(&client, 30).await;
    let counts = client.shutdown(PATIENCE).await;
    assert_eq!((counts.accepted, counts.buffered_events, given_back.all().len()), (30, 0, 0));
    let refused = client.submit(event(1)).await.expect_err("it is shut down");
    assert_eq!(refused.why, WhyNot::Closed);
    assert_eq!(client.shutdown(PATIENCE).await, counts, "a second time nothing is left to do");
}

#[tokio::test]
async fn a_shutdown_gives_back_what_it_could_not_send_in_time() {
    let gateway = Gateway::replying([Reply::AcceptWhenOpened]);
    let (client, given_back) = client(&gateway, |settings| settings.batch_events_max = 10);
    let ids = submit(&client, 55).await;
    until("two requests are under way", || gateway.requests().len() == 2).await;
    let begun = Instant::now();
    let counts = client.shutdown(Duration::from_millis(100)).await;
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!((counts.accepted, counts.undelivered, counts.buffered_events), (0, 55, 0));
    assert!(given_back.reasons().iter().all(|reason| *reason == Reason::Stopped));
    assert_eq!(given_back.ids().into_iter().collect::<HashSet<_>>(), ids.into_iter().collect());
    assert_eq!(given_back.all().len(), 55, "each once");
}

#[tokio::test]
async fn a_shutdown_ends_the_waiting_for_room() {
    let gateway = Gateway::replying([Reply::AcceptWhenOpened]);
    let (client, given_back) = client(&gateway, |settings| settings.buffered_events_max = 1);
    submit(&client, 1).await;
    let blocked = tokio::spawn({
        let client = client.clone();
        async move { client.submit(event(2)).await }
    });
    until("what waits is sent", || gateway.requests().len() == 1).await;
    client.shutdown(Duration::ZERO).await;
    let refused = blocked.await.expect("no panic").expect_err("closed");
    assert_eq!((refused.why, given_back.all().len()), (WhyNot::Closed, 1));
}

#[tokio::test]
async fn when_the_last_client_is_dropped_what_it_has_is_still_sent() {
    let gateway = Gateway::replying([Reply::Status(503, "", ""), Reply::Accept]);
    let (client, given_back) = client(&gateway, |_| {});
    let another = client.clone();
    let ids = submit(&client, 5).await;
    drop(client);
    another.submit(event(6)).await.expect("a client is left");
    drop(another);
    until("it is sent again", || gateway.requests().len() == 2).await;
    let sent = gateway.requests()[1].ids();
    assert_eq!((&sent[..5], sent.len()), (&ids[..], 6));
    assert_eq!(given_back.all(), []);
}

#[test]
fn when_the_runtime_ends_everything_is_given_back() {
    let gateway = Gateway::replying([Reply::AcceptWhenOpened]);
    let runtime = Runtime::new().expect("a runtime");
    let (client, given_back, ids) = runtime.block_on(async {
        let (client, given_back) = client(&gateway, |settings| settings.batch_events_max = 10);
        let ids = submit(&client, 35).await;
        until("two requests are under way", || gateway.requests().len() == 2).await;
        (client, given_back, ids)
    });
    drop(runtime);
    assert_eq!(given_back.ids().into_iter().collect::<HashSet<_>>(), ids.into_iter().collect());
    assert!(
        given_back.all().len() == 35 && given_back.reasons().iter().all(|reason| *reason == Reason::Stopped)
    );
    // The client that is left says so, in another runtime too, rather than hoard events that nobody will send.
    let other = Runtime::new().expect("a runtime");
    let refused = other.block_on(client.submit(event(1))).expect_err("closed");
    assert_eq!(refused.why, WhyNot::Closed);
    other.block_on(client.flush());
    assert_eq!(client.statistics().undelivered, 35);
}

#[tokio::test]
async fn a_callback_that_panics_stops_nothing() {
    let gateway = Gateway::start(|request| {
        if request.body.contains("\"number\":3") { Reply::Status(400, "", "") } else { Reply::Accept }
    });
    let given_back = GivenBack::default();
    let mut settings =
        Settings::new(gateway.url(), "eye_test").on_undelivered(|_| panic!("of the application"));
    settings.requests_in_flight = 1;
    let client = Client::start(settings).expect("the client starts");
    submit(&client, 10).await;
    let counts = client.shutdown(PATIENCE).await;
    assert_eq!((counts.accepted, counts.undelivered, given_back.all().len()), (9, 1, 0));
}
