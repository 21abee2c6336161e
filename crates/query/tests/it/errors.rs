//! `/api/errors` and `/api/errors/{id}`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use event::Severity;
use event::violation::Keyword;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::ground::{BLOG, Ground, SHOP, Sent, fault, sent};
use crate::service::{Parameters, Service};

const ERRORS: &str = "/api/errors";

fn ids(items: &[Value]) -> Vec<i64> {
    items.iter().map(|item| item["id"].as_i64().expect("a number")).collect()
}

/// Four rejected events with one error each, by number of the error: a name that is null, a data that is empty, a
/// timestamp in the future that passes later, an unknown field.
fn four() -> (Ground, [Sent; 4]) {
    let ground = Ground::new();
    let sent = [
        sent().session("one").with("name", Value::Null).received(1_000_000),
        sent().session("one").of("form", "submit").with("data", json!({})).by(BLOG).received(2_000_000),
        sent().session("two").of("form", "submit").at("2026-11-01T12:00:00Z").received(3_000_000),
        sent().session("three").with("user_id", 7).received(4_000_000),
    ];
    for event in &sent {
        ground.write(std::slice::from_ref(event));
    }
    ground.write(&[sent[2].clone().received(86_400_000_000)]);
    (ground, sent)
}

#[actix_web::test]
async fn each_filter_finds_the_errors_that_match() {
    let (ground, sent) = four();
    let service = Service::start(&ground).await;
    let event_id = sent[1].id.to_string();
    let table: &[(&Parameters<'_>, &[i64], &str)] = &[
        (&[], &[4, 3, 2, 1], "the newest first"),
        (&[("application", SHOP)], &[4, 3, 1], "an application"),
        (&[("application", SHOP), ("application", BLOG)], &[4, 3, 2, 1], "any of two applications"),
        (&[("application", "nobody")], &[], "an application that does not exist"),
        (&[("session_id", "one")], &[2, 1], "a session"),
        (&[("category", "form")], &[3, 2], "a category"),
        (&[("category", "form"), ("name", "submit"), ("application", BLOG)], &[2], "three filters"),
        (&[("name", "submit")], &[3, 2], "a name"),
        (&[("name", "pageview")], &[4], "an event without a valid name has none"),
        (&[("event_id", &event_id)], &[2], "an event"),
        (&[("field", "name")], &[1], "a field"),
        (&[("field", "name"), ("field", "data")], &[2, 1], "any of two fields"),
        (&[("path", "/user_id")], &[4], "a path"),
        (&[("code", "null")], &[1], "a code"),
        (&[("code", "empty"), ("code", "unknown_field")], &[4, 2], "any of two codes"),
        (&[("severity", "error")], &[4, 3, 2, 1], "a severity"),
        (&[("severity", "warning")], &[], "the other severity"),
        (&[("from", "2026-11-01T00:00:02Z")], &[4, 3, 2], "received from, inclusive"),
        (&[("to", "2026-11-01T00:00:02Z")], &[1], "received before, exclusive"),
        (&[("resolved", "true")], &[3], "resolved"),
        (&[("resolved", "false")], &[4, 2, 1], "not resolved"),
    ];
    for (parameters, expected, reason) in table {
        assert_eq!(ids(&service.items(ERRORS, parameters).await), *expected, "{reason}: {parameters:?}");
    }
}

#[actix_web::test]
async fn an_error_has_the_fields_of_the_contract() {
    let (ground, sent) = four();
    let service = Service::start(&ground).await;
    let mut error = service.get("/api/errors/1", &[]).await.ok();
    assert!(error["created_at"].take().is_string());
    assert!(error["message"].take().as_str().is_some_and(|message| !message.is_empty()));
    let expected = json!({
        "id": 1, "event_id": sent[0].id.to_string(), "application": SHOP, "session_id": "one",
        "category": "page interaction", "name": null, "field": "name", "path": "/name", "code": "null", "message": null,
        "value": "null", "input": String::from_utf8(sent[0].to_bytes()).unwrap(), "severity": "error",
        "received_at": "2026-11-01T00:00:01.000000Z", "created_at": null, "resolved_at": null,
    });
    for (member, value) in expected.as_object().expect("an object") {
        assert_eq!(error[member], *value, "{member}");
    }
    assert!(error.get("input_encoding").is_none());
    assert!(service.get("/api/errors/3", &[]).await.ok()["resolved_at"].is_string());
}

#[actix_web::test]
async fn an_error_that_does_not_exist_is_a_404() {
    let (ground, _) = four();
    let service = Service::start(&ground).await;
    for id in ["0", "5", "-1", "9223372036854775807"] {
        service.get(&format!("{ERRORS}/{id}"), &[]).await.problem(404);
    }
}

#[actix_web::test]
async fn a_list_shows_the_beginning_of_the_input_and_one_error_the_whole() {
    let ground = Ground::new();
    let emoji = "😀".repeat(2_000);
    // Four bytes a character, and four places where the cut can fall.
    let inputs: Vec<String> = (0..4).map(|n| format!(r#"{{{}"name": "{emoji}"}}"#, " ".repeat(n))).collect();
    ground.write(&inputs.iter().map(|input| sent().bytes(input.as_str())).collect::<Vec<_>>());
    let service = Service::start(&ground).await;
    for error in service.items(ERRORS, &[("field", "session_id")]).await {
        let whole = service.get(&format!("{ERRORS}/{}", error["id"]), &[]).await.ok();
        let (shown, whole) = (error["input"].as_str().expect("text"), whole["input"].as_str().expect("text"));
        assert!(inputs.iter().any(|input| input == whole));
        assert!(whole.starts_with(shown) && (2_045..=2_048).contains(&shown.len()), "{} bytes", shown.len());
        assert!(error.get("input_encoding").is_none());
    }
}

#[actix_web::test]
async fn an_input_that_is_no_utf_8_is_shown_in_base64() {
    let ground = Ground::new();
    let table: [&[u8]; 4] =
        [b"\xff\xfe", b"{\"name\": \"\xed\xa0\x80\"}", b"ends in the middle \xf0\x9f", &[0xc3; 5_000]];
    ground.write(&table.map(|bytes| sent().bytes(bytes)));
    let service = Service::start(&ground).await;
    for error in service.items(ERRORS, &[]).await {
        let whole = service.get(&format!("{ERRORS}/{}", error["id"]), &[]).await.ok();
        for error in [&error, &whole] {
            assert_eq!(error["input_encoding"], "base64");
        }
        let decoded =
            |error: &Value| STANDARD.decode(error["input"].as_str().expect("text")).expect("base64");
        assert!(table.contains(&decoded(&whole).as_slice()));
        assert_eq!(decoded(&error), decoded(&whole)[..decoded(&whole).len().min(2_048)]);
    }
}

#[actix_web::test]
async fn errors_are_paged_by_their_number() {
    let ground = Ground::new();
    ground.write(&(0..5).map(|_| sent().with("name", Value::Null)).collect::<Vec<_>>());
    let service = Service::start(&ground).await;
    let first = service.get(ERRORS, &[("limit", "2")]).await.ok();
    ground.write(&[sent().with("name", Value::Null)]);
    let cursor = first["next_cursor"].as_str().expect("a cursor");
    let rest = service.items(ERRORS, &[("limit", "1000"), ("cursor", cursor)]).await;
    assert_eq!([ids(first["items"].as_array().expect("items")), ids(&rest)].concat(), [5, 4, 3, 2, 1]);
}

#[actix_web::test]
async fn what_has_no_application_is_shown_without() {
    use event::{EventId, MessageId, ReceivedAt};
    use store::intake::{Contents, Fragment, Message, Writer};
    let ground = Ground::new();
    let id = Uuid::now_v7();
    let fragment = Fragment {
        id: EventId::from(id),
        received_at: ReceivedAt::from_micros(1_793_491_200_000_000),
        detail: "no version reads it".to_owned(),
        bytes: b"\x00garbage",
    };
    let message = Message {
        id: MessageId::fresh(),
        run: None,
        application: None,
        event_count: 0,
        replay: false,
        contents: Contents::Unreadable(fragment),
    };
    Writer::new(ground.store.clone()).write(&[message]).expect("write");
    let service = Service::start(&ground).await;
    let error = service.items(ERRORS, &[("event_id", &id.to_string())]).await.remove(0);
    assert_eq!((&error["application"], &error["code"]), (&Value::Null, &json!("unreadable_message")));
    assert_eq!(error["input"], "\u{0}garbage");
}

#[actix_web::test]
async fn what_a_schema_has_against_an_event_is_found_by_code_and_severity() {
    let ground = Ground::new();
    let (refused, warned) = (sent(), sent());
    ground.write_faulty(
        &refused,
        &[
            fault(Keyword::Type, Severity::Error, "/host"),
            fault(Keyword::AdditionalProperties, Severity::Error, "/more"),
        ],
    );
    ground.write_faulty(&warned, &[fault(Keyword::Type, Severity::Warning, "/host")]);
    let service = Service::start(&ground).await;
    let table: &[(&Parameters<'_>, &[i64], &str)] = &[
        (&[("code", "schema.type")], &[3, 1], "a keyword"),
        (&[("code", "schema.additionalProperties")], &[2], "a keyword with a capital"),
        (&[("code", "schema.")], &[], "no keyword"),
        (&[("code", "schema")], &[], "no prefix"),
        (&[("severity", "warning")], &[3], "warnings"),
        (&[("severity", "error")], &[2, 1], "errors"),
        (&[("severity", "error"), ("severity", "warning")], &[3, 2, 1], "both"),
        (&[("field", "data"), ("path", "/data/more")], &[2], "a place"),
        (&[("resolved", "true")], &[], "a warning is never resolved"),
        (&[("resolved", "false")], &[3, 2, 1], "a warning is not resolved"),
    ];
    for (parameters, expected, reason) in table {
        assert_eq!(ids(&service.items(ERRORS, parameters).await), *expected, "{reason}: {parameters:?}");
    }
    ground.replay_faulty(&refused, &[fault(Keyword::Pattern, Severity::Warning, "/host")]);
    assert_eq!(ids(&service.items(ERRORS, &[("resolved", "true")]).await), [2, 1]);
    assert_eq!(ids(&service.items(ERRORS, &[("resolved", "false")]).await), [4, 3]);
    let warning = service.get("/api/errors/4", &[]).await.ok();
    assert_eq!((&warning["severity"], &warning["resolved_at"]), (&json!("warning"), &Value::Null));
    assert_eq!(
        (&warning["code"], &warning["event_id"]),
        (&json!("schema.pattern"), &json!(refused.id.to_string()))
    );
}
