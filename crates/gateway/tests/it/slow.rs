//! Clients that take their time.

use std::time::Duration;

use crate::gateway::Gateway;
use crate::raw::{Raw, head, status};

/// Shorter than by default, so that the tests are.
const SETTINGS: [(&str, &str); 2] =
    [("GATEWAY__HEAD_TIMEOUT_MS", "600"), ("GATEWAY__BODY_TIMEOUT_MS", "800")];

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_head_is_a_408() {
    let gateway = Gateway::start_with(&SETTINGS).await;
    let mut connection = Raw::connect(&gateway).await;
    connection.send(b"POST /api/events HTTP/1.1\r\nHost: eye\r\nX-Slow: ").await;
    assert_eq!(status(&connection.trickle(b'x').await), 408);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_says_nothing_is_closed() {
    let gateway = Gateway::start_with(&SETTINGS).await;
    let mut connection = Raw::connect(&gateway).await;
    assert!(matches!(status(&connection.answer().await), 0 | 408));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_body_is_a_408_that_says_so() {
    let gateway = Gateway::start_with(&SETTINGS).await;
    for lines in ["Content-Length: 100000\r\n", "Transfer-Encoding: chunked\r\n"] {
        let mut connection = Raw::connect(&gateway).await;
        connection.send(head(&gateway, lines).as_bytes()).await;
        if lines.starts_with("Transfer") {
            connection.send(b"ffff\r\n").await;
        }
        let answer = connection.trickle(b' ').await;
        assert_eq!(status(&answer), 408, "{lines}{answer}");
        assert!(answer.contains("application/problem+json"), "{lines}{answer}");
    }
    gateway.around.queue.assert_empty().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_client_can_not_hold_its_connection_by_sending_on() {
    let gateway = Gateway::start_with(&SETTINGS).await;
    for lines in ["Content-Length: 100000\r\n", "Transfer-Encoding: chunked\r\n"] {
        let mut connection = Raw::connect(&gateway).await;
        let head = format!("POST /api/events HTTP/1.1\r\nHost: eye\r\n{lines}\r\nffff\r\n");
        connection.send(head.as_bytes()).await;
        let answer = connection.trickle(b' ').await;
        assert_eq!(status(&answer), 401, "{lines}{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_slow_clients_hold_up_nobody_else() {
    let gateway = Gateway::start().await;
    let mut slow = Vec::new();
    for _ in 0..300 {
        let mut connection = Raw::connect(&gateway).await;
        connection.send(head(&gateway, "Content-Length: 1000\r\n").as_bytes()).await;
        connection.send(b"{").await;
        slow.push(connection);
    }
    for _ in 0..20 {
        let answer = tokio::time::timeout(Duration::from_secs(5), gateway.post("{}")).await;
        assert_eq!(answer.expect("others are served").status, 202);
    }
}
