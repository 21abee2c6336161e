//! Requests as HTTP allows and forbids them.

use reqwest::header::CONTENT_TYPE;
use serde_json::json;

use crate::gateway::{Answer, Gateway, PATIENCE, event};
use crate::raw::{Raw, head, status};
use crate::waiting::until;

const BODY_BYTES_MAX: usize = 5 * 1024 * 1024;

/// A valid event of exactly so many bytes.
fn event_of(bytes: usize) -> Vec<u8> {
    let (begin, end) = (br#"{"data":{"x":""#, br#""}}"#);
    let mut body = begin.to_vec();
    body.resize(bytes - end.len(), b'x');
    body.extend_from_slice(end);
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_at_the_limit_is_taken_and_one_byte_more_is_not() {
    let gateway = Gateway::start().await;
    assert_eq!(gateway.post(event_of(BODY_BYTES_MAX)).await.status, 202);
    gateway.post(event_of(BODY_BYTES_MAX + 1)).await.assert_problem(413, "one byte more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_sends_too_much_gets_to_read_why() {
    let gateway = Gateway::start().await;
    for _ in 0..10 {
        gateway.post(event_of(6 << 20)).await.assert_problem(413, "length told");
        let chunks = event_of(6 << 20)
            .chunks(100_000)
            .map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec()))
            .collect::<Vec<_>>();
        let chunked = reqwest::Body::wrap_stream(futures_util::stream::iter(chunks));
        let request = gateway.request().header(CONTENT_TYPE, "application/json").body(chunked);
        Answer::of(request).await.assert_problem(413, "chunked");
    }
    for (why, request, expected) in [
        ("no key", gateway.client.post(gateway.address("/api/events")), 401),
        ("no path", gateway.client.post(gateway.address("/nowhere")), 404),
        ("no method", gateway.client.put(gateway.address("/api/events")), 405),
    ] {
        Answer::of(request.body(event_of(6 << 20))).await.assert_problem(expected, why);
    }
    gateway.around.queue.assert_empty().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_length_that_is_told_is_refused_before_a_byte_of_the_body_comes() {
    let gateway = Gateway::start().await;
    let mut connection = Raw::connect(&gateway).await;
    connection.send(head(&gateway, "Content-Length: 5242881\r\n").as_bytes()).await;
    assert_eq!(status(&connection.answer().await), 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_waits_to_be_asked_is_asked() {
    let gateway = Gateway::start().await;
    let mut connection = Raw::connect(&gateway).await;
    connection.send(head(&gateway, "Expect: 100-continue\r\nContent-Length: 2\r\n").as_bytes()).await;
    connection.send(b"{}").await;
    let answer = connection.answer().await;
    assert!(answer.contains("HTTP/1.1 202"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn several_requests_on_one_connection_are_answered_in_turn() {
    let gateway = Gateway::start().await;
    let mut connection = Raw::connect(&gateway).await;
    for body in ["{}", "[{}, {}]", "{}"] {
        let head = head(&gateway, &format!("Content-Length: {}\r\n", body.len()));
        connection.send(format!("{head}{body}").as_bytes()).await;
        assert_eq!(status(&connection.answer().await), 202);
    }
    gateway.around.queue.events(4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_request_is_a_400_and_nothing_is_accepted() {
    let gateway = Gateway::start().await;
    let cases = [
        ("no HTTP", "hello\r\n\r\n".to_owned()),
        ("a negative length", head(&gateway, "Content-Length: -1\r\n")),
        ("no number for a length", head(&gateway, "Content-Length: two\r\n") + "{}"),
        ("two lengths", head(&gateway, "Content-Length: 2\r\nContent-Length: 3\r\n") + "{} "),
        ("a length and chunks", head(&gateway, "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n") + "{}"),
        ("broken chunks", head(&gateway, "Transfer-Encoding: chunked\r\n") + "two\r\n{}\r\n0\r\n\r\n"),
        ("a header without a name", head(&gateway, ": x\r\nContent-Length: 2\r\n") + "{}"),
        ("NUL in a header", head(&gateway, "X: \0\r\nContent-Length: 2\r\n") + "{}"),
    ];
    for (why, request) in cases {
        let mut connection = Raw::connect(&gateway).await;
        connection.send(request.as_bytes()).await;
        assert_eq!(status(&connection.answer().await), 400, "{why}");
    }
    gateway.around.queue.assert_empty().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_is_too_large_is_refused() {
    let gateway = Gateway::start().await;
    let many: String = (0..200).map(|number| format!("X-{number}: x\r\n")).collect();
    let long = format!("X: {}\r\n", "x".repeat(600_000));
    for (why, lines) in [("200 headers", many), ("a header of 600 kB", long)] {
        let mut connection = Raw::connect(&gateway).await;
        connection.send((head(&gateway, &(lines + "Content-Length: 2\r\n")) + "{}").as_bytes()).await;
        let status = status(&connection.answer().await);
        // 0: closed while the client was still sending.
        assert!(matches!(status, 0 | 400 | 431), "{why}: {status}");
    }
    gateway.around.queue.assert_empty().await;
    assert_eq!(gateway.post("{}").await.status, 202, "others are served");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_shorter_than_told_is_not_accepted() {
    let gateway = Gateway::start().await;
    for _ in 0..20 {
        let mut connection = Raw::connect(&gateway).await;
        connection.send((head(&gateway, "Content-Length: 100\r\n") + "{}").as_bytes()).await;
    }
    assert_eq!(gateway.post(event().to_string()).await.status, 202, "others are served");
    gateway.around.queue.events(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_of_proxies_change_nothing() {
    let gateway = Gateway::start().await;
    let request =
        gateway.request().header("X-Forwarded-For", "10.0.0.1, evil").header("Forwarded", "for=evil");
    let request = request.header("X-Real-IP", "';--").header("X-HTTP-Method-Override", "DELETE");
    let answer = Answer::of(request.header(CONTENT_TYPE, "application/json").body("{}")).await;
    assert_eq!(answer.status, 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_leave_mid_request_leave_nothing_behind() {
    let gateway = Gateway::start().await;
    let body = json!([event(), event()]).to_string();
    let whole = head(&gateway, &format!("Content-Length: {}\r\n", body.len())) + &body;
    for cut in (0..1_000).map(|round| round * 7 % (whole.len() + 1)) {
        Raw::connect(&gateway).await.send(&whole.as_bytes()[..cut]).await;
    }
    let nothing_held = async || {
        let (_, metrics) = gateway.health("/metrics").await;
        ["eye_outbox_waiting_bytes 0", "eye_gateway_reading_bytes 0", "eye_outbox_messages_in_flight 0"]
            .iter()
            .all(|line| metrics.lines().any(|found| found == *line))
    };
    until("nothing is held any more", PATIENCE, nothing_held).await;
    assert_eq!(gateway.post("{}").await.status, 202);
    // Each that was sent whole may be there; what was cut off must not be.
    for message in gateway.around.queue.take(1).await {
        assert!(message.events.iter().all(|event| event.bytes.len() == 2 || event.bytes.ends_with(b"}")));
    }
}
