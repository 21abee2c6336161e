//! Requests whose end is told in two ways, or in a strange one: whoever stands in front of the gateway must not have seen
//! another number of requests in them than the gateway does. Each is refused with its connection, or read in the one way
//! that HTTP allows.

use futures_util::future::join_all;

use crate::gateway::Gateway;
use crate::raw::{Raw, head};

/// What is hidden in a body: it must never be taken for a request.
fn hidden(gateway: &Gateway) -> String {
    head(gateway, "Content-Length: 19\r\n") + r#"{"name":"smuggled"}"#
}

/// The statuses of all answers in what a connection said.
fn statuses(said: &str) -> Vec<u16> {
    let answers = said.split("HTTP/1.1 ").skip(1);
    answers.map(|answer| answer.get(..3).and_then(|status| status.parse().ok()).unwrap_or(0)).collect()
}

/// Sends each on a connection of its own, and looks that it is answered so: once, or as often as there are honest requests in it.
async fn assert_answers(gateway: &Gateway, rows: Vec<(String, String, &[u16])>) {
    let asking = rows.into_iter().map(async |(why, request, expected)| {
        let mut connection = Raw::connect(gateway).await;
        connection.send(request.as_bytes()).await;
        let found = statuses(&connection.everything().await);
        (found != expected).then(|| format!("{why}: expected {expected:?}, found {found:?}"))
    });
    let faults: Vec<_> = join_all(asking).await.into_iter().flatten().collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

const REFUSED: &[u16] = &[400];

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_is_told_in_two_ways_is_refused_with_its_connection() {
    let gateway = Gateway::start().await;
    let hidden = hidden(&gateway);
    // By its chunks this body is empty, and a request follows; by its length the request is a part of it.
    let body = format!("0\r\n\r\n{hidden}");
    let length = format!("Content-Length: {}\r\n", body.len());
    let both = |coding: &str| (format!("{length}{coding}\r\n"), format!("{coding}\r\n{length}"));
    let mut rows = Vec::new();
    for coding in [
        "Transfer-Encoding: chunked",
        "Transfer-Encoding: CHUNKED",
        "transfer-encoding:chunked",
        "Transfer-Encoding: \tchunked \t",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: identity, chunked",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked;q=1",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding: chunked\u{b}",
        "Transfer-Encoding: \u{c}chunked",
        "Transfer-Encoding: chunked\0",
        "Transfer-Encoding: x\r\n chunked",
        "Transfer-Encoding:\r\n chunked",
        "Transfer-Encoding: ",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding\t: chunked",
        "Transfer-Encoding\u{b}: chunked",
        "X: y\nTransfer-Encoding: chunked",
        "X: y\rTransfer-Encoding: chunked",
        "X: y\r\n Transfer-Encoding: chunked",
        " Transfer-Encoding: chunked",
        "Content-Length: 0",
        "Content-Length : 0",
        "Content-Length: 0, 5",
    ] {
        let (before, after) = both(coding);
        for lines in [before, after] {
            rows.push((format!("{lines:?}"), format!("{}{body}", head(&gateway, &lines)), REFUSED));
        }
    }
    assert_answers(&gateway, rows).await;
    gateway.around.queue.assert_empty().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_length_is_digits_and_nothing_else() {
    let gateway = Gateway::start().await;
    let rows = |lengths: &[&str], status| {
        let row = |length: &&str| {
            let request = head(&gateway, &format!("Content-Length: {length}\r\n")) + "{}" + &hidden(&gateway);
            (format!("{length:?}"), request, status)
        };
        lengths.iter().map(row).collect::<Vec<_>>()
    };
    let strange = [
        "+2",
        "-2",
        "2, 2",
        "2,2",
        "2 2",
        "2;",
        "0x2",
        "2h",
        "2_0",
        "2.0",
        "2e0",
        "",
        " ",
        "two",
        "\u{662}",
        "2\u{b}",
        "2\r\n 0",
        "\"2\"",
        "18446744073709551618",
        "99999999999999999999999",
    ];
    assert_answers(&gateway, rows(&strange, REFUSED)).await;
    gateway.around.queue.assert_empty().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_are_read_as_they_are_specified_or_not_at_all() {
    let gateway = Gateway::start().await;
    let chunked = head(&gateway, "Transfer-Encoding: chunked\r\n");
    let row = |why: &str, body: &str, statuses| {
        (format!("{why}: {body:?}"), format!("{chunked}{body}{}", hidden(&gateway)), statuses)
    };
    assert_answers(
        &gateway,
        vec![
            row("a sign", "+2\r\n{}\r\n0\r\n\r\n", REFUSED),
            row("a negative size", "-2\r\n{}\r\n0\r\n\r\n", REFUSED),
            row("a prefix", "0x2\r\n{}\r\n0\r\n\r\n", REFUSED),
            row("an underscore", "0_2\r\n{}\r\n0\r\n\r\n", REFUSED),
            row("no size", "\r\n{}\r\n0\r\n\r\n", REFUSED),
            row("a blank before", " 2\r\n{}\r\n0\r\n\r\n", REFUSED),
            row("too large for a machine", "10000000000000002\r\n{}\r\n0\r\n\r\n", REFUSED),
            row("larger yet", "fffffffffffffffff2\r\n{}\r\n0\r\n\r\n", REFUSED),
            row("a line feed alone after the size", "2\n{}\r\n0\r\n\r\n", REFUSED),
            row("a return alone after the size", "2\r{}\r\n0\r\n\r\n", REFUSED),
            row("a line feed alone after the chunk", "2\r\n{}\n0\r\n\r\n", REFUSED),
            row("a chunk longer than told", "1\r\n{}\r\n0\r\n\r\n", REFUSED),
            row("a line feed alone in an extension", "2;a\nb\r\n{}\r\n0\r\n\r\n", REFUSED),
            row("a return alone in an extension", "2;a\rb\r\n{}\r\n0\r\n\r\n", REFUSED),
            // What was sent is whole by then; behind it comes nothing that could be read.
            row("a line feed alone at the end", "2\r\n{}\r\n0\r\n\n", &[202, 400]),
        ],
    )
    .await;
    gateway.around.queue.events(1).await;
    // An end that is told in one way: what follows is a request.
    let another = chunked.clone() + "2\r\n{}\r\n0\r\n\r\n";
    let row = |body: &str| (format!("{body:?}"), format!("{chunked}{body}{another}"), &[202, 202][..]);
    let honest = [
        row("2\r\n{}\r\n0\r\n\r\n"),
        row("1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"),
        row("0000002\r\n{}\r\n000\r\n\r\n"),
        row("2;a=b;c=\"d\"\r\n{}\r\n0;e\r\n\r\n"),
        row("2\r\n{}\r\n0\r\nX: y\r\nContent-Length: 7\r\nTransfer-Encoding: identity\r\n\r\n"),
    ];
    let count = honest.len();
    assert_answers(&gateway, honest.into()).await;
    gateway.around.queue.events(2 * count).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_the_body_of_another_is_its_body_however_that_is_answered() {
    let gateway = Gateway::start().await;
    let hidden = hidden(&gateway);
    let length = format!("Content-Length: {}\r\n", hidden.len());
    let with_body =
        |line: &str, more: &str| format!("{line} HTTP/1.1\r\nHost: eye\r\n{more}{length}\r\n{hidden}");
    let rows: Vec<(String, String, &[u16])> = vec![
        ("no JSON".to_owned(), head(&gateway, &length) + &hidden, &[400]),
        ("no key".to_owned(), with_body("POST /api/events", ""), &[401]),
        ("no path".to_owned(), with_body("POST /nowhere", ""), &[404]),
        ("no method".to_owned(), with_body("PUT /api/events", ""), &[405]),
        ("a page that wants no body".to_owned(), with_body("GET /swagger", ""), &[200]),
        ("a head that wants no body".to_owned(), with_body("HEAD /swagger", ""), &[200]),
        (
            "another protocol".to_owned(),
            with_body("GET /swagger", "Connection: Upgrade\r\nUpgrade: h2c\r\n"),
            &[200],
        ),
        ("an older version in chunks".to_owned(), in_chunks_by_an_older_version(&hidden), REFUSED),
        ("no end".to_owned(), head(&gateway, "Transfer-Encoding: identity\r\n") + &hidden, REFUSED),
    ];
    assert_answers(&gateway, rows).await;
    let left = gateway.around.queue.take(0).await;
    assert!(left.iter().all(|message| message.parse_error.is_some()), "{left:?}");
}

/// HTTP/1.0 knows no chunks.
fn in_chunks_by_an_older_version(hidden: &str) -> String {
    format!("POST /api/events HTTP/1.0\r\nHost: eye\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}")
}
