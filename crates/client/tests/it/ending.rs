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
    assert!(given_back.reasons().iter().all(|reason| *reason == Reason::Stopped(None)));
    assert_eq!(given_back.ids().into_iter().collect::<HashSet<_>>(), ids.into_iter().collect());
    assert_eq!(given_back.all().len(), 55, "each once");
}

#[tokio::test]
async fn who_is_stopped_in_trouble_is_told_what_the_trouble_was() {
    let gateway = Gateway::replying([Reply::Status(401, "", "the key is not known")]);
    let (client, given_back) = client(&gateway, |settings| settings.batch_events_max = 1);
    submit(&client, 1).await;
    until("it is tried again", || client.statistics().retries > 0).await;
    assert_eq!(client.shutdown(Duration::ZERO).await.undelivered, 1);
    let reasons = given_back.reasons();
    assert!(
        matches!(&reasons[0], Reason::Stopped(Some(last)) if last.contains("the key is not known")),
        "{reasons:?}"
    );
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
        given_back.all().len() == 35
            && given_back.reasons().iter().all(|reason| *reason == Reason::Stopped(None))
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

/// A number that looks random but is the same in every run.
fn scrambled(number: u64) -> u64 {
    (number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_event_ends_in_exactly_one_place_whatever_the_gateway_does() {
    for round in 0..30_u64 {
        let gateway =
            Gateway::start(move |request| match scrambled(round * 1_000 + request.number as u64) % 8 {
                0 => Reply::Status(503, "Retry-After: 0\r\n", ""),
                1 => Reply::HangUp,
                2 => Reply::Status(401, "", ""),
                _ if request.body.contains("\"number\":13}") => Reply::Status(400, "", ""),
                _ => Reply::Accept,
            });
        let (client, given_back) = client(&gateway, |settings| {
            settings.batch_events_max = 1 + usize::try_from(scrambled(round) % 20).expect("small");
            settings.requests_in_flight = 1 + usize::try_from(round % 4).expect("small");
            settings.buffered_events_max = 40;
            settings.give_up_after = Duration::from_millis(scrambled(round) % 100);
            settings.retry_pause_max = Duration::from_millis(5);
        });
        let submitters = (0..3).map(|_| {
            let client = client.clone();
            tokio::spawn(async move { submit(&client, 50).await })
        });
        let mut submitted = Vec::new();
        for submitter in submitters.collect::<Vec<_>>() {
            submitted.extend(submitter.await.expect("no panic"));
        }
        let within = Duration::from_millis(scrambled(round) % 30);
        let counts = client.shutdown(within).await;
        let back = given_back.ids();
        assert_eq!(
            (counts.submitted, counts.buffered_events, counts.buffered_bytes),
            (150, 0, 0),
            "round {round}"
        );
        assert_eq!(counts.accepted + counts.undelivered, 150, "round {round}: {counts:?}");
        assert_eq!(
            back.iter().collect::<HashSet<_>>().len() as u64,
            counts.undelivered,
            "round {round}: each once"
        );
        let sent: HashSet<_> = gateway.requests().iter().flat_map(|request| request.ids()).collect();
        for id in submitted.iter().filter(|id| !back.contains(id)) {
            assert!(sent.contains(id), "round {round}: {id} is neither sent nor given back");
        }
    }
}
