//! CloudEvents 1.0 over HTTP.

use chrono::{DateTime, Utc};
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::gateway::{Answer, Gateway};

const TIME: &str = "2021-01-01T09:15:27.243860Z";
const ONE: &str = "application/cloudevents+json";
const MANY: &str = "application/cloudevents-batch+json";

fn cloudevent() -> Value {
    json!({ "specversion": "1.0", "id": "1", "source": "/shop", "type": "com.example.order.created",
            "subject": "session 1", "time": TIME, "data": { "total": 3 } })
}

impl Gateway {
    async fn emit(&self, kind: &str, body: impl Into<Vec<u8>>) -> Answer {
        Answer::of(self.request().header(CONTENT_TYPE, kind).body(body.into())).await
    }

    /// Sends headers and data that must be accepted; gives the event that they became.
    async fn emit_in_headers(&self, headers: &[(&str, &str)], data: &str) -> Value {
        let request =
            headers.iter().fold(self.request(), |request, (name, value)| request.header(*name, *value));
        let answer = Answer::of(request.body(data.to_owned())).await;
        assert_eq!(answer.status, 202, "{}", answer.body);
        self.taken(&answer).await.remove(0)
    }

    async fn taken(&self, answer: &Answer) -> Vec<Value> {
        let ids = answer.ids();
        let events = self.around.queue.events(ids.len()).await;
        assert_eq!(events.iter().map(|event| event.id).collect::<Vec<_>>(), ids);
        events.iter().map(|event| serde_json::from_slice(&event.bytes).unwrap()).collect()
    }
}

fn without_id(mut event: Value) -> Value {
    event.as_object_mut().unwrap().remove("id");
    event
}

fn expected() -> Value {
    json!({ "session_id": "session 1", "category": "com.example.order", "name": "created",
            "data": { "total": 3 }, "timestamp": TIME })
}

#[tokio::test(flavor = "multi_thread")]
async fn each_mode_becomes_the_same_event() {
    let gateway = Gateway::start().await;
    for kind in [ONE, "Application/CloudEvents+JSON; charset=utf-8"] {
        let answer = gateway.emit(kind, format!("\n {}\n", cloudevent())).await;
        assert_eq!(answer.status, 202, "{kind}: {}", answer.body);
        assert_eq!(without_id(gateway.taken(&answer).await.remove(0)), expected(), "{kind}");
    }
    let answer = gateway.emit(MANY, json!([cloudevent(), cloudevent()]).to_string()).await;
    let events = gateway.taken(&answer).await;
    assert_eq!(events.into_iter().map(without_id).collect::<Vec<_>>(), [expected(), expected()]);

    let headers = [
        ("ce-specversion", "1.0"),
        ("ce-id", "1"),
        ("ce-source", "/shop"),
        ("ce-type", "com.example.order.created"),
        ("ce-subject", "session%201"),
        ("ce-time", TIME),
    ];
    let data = json!({ "total": 3 }).to_string();
    assert_eq!(
        without_id(gateway.emit_in_headers(&headers, &data).await),
        expected(),
        "no type, as Python's SDK"
    );
    let with_type = [&headers[..], &[("content-type", "application/json; charset=utf-8")]].concat();
    assert_eq!(without_id(gateway.emit_in_headers(&with_type, &data).await), expected());
}

