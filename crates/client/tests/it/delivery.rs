//! Answers that promise nothing.

use std::time::{Duration, Instant};

use chrono::Utc;
use client::{Reason, WhenTurnedAway};

use crate::gateway::{Gateway, Reply};
use crate::{client, submit};

#[tokio::test]
async fn a_gateway_may_stand_below_a_path() {
    for (base, path) in
        [("", "/api/events"), ("/", "/api/events"), ("/eye", "/eye/api/events"), ("/eye/", "/eye/api/events")]
    {
        let gateway = Gateway::replying([Reply::Accept]);
        let (client, _) = client(&gateway, |settings| settings.url += base);
        submit(&client, 1).await;
        client.flush().await;
        assert_eq!(gateway.requests()[0].first_line, format!("POST {path} HTTP/1.1"), "{base}");
    }
}

#[tokio::test]
async fn what_promises_nothing_is_sent_again_with_the_same_bytes() {
    let gateway = Gateway::replying([
        Reply::Status(503, "", "the broker is away"),
        Reply::HangUp,
        Reply::Status(408, "", ""),
        Reply::Status(429, "", ""),
        Reply::Status(500, "", ""),
        Reply::Accept,
    ]);
    let (client, given_back) = client(&gateway, |settings| settings.requests_in_flight = 1);
    let ids = submit(&client, 3).await;
    client.flush().await;
    let requests = gateway.requests();
    // What was cut off may have been sent once more by the HTTP client itself.
    assert!(requests.len() >= 6, "{requests:?}");
    assert!(
        requests.iter().all(|request| request.ids() == ids && request.body == requests[0].body),
        "{requests:?}"
    );
    let counts = client.statistics();
    assert_eq!((counts.accepted, counts.undelivered, counts.requests - counts.retries), (3, 0, 1));
    assert_eq!(given_back.all(), []);
}

#[tokio::test]
async fn a_retry_is_never_earlier_than_the_gateway_asked_for() {
    for header in ["Retry-After: 1\r\n", "a date"] {
        let gateway = Gateway::start(move |request| {
            let date =
                (Utc::now() + Duration::from_secs(2)).format("Retry-After: %a, %d %b %Y %H:%M:%S GMT\r\n");
            // A test process leaks a few bytes.
            let date: &'static str = date.to_string().leak();
            let header = if header == "a date" { date } else { header };
            if request.number == 0 { Reply::Status(503, header, "") } else { Reply::Accept }
        });
        let (client, _) = client(&gateway, |_| {});
        submit(&client, 1).await;
        client.flush().await;
        let requests = gateway.requests();
        let pause = requests[1].at - requests[0].at;
        // A date has no fraction of a second: two seconds on may be one and a bit.
        assert!(pause >= Duration::from_secs(1), "{header}: {pause:?}");
    }
}

#[tokio::test]
async fn what_goes_on_too_long_is_given_up_and_given_back_with_the_reason() {
    let gateway = Gateway::replying([Reply::Status(503, "", "the broker is away")]);
    let (client, given_back) =
        client(&gateway, |settings| settings.give_up_after = Duration::from_millis(300));
    let begun = Instant::now();
    let ids = submit(&client, 3).await;
    client.flush().await;
    assert_eq!(given_back.ids(), ids);
    let reasons = given_back.reasons();
    assert!(
        matches!(&reasons[0], Reason::GivenUp(said) if said.contains("the broker is away")),
        "{reasons:?}"
    );
    assert!(begun.elapsed() >= Duration::from_millis(300), "after {:?}", begun.elapsed());
    assert_eq!((client.statistics().undelivered, client.statistics().buffered_events), (3, 0));
}

#[tokio::test]
async fn a_wait_that_is_longer_than_the_time_left_is_given_up_at_once() {
    let gateway = Gateway::replying([Reply::Status(503, "Retry-After: 30\r\n", "")]);
    let (client, given_back) = client(&gateway, |settings| settings.give_up_after = Duration::from_secs(20));
    submit(&client, 1).await;
    client.flush().await;
    assert_eq!((given_back.all().len(), gateway.requests().len()), (1, 1));
}

#[tokio::test]
async fn a_key_that_is_mended_in_time_loses_nothing() {
    for status in [401, 403, 404, 302, 200] {
        let gateway = Gateway::start(move |request| {
            if request.number < 3 {
                Reply::Status(status, "Location: /elsewhere\r\n", "")
            } else {
                Reply::Accept
            }
        });
        let (client, _) = client(&gateway, |_| {});
        submit(&client, 3).await;
        client.flush().await;
        assert_eq!((client.statistics().accepted, gateway.requests().len()), (3, 4), "{status}");
    }
}

#[tokio::test]
async fn a_key_that_is_refused_gives_events_back_at_once_where_that_is_set() {
    let gateway = Gateway::replying([Reply::Status(401, "", "the key is not known")]);
    let (client, given_back) =
        client(&gateway, |settings| settings.when_turned_away = WhenTurnedAway::GiveUp);
    submit(&client, 3).await;
    client.flush().await;
    let reasons = given_back.reasons();
    assert!(
        matches!(&reasons[..], [Reason::TurnedAway(said), _, _] if said.contains("the key is not known")),
        "{reasons:?}"
    );
    assert_eq!(gateway.requests().len(), 1);
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_waited_for_no_longer_than_set() {
    let gateway =
        Gateway::start(|request| if request.number == 0 { Reply::AcceptWhenOpened } else { Reply::Accept });
    let (client, _) = client(&gateway, |settings| settings.request_timeout = Duration::from_millis(200));
    let begun = Instant::now();
    let ids = submit(&client, 2).await;
    client.flush().await;
    let requests = gateway.requests();
    // On a machine that is busy the second answer may come late too.
    assert!(requests.len() >= 2 && requests.iter().all(|request| request.ids() == ids), "{requests:?}");
    assert!(begun.elapsed() >= Duration::from_millis(200));
    assert!(client.statistics().retries >= 1);
    assert_eq!(client.statistics().accepted, 2);
}
