//! Bodies that are no JSON, and some that are surprisingly.

use reqwest::header::CONTENT_TYPE;

use crate::gateway::{Answer, Gateway};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_json_is_a_400_that_tells_where() {
    let gateway = Gateway::start().await;
    let cases: &[(&str, &[u8], &str)] = &[
        ("empty", b"", "empty"),
        ("blank", b" \r\n\t", "empty"),
        ("the brief's own example", b"{\n  \"data\": {\n    \"path\": \"/\",\n  }\n}", "line 4, column 3"),
        ("trailing comma in an array", b"[{},]", "line 1, column 5"),
        ("NaN", br#"{"a": NaN}"#, "line 1, column 7"),
        ("Infinity", br#"{"a": -Infinity}"#, "line 1"),
        ("truncated", br#"{"a""#, "line 1"),
        ("a truncated batch", b"[{}", "line 1"),
        ("two documents", b"{} {}", "line 1, column 4"),
        ("text behind", b"{} x", "line 1, column 4"),
        ("invalid UTF-8", b"{\"a\": \"\xc3\x28\"}", "line 1"),
        ("overlong", b"{\"a\": \"\xc0\x80\"}", "line 1"),
        ("a surrogate's bytes", b"{\"a\": \"\xed\xa0\x80\"}", "line 1"),
        ("UTF-16", b"\xff\xfe{\0}\0", "line 1"),
        ("a byte order mark", b"\xef\xbb\xbf{}", "line 1, column 1"),
        ("a raw control character", b"{\"a\": \"\x01\"}", "line 1"),
        ("a raw line break in a text", b"{\"a\": \"\n\"}", "line 1"),
        ("single quotes", b"{'a': 1}", "line 1, column 2"),
        ("a comment", b"{} // why", "line 1"),
        ("a leading zero", br#"{"a": 01}"#, "line 1"),
        ("an unknown escape", br#"{"a": "\x41"}"#, "line 1"),
        ("number", b"5", "a JSON object"),
        ("text", b"\"x\"", "a JSON object"),
        ("null", b"null", "a JSON object"),
        ("true", b"true", "a JSON object"),
        ("an empty batch", b"[]", "the batch is empty"),
        ("an empty batch with blanks", b" [ ] ", "the batch is empty"),
    ];
    for (why, body, place) in cases {
        let answer = gateway.post(*body).await;
        answer.assert_problem(400, why);
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(detail.contains(place), "{why}: {detail}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_line_takes_nothing_in_and_is_named() {
    let gateway = Gateway::start_with(&[("GATEWAY__PARSE_ERRORS_PER_SECOND_MAX", "1000")]).await;
    for (body, line) in [("{}\n{bad}\n{}", "line 2"), ("{}\n\n\n{} {}\n", "line 4"), ("{\n}\n", "line 1")] {
        let request = gateway.request().header(CONTENT_TYPE, "application/x-ndjson").body(body);
        let answer = Answer::of(request).await;
        answer.assert_problem(400, line);
        assert!(answer.body["detail"].as_str().unwrap().contains(line), "{}", answer.body);
    }
    let messages = gateway.around.queue.take(3).await;
    assert!(messages.iter().all(|message| message.parse_error.is_some()), "{messages:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn depth_and_width_are_no_danger() {
    let gateway = Gateway::start().await;
    let deep = |levels: usize| format!("{{\"data\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
    let keys: Vec<String> = (0..100_000).map(|key| format!("\"{key}\":0")).collect();
    for (why, body) in [
        ("depth 65", deep(64)),
        ("depth 100,000", deep(100_000)),
        ("depth 2,000,000", deep(2_000_000)),
        ("100,000 keys", format!("{{{}}}", keys.join(","))),
        ("numbers that no double holds", r#"{"data": {"a": 1e400, "b": 1e131071, "c": -0}}"#.to_owned()),
        ("what no database stores", r#"{"data": {"\u0000": "\ud800"}}"#.to_owned()),
    ] {
        assert_eq!(gateway.post(body).await.status, 202, "{why}");
    }
    gateway.post(format!("{{\"data\":{}", "[".repeat(2_000_000))).await.assert_problem(400, "never closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_see_a_body_that_is_no_json() {
    let gateway = Gateway::start().await;
    let answer = gateway.post(r#"{"mark": 1,}"#).await;
    answer.assert_problem(400, "trailing comma");
    let messages = gateway.around.queue.take(1).await;
    let [message] = &messages[..] else { panic!("{messages:?}") };
    assert_eq!(message.headers.event_count, Some(0), "outside of the books");
    assert_eq!(message.parse_error.as_deref(), answer.body["detail"].as_str());
    assert_eq!(message.events[0].bytes, br#"{"mark": 1,}"#);
    assert_eq!(Some(message.requests[0].0.as_str()), answer.header("x-request-id"));
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_to_operators_are_cut_and_few() {
    let settings = [("GATEWAY__PARSE_ERRORS_PER_SECOND_MAX", "2"), ("GATEWAY__PARSE_ERROR_BYTES_MAX", "10")];
    let gateway = Gateway::start_with(&settings).await;
    let body = format!("{}\"", " ".repeat(100));
    let sent: Vec<_> = (0..50).map(|_| gateway.post(body.clone())).collect();
    for answer in futures_util::future::join_all(sent).await {
        answer.assert_problem(400, "an open text");
    }
    let messages = gateway.around.queue.take(1).await;
    assert!(messages.len() < 20, "{} reports of 50", messages.len());
    assert!(messages.iter().all(|message| message.events[0].bytes == b"          "));
}