#[tokio::test(flavor = "multi_thread")]
async fn attributes_become_what_the_table_says() {
    let gateway = Gateway::start().await;
    let packed = "eyJ0b3RhbCI6IDN9";
    let table = [
        ("a session of its own", json!({ "sessionid": "s" }), json!({ "session_id": "s" })),
        ("a session's number", json!({ "sessionid": 7 }), json!({ "session_id": "7" })),
        ("no session", json!({ "subject": null }), json!({ "session_id": null })),
        ("a type without dots", json!({ "type": "ping" }), json!({ "category": "ping", "name": "ping" })),
        ("a dot at the end", json!({ "type": "ping." }), json!({ "category": "ping.", "name": "ping." })),
        ("no text", json!({ "type": 5 }), json!({ "category": 5, "name": 5 })),
        ("data of another kind", json!({ "data": [1] }), json!({ "data": [1] })),
        (
            "bytes that are JSON",
            json!({ "data": null, "data_base64": packed }),
            json!({ "data": { "total": 3 } }),
        ),
        ("other bytes", json!({ "data": null, "data_base64": "_" }), json!({ "data": "_" })),
        ("no data", json!({ "data": null }), json!({ "data": null })),
        ("a time that is none", json!({ "time": "noon" }), json!({ "timestamp": "noon" })),
    ];
    for (why, given, changed) in table {
        let merge = |mut whole: Value, part: &Value| {
            for (name, value) in part.as_object().unwrap() {
                match value {
                    Value::Null => whole.as_object_mut().unwrap().remove(name),
                    value => whole.as_object_mut().unwrap().insert(name.clone(), value.clone()),
                };
            }
            whole
        };
        let answer = gateway.emit(ONE, merge(cloudevent(), &given).to_string()).await;
        assert_eq!(answer.status, 202, "{why}: {}", answer.body);
        let event = without_id(gateway.taken(&answer).await.remove(0));
        assert_eq!(event, merge(expected(), &changed), "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_is_a_name_within_its_source() {
    let gateway = Gateway::start().await;
    let own = Uuid::new_v4();
    let id_of = async |id: &str, source: &str| {
        let mut event = cloudevent();
        event["id"] = json!(id);
        event["source"] = json!(source);
        let answer = gateway.emit(ONE, event.to_string()).await;
        gateway.taken(&answer).await;
        answer.ids()[0]
    };
    let first = id_of("1", "/shop").await;
    assert_eq!(id_of("1", "/shop").await, first);
    assert_ne!(id_of("1", "/other").await, first);
    assert_ne!(id_of("2", "/shop").await, first);
    assert_eq!(id_of(&own.to_string(), "/shop").await, own);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_time_it_is_that_of_receipt() {
    let gateway = Gateway::start().await;
    let before = Utc::now();
    let mut event = cloudevent();
    event.as_object_mut().unwrap().remove("time");
    let answer = gateway.emit(ONE, event.to_string()).await;
    let event = gateway.taken(&answer).await.remove(0);
    let at: DateTime<Utc> = event["timestamp"].as_str().unwrap().parse().unwrap();
    assert!((at - before).num_milliseconds() >= 0 && at <= Utc::now(), "{event}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cant_be_read_is_refused() {
    let gateway = Gateway::start().await;
    let mut old = cloudevent();
    old["specversion"] = json!("0.3");
    let mut none = cloudevent();
    none.as_object_mut().unwrap().remove("specversion");
    let table = [
        ("no JSON", ONE, "{".to_owned(), 400),
        ("a batch as one", ONE, json!([cloudevent()]).to_string(), 400),
        ("an empty batch", MANY, "[]".to_owned(), 400),
        ("no batch", MANY, "5".to_owned(), 400),
        ("another version", ONE, old.to_string(), 400),
        ("no version", ONE, none.to_string(), 400),
        ("too many", MANY, json!(vec![cloudevent(); 5_001]).to_string(), 413),
        ("another format", "application/cloudevents+avro", "x".to_owned(), 415),
    ];
    for (why, kind, body, status) in table {
        gateway.emit(kind, body).await.assert_problem(status, why);
    }
    let binary = |headers: &[(&str, &str)], data: &str| {
        let request = gateway.request().header("ce-specversion", "1.0").header("ce-type", "a.b");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        Answer::of(request.body(data.to_owned()))
    };
    let data_alone = Answer::of(
        gateway.request().header("ce-type", "a.b").header(CONTENT_TYPE, "application/json").body("[]"),
    );
    data_alone.await.assert_problem(400, "no version: no CloudEvent");
    binary(&[("content-type", "application/xml")], "<x/>").await.assert_problem(415, "data of another type");
    binary(&[("ce-id", "1"), ("ce-id", "2")], "{}").await.assert_problem(400, "two ids");
    binary(&[("ce-subject", "%ff")], "{}").await.assert_problem(400, "no UTF-8");
    binary(&[], "{} , \"type\": 1").await.assert_problem(400, "data that would be more members");
    gateway.around.queue.take(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cloudevent_with_a_key_twice_goes_on_as_it_is() {
    let gateway = Gateway::start().await;
    let text = r#"{"specversion": "1.0", "type": "a.b", "type": "c.d"}"#;
    let answer = gateway.emit(ONE, text).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    let events = gateway.around.queue.events(1).await;
    assert_eq!(events[0].bytes, text.as_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_another_version_spoils_no_batch() {
    let gateway = Gateway::start().await;
    let old = r#"{"specversion":"0.3","type":"a.b"}"#;
    let answer = gateway.emit(MANY, format!("[{}, {old}, 42]", cloudevent())).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    let events = gateway.around.queue.events(3).await;
    assert!(events[0].bytes.starts_with(br#"{"id":"#));
    assert_eq!((&*events[1].bytes, &*events[2].bytes), (old.as_bytes(), &b"42"[..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_database_could_store_is_not_made_storable() {
    let gateway = Gateway::start().await;
    let text = r#"{"specversion": "1.0", "id": "1", "source": "/", "type": "x\u0000y.b", "data": {"a": 1}}"#;
    assert_eq!(gateway.emit(ONE, text).await.status, 202);
    let events = gateway.around.queue.events(1).await;
    let text = String::from_utf8(events[0].bytes.clone()).unwrap();
    assert!(text.contains(r#""category":"x\u0000y.b","name":"x\u0000y.b""#), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn attributes_in_headers_may_be_quoted_and_data_of_any_json_type() {
    let gateway = Gateway::start().await;
    let headers = [
        ("ce-specversion", "1.0"),
        ("ce-type", r#""x.b""#),
        ("ce-subject", r#""a \"b\" \\ %C3%A9""#),
        ("content-type", "application/vnd.shop+json"),
    ];
    let event = gateway.emit_in_headers(&headers, "{}").await;
    assert_eq!((&event["category"], &event["name"]), (&json!("x"), &json!("b")));
    assert_eq!(event["session_id"], json!(r#"a "b" \ é"#));
}
