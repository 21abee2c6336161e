//! Answers that are final.

use client::{RawEvent, Reason};

use crate::gateway::{Gateway, Reply, Request};
use crate::{client, event, submit};

fn refuse_what_is_wrong(request: &Request) -> Reply {
    let wrong = request.body.contains("wrong");
    if wrong { Reply::Status(400, "", "expected a JSON object") } else { Reply::Accept }
}

#[tokio::test]
async fn one_bad_event_does_not_lose_its_neighbours() {
    for count in [1, 2, 3, 40] {
        for bad in [vec![0], vec![count - 1], vec![count / 2, count / 3]] {
            let gateway = Gateway::start(refuse_what_is_wrong);
            let (client, given_back) = client(&gateway, |settings| settings.requests_in_flight = 1);
            for number in 0..count {
                let wrong = RawEvent::from_line("wrong").expect("a line").tagged(number);
                let event = if bad.contains(&number) { wrong } else { event(number).into() };
                client.submit(event).await.expect("taken");
            }
            client.flush().await;
            let mut tags: Vec<_> = given_back.all().iter().map(|one| one.event.tag()).collect();
            tags.dedup();
            let mut expected = bad.clone();
            expected.sort_unstable();
            expected.dedup();
            assert_eq!(tags, expected, "{count} events");
            for reason in given_back.reasons() {
                assert!(
                    matches!(&reason, Reason::Refused(said) if said.ends_with("expected a JSON object")),
                    "{reason}"
                );
            }
            let taken: Vec<_> =
                gateway.requests().into_iter().filter(|request| !request.body.contains("wrong")).collect();
            let numbers: Vec<_> = taken.iter().flat_map(Request::numbers).collect();
            let good: Vec<_> = (0..count).filter(|number| !bad.contains(number)).collect();
            assert_eq!(numbers, good, "in their order, each once");
        }
    }
}

#[tokio::test]
async fn a_gateway_with_lower_limits_gets_smaller_requests() {
    let gateway = Gateway::start(|request| {
        if request.body.lines().count() > 4 {
            Reply::Status(413, "", "too many events")
        } else {
            Reply::Accept
        }
    });
    let (client, given_back) = client(&gateway, |_| {});
    submit(&client, 30).await;
    client.flush().await;
    assert_eq!((client.statistics().accepted, given_back.all().len()), (30, 0));
}

#[tokio::test]
async fn where_gzip_is_not_taken_the_same_goes_unpacked_and_everything_after_it_too() {
    let gateway = Gateway::start(|request| match request.header("content-encoding") {
        Some(_) => Reply::Status(415, "", "the encoding is not known"),
        None => Reply::Accept,
    });
    let (client, given_back) = client(&gateway, |settings| settings.gzip_from_bytes = Some(0));
    for _ in 0..3 {
        submit(&client, 5).await;
        client.flush().await;
    }
    assert_eq!((client.statistics().accepted, given_back.all().len()), (15, 0));
    let packed =
        gateway.requests().iter().filter(|request| request.header("content-encoding").is_some()).count();
    assert_eq!((packed, gateway.requests().len()), (1, 4));
}

#[tokio::test]
async fn a_form_that_is_never_taken_is_not_tried_event_by_event() {
    let gateway = Gateway::replying([Reply::Status(415, "", "NDJSON is not known here")]);
    let (client, given_back) = client(&gateway, |settings| settings.gzip_from_bytes = None);
    submit(&client, 5).await;
    client.flush().await;
    let reasons = given_back.reasons();
    assert!(
        reasons.len() == 5 && reasons.iter().all(|reason| matches!(reason, Reason::Refused(_))),
        "{reasons:?}"
    );
    assert_eq!(gateway.requests().len(), 1);
}
