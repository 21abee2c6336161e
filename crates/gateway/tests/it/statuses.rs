//! Every status of the contract's table, and the order of the checks.

use reqwest::Method;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE};
use serde_json::json;
use service::keys::Scope;
use uuid::Uuid;

use crate::gateway::{Answer, Gateway, event};

#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_event_is_on_the_queue_as_it_was_sent() {
    let gateway = Gateway::start().await;
    let body = event().to_string();
    let answer = gateway.post(body.clone()).await;
    assert_eq!((answer.status, &answer.body["accepted"]), (202, &json!(1)));
    assert_eq!(answer.header("content-type"), Some("application/json"));

    let messages = gateway.around.queue.take(1).await;
    let [message] = &messages[..] else { panic!("{messages:?}") };
    assert_eq!(message.headers.event_count, Some(1));
    assert_eq!(message.events[0].bytes, body.as_bytes());
    assert_eq!(message.events[0].id, answer.ids()[0]);
    assert_eq!(message.requests[0].0, answer.header("x-request-id").unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trailing_slash_is_no_other_address() {
    let gateway = Gateway::start().await;
    let request = gateway.client.post(gateway.address("/api/events/")).bearer_auth(gateway.key.expose());
    let request = request.header(CONTENT_TYPE, "application/json").body(event().to_string());
    assert_eq!(Answer::of(request).await.status, 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trace_of_a_request_travels_with_its_events() {
    let gateway = Gateway::start().await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let request = gateway.request().header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01"));
    let request = request.header(CONTENT_TYPE, "application/json").body(event().to_string());
    assert_eq!(Answer::of(request).await.status, 202);
    let messages = gateway.around.queue.take(1).await;
    let traceparent = messages[0].requests[0].1.as_deref().unwrap();
    assert!(traceparent.starts_with(&format!("00-{trace}-")) && !traceparent.contains("00f067aa0ba902b7"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_breaks_rules_is_accepted_all_the_same() {
    let gateway = Gateway::start().await;
    for broken in ["{}", r#"{"id": 5, "surplus": [1]}"#, "[1, null, \"x\", []]", r#"{"a": 1, "a": 2}"#] {
        assert_eq!(gateway.post(broken).await.status, 202, "{broken}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_paths_and_methods_are_404_and_405_before_any_key_is_looked_at() {
    let gateway = Gateway::start().await;
    for path in
        ["/", "/api", "/api/event", "/api/events//", "/api/events/x", "/API/EVENTS", "/live", "/metrics"]
    {
        Answer::of(gateway.client.post(gateway.address(path))).await.assert_problem(404, path);
    }
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS] {
        let answer = Answer::of(gateway.client.request(method.clone(), gateway.address("/api/events"))).await;
        answer.assert_problem(405, method.as_str());
        assert_eq!(answer.header("allow"), Some("POST"), "{method}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_told_in_the_order_of_the_contract() {
    let gateway = Gateway::start_with(&[("GATEWAY__REQUEST_EVENTS_MAX", "2")]).await;
    let read_only = gateway.around.key(Scope::Read);
    let long = vec![b' '; 5_242_881];
    let request = || gateway.request().header(CONTENT_TYPE, "application/json");
    let cases = [
        ("no key comes before a bad type", gateway.client.post(gateway.address("/api/events")), 401),
        ("no scope comes before a bad type", gateway.request_by(&read_only).body("x"), 403),
        ("a bad type comes before a large body", gateway.request().body(long.clone()), 415),
        ("a large body comes before bad JSON", request().body(long), 413),
        ("many events come before bad JSON behind them", request().body("[1, 2, 3, ?"), 413),
        ("bad JSON", request().body("[1, ?"), 400),
    ];
    for (why, request, status) in cases {
        Answer::of(request).await.assert_problem(status, why);
    }
    gateway.around.queue.take(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_listed_types_and_encodings_are_read() {
    let gateway = Gateway::start().await;
    let types = [
        ("application/json", 202),
        ("Application/JSON; charset=UTF-8", 202),
        ("application/json;charset=\"utf-8\"", 202),
        ("application/x-ndjson", 202),
        ("application/json; charset=utf-16", 415),
        ("application/json, application/json", 415),
        ("application/json; x=1, application/json", 415),
        ("application/jsonp", 415),
        ("application/ndjson", 415),
        ("text/plain", 415),
        ("", 415),
    ];
    for (kind, status) in types {
        let request = gateway.request().header(CONTENT_TYPE, kind).body(event().to_string());
        assert_eq!(Answer::of(request).await.status, status, "{kind:?}");
    }
    for coding in ["br", "deflate", "identity", "gzip, gzip", "gzip, zstd", "compress"] {
        let request =
            gateway.request().header(CONTENT_TYPE, "application/json").header(CONTENT_ENCODING, coding);
        let answer = Answer::of(request.body(event().to_string())).await;
        answer.assert_problem(415, coding);
        assert_eq!(answer.header("accept-encoding"), Some("gzip, zstd"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_type_or_an_encoding_that_is_given_twice_is_a_415() {
    let gateway = Gateway::start().await;
    let twice =
        gateway.request().header(CONTENT_TYPE, "application/json").header(CONTENT_TYPE, "application/json");
    Answer::of(twice.body("{}")).await.assert_problem(415, "two types");
    let twice = gateway.request().header(CONTENT_TYPE, "application/json");
    let twice = twice.header(CONTENT_ENCODING, "gzip").header(CONTENT_ENCODING, "gzip");
    Answer::of(twice.body("{}")).await.assert_problem(415, "two encodings");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_a_type_is_a_415() {
    let gateway = Gateway::start().await;
    Answer::of(gateway.request().body(event().to_string())).await.assert_problem(415, "no type");
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_come_back_in_the_order_sent() {
    let gateway = Gateway::start().await;
    let (one, other) = (Uuid::new_v4(), Uuid::new_v4());
    let upper = other.to_string().to_uppercase();
    let ids = gateway
        .submit(&json!([
            { "id": one }, { "id": upper }, {}, { "id": Uuid::nil() }, { "id": "no uuid" }, { "id": 5 }, 7,
        ]))
        .await;
    assert_eq!((ids.len(), ids[0], ids[1]), (7, one, other));
    for id in &ids[2..] {
        assert_eq!(id.get_version_num(), 7);
    }
    let on_queue: Vec<Uuid> =
        gateway.around.queue.events(7).await.into_iter().map(|event| event.id).collect();
    assert_eq!(on_queue, ids);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_an_event_is_read_with_blank_lines_and_any_line_end() {
    let gateway = Gateway::start().await;
    let body = "{\"name\": \"1\"}\r\n\r\n  {\"name\": \"2\"}  \n\n{\"name\": \"3\"}";
    let request = gateway.request().header(CONTENT_TYPE, "application/x-ndjson").body(body);
    assert_eq!(Answer::of(request).await.ids().len(), 3);
    let bytes: Vec<_> = gateway.around.queue.events(3).await.into_iter().map(|event| event.bytes).collect();
    assert_eq!(bytes, [b"{\"name\": \"1\"}", b"{\"name\": \"2\"}", b"{\"name\": \"3\"}"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_tell_what_was_accepted() {
    let gateway = Gateway::start().await;
    gateway.submit(&json!([{}, {}])).await;
    let (status, text) = gateway.health("/metrics").await;
    assert_eq!(status, 200);
    for metric in [
        "eye_gateway_events_accepted_total{application=\"shop\"}",
        "eye_http_requests_total{status=\"202\"}",
        "eye_http_request_duration_seconds_bucket",
        "eye_outbox_publish_duration_seconds_bucket",
        "eye_outbox_message_events_bucket",
        "eye_outbox_messages_in_flight",
        "eye_outbox_waiting_bytes",
        "eye_keys_known",
    ] {
        assert!(text.contains(metric), "{metric} is missing:\n{text}");
    }
}
