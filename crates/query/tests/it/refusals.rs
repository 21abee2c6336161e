//! What can't be understood is said: nothing is ignored or clamped in silence.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::ground::{Ground, sent};
use crate::service::{Parameters, Service};

pub(crate) const LISTS: [&str; 7] = [
    "/api/events",
    "/api/sessions",
    "/api/errors",
    "/api/event-types",
    "/api/applications",
    "/api/ledger",
    "/api/sessions/s-1/events",
];

/// A service with two events, of different types, and two rejected ones.
pub(crate) async fn service() -> Service {
    let ground = Ground::new();
    ground.write(&[
        sent(),
        sent().with("name", "scroll"),
        sent().with("name", Value::Null),
        sent().with("name", Value::Null),
    ]);
    Service::start(&ground).await
}

/// Asks as it is written, and looks whether the refusal names the parameter.
async fn assert_names(service: &Service, target: &str, parameter: &str, reason: &str) {
    let answer = service.raw(Method::GET, target, Some(&service.key)).await;
    assert_eq!(answer.status.as_u16(), 400, "{reason}: {target}: {}", answer.text);
    let detail = answer.problem(400);
    assert!(detail.contains(parameter), "{reason}: {target}: {detail}");
}

#[actix_web::test]
async fn every_list_refuses_limits_and_cursors_that_are_none() {
    let service = service().await;
    let table = [
        ("limit=0", "limit", "zero"),
        ("limit=-1", "limit", "negative"),
        ("limit=1001", "limit", "over the maximum"),
        ("limit=99999999999999999999", "limit", "over every number"),
        ("limit=x", "limit", "no number"),
        ("limit=1.5", "limit", "no whole number"),
        ("limit=", "limit", "nothing"),
        ("limit=%201", "limit", "a blank"),
        ("limit=10&limit=20", "limit", "given twice"),
        ("limit=10&limit=10", "limit", "given twice with the same value"),
        ("cursor=forged", "cursor", "forged"),
        ("cursor=", "cursor", "nothing"),
        ("cursor=%C3%A9", "cursor", "no base64"),
        ("cursor=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "cursor", "base64 of nothing"),
        ("nonsense=1", "nonsense", "an unknown parameter"),
        ("nonsense", "nonsense", "an unknown parameter without a value"),
        ("Limit=10", "Limit", "names have a case"),
        ("limit%20=10", "limit", "a blank in a name"),
        ("api_key=eye_x", "api_key", "no keys in addresses"),
        ("offset=10", "offset", "pages have cursors"),
    ];
    for path in LISTS {
        for (query, parameter, reason) in table {
            assert_names(&service, &format!("{path}?{query}"), parameter, reason).await;
        }
    }
}

#[actix_web::test]
async fn each_path_refuses_bad_values_of_its_parameters() {
    let service = service().await;
    let id = Uuid::now_v7();
    let table = [
        ("/api/events?order=up", "order", "no order"),
        ("/api/events?order=ASC", "order", "words have a case"),
        ("/api/events?order=asc&order=desc", "order", "two orders"),
        ("/api/events?from=yesterday", "from", "no time"),
        ("/api/events?from=", "from", "nothing"),
        ("/api/events?from=now", "from", "a time to Postgres alone"),
        ("/api/events?from=infinity", "from", "a time to Postgres alone"),
        ("/api/events?from=2021-02-30T00:00:00Z", "from", "no such day"),
        ("/api/events?from=2021-01-01", "from", "a day is no time"),
        ("/api/events?from=1609459200", "from", "seconds"),
        ("/api/events?from=2021-01-01T00:00:00+01:00", "from", "a plus is a blank"),
        ("/api/events?from=1969-12-31T23:59:59Z", "from", "before all events"),
        ("/api/events?to=tomorrow", "to", "no time"),
        ("/api/events?from=2021-02-01T00:00:00Z&to=2021-01-01T00:00:00Z", "from", "from after to"),
        ("/api/events?from=2021-01-01T00:00:00Z&from=2021-01-01T00:00:00Z", "from", "two froms"),
        (
            "/api/events?received_from=2021-02-01T00:00:00Z&received_to=2021-01-01T00:00:00Z",
            "received_from",
            "from after to",
        ),
        ("/api/events?received_to=x", "received_to", "no time"),
        (
            "/api/events?stored_from=2021-02-01T00:00:00Z&stored_to=2021-01-01T00:00:00Z",
            "stored_from",
            "from after to",
        ),
        ("/api/events?session_id=a%00b", "session_id", "no text holds NUL"),
        ("/api/events?category=%00", "category", "no text holds NUL"),
        ("/api/events?application=%00", "application", "no text holds NUL"),
        ("/api/events?event_id=x", "event_id", "a parameter of another path"),
        ("/api/events?category_contains=", "category_contains", "a part that everything has"),
        ("/api/events?name_contains=%00", "name_contains", "no text holds NUL"),
        ("/api/events?data=x", "data", "no key"),
        ("/api/events?Data.x=1", "Data.x", "names have a case"),
        ("/api/events?data.a%5Cb=1", "data.a", "a backslash before a letter"),
        ("/api/events?data.a%5C=1", "data.a", "a backslash at the end"),
        ("/api/events?data.a%00=1", "data.a", "no key holds NUL"),
        ("/api/events?data.a=%00", "data.a", "no text holds NUL"),
        ("/api/events/export?format=xml", "format", "no format"),
        ("/api/events/export?format=CSV", "format", "words have a case"),
        ("/api/events/export?format=csv&format=csv", "format", "given twice"),
        ("/api/events/export?limit=1", "limit", "no list"),
        ("/api/events/export?cursor=x", "cursor", "no list"),
        ("/api/events/export?order=up", "order", "no order"),
        ("/api/events/export?data.a%5C=1", "data.a", "a backslash at the end"),
        ("/api/events/stream?last_event_id=x", "last_event_id", "forged"),
        ("/api/events/stream?order=asc", "order", "a parameter of another path"),
        ("/api/events/stream?limit=1", "limit", "no list"),
        ("/api/events/stream?data.a%5C=1", "data.a", "a backslash at the end"),
        ("/api/sessions?data.a=1", "data.a", "a parameter of another path"),
        ("/api/sessions?from=2021-02-01T00:00:00Z&to=2021-01-01T00:00:00Z", "from", "from after to"),
        ("/api/sessions?category=x", "category", "a parameter of another path"),
        ("/api/sessions?order=asc", "order", "a parameter of another path"),
        ("/api/sessions/s-1?limit=1", "limit", "no list"),
        ("/api/sessions/s-1/events?from=2021-01-01T00:00:00Z", "from", "a parameter of another path"),
        ("/api/errors?severity=fatal", "severity", "no severity"),
        ("/api/errors?severity=", "severity", "nothing"),
        ("/api/errors?resolved=maybe", "resolved", "neither"),
        ("/api/errors?resolved=1", "resolved", "a number"),
        ("/api/errors?resolved=true&resolved=false", "resolved", "both"),
        ("/api/errors?event_id=5", "event_id", "no UUID"),
        ("/api/errors?from=2021-02-01T00:00:00Z&to=2021-01-01T00:00:00Z", "from", "from after to"),
        ("/api/errors?received_from=2021-02-01T00:00:00Z", "received_from", "a parameter of another path"),
        ("/api/errors?path=%00", "path", "no text holds NUL"),
        ("/api/errors/x", "id", "no number"),
        ("/api/errors/1.0", "id", "no number"),
        ("/api/errors/99999999999999999999", "id", "over every number"),
        ("/api/errors/1?limit=1", "limit", "no list"),
        ("/api/errors/summary?group_by=", "group_by", "nothing"),
        ("/api/errors/summary?group_by=colour", "group_by", "no member"),
        ("/api/errors/summary?group_by=event_id", "group_by", "a member that groups nothing"),
        ("/api/errors/summary?group_by=Code", "group_by", "words have a case"),
        ("/api/errors/summary?group_by=code,", "group_by", "a comma too much"),
        ("/api/errors/summary?group_by=code,%20field", "group_by", "a blank"),
        ("/api/errors/summary?group_by=code,field,code", "group_by", "a word twice"),
        ("/api/errors/summary?group_by=code&group_by=field", "group_by", "given twice"),
        ("/api/errors/summary?limit=0", "limit", "zero"),
        ("/api/errors/summary?limit=1001", "limit", "over the maximum"),
        ("/api/errors/summary?cursor=x", "cursor", "a summary has no pages"),
        ("/api/errors/summary?severity=fatal", "severity", "no severity"),
        ("/api/errors/summary?resolved=maybe", "resolved", "neither"),
        ("/api/errors/summary?event_id=5", "event_id", "no UUID"),
        ("/api/errors/summary?from=2021-02-01T00:00:00Z&to=2021-01-01T00:00:00Z", "from", "from after to"),
        ("/api/errors/summary?nonsense=1", "nonsense", "an unknown parameter"),
        ("/api/event-types?registered=maybe", "registered", "neither"),
        ("/api/event-types?registered=true&registered=true", "registered", "given twice"),
        ("/api/event-types?category=%00", "category", "no text holds NUL"),
        ("/api/event-types?application=shop", "application", "a parameter of another path"),
        ("/api/event-types/page%20interaction/pageview?limit=1", "limit", "no list"),
        ("/api/events/5", "id", "no UUID"),
        ("/api/events/00000000-0000-0000-0000-000000000000", "id", "the nil UUID"),
        ("/api/events/x/receipt", "id", "no UUID"),
        ("/api/applications?name=shop", "name", "an unknown parameter"),
        ("/api/applications?application=shop", "application", "an unknown parameter"),
    ];
    for (target, parameter, reason) in table {
        assert_names(&service, target, parameter, reason).await;
    }
    let of_one_event = [
        ("timestamp=x", "timestamp", "no time"),
        ("timestamp=2021-01-01T00:00:00Z&timestamp=2021-01-01T00:00:00Z", "timestamp", "given twice"),
        ("application=a&application=b", "application", "given twice"),
        ("session_id=a&session_id=b", "session_id", "given twice"),
        ("from=2021-01-01T00:00:00Z", "from", "a parameter of another path"),
    ];
    for (query, parameter, reason) in of_one_event {
        assert_names(&service, &format!("/api/events/{id}?{query}"), parameter, reason).await;
    }
    for (query, parameter) in [("application=a&application=b", "application"), ("session_id=a", "session_id")]
    {
        assert_names(&service, &format!("/api/events/{id}/receipt?{query}"), parameter, "a receipt").await;
    }
}

#[actix_web::test]
async fn filters_have_limits_with_a_name() {
    let service = service().await;
    let repeated = |text: &str, times| vec![text; times].join("&");
    let table = [
        (format!("data.a={}", "v".repeat(10_001)), "data.a", "a long value"),
        (format!("data.{}=v", "k".repeat(1_001)), "data.k", "long keys"),
        (format!("data.{}=v", vec!["k"; 65].join(".")), "data.k", "many keys"),
        (repeated("data.a=v", 11), "data.KEY", "many conditions"),
        (repeated("name_contains=v", 21), "name_contains", "many parts"),
        (repeated("category_contains=v", 21), "category_contains", "many parts"),
    ];
    for (query, parameter, reason) in table {
        assert_names(&service, &format!("/api/events?{query}"), parameter, reason).await;
    }
    let within = [
        format!("data.a={}", "v".repeat(10_000)),
        format!("data.{}=v", "k".repeat(1_000)),
        format!("data.{}=v", vec!["k"; 64].join(".")),
        repeated("data.a=v", 10),
        repeated("name_contains=zzz", 20),
    ];
    for query in within {
        let answer = service.raw(Method::GET, &format!("/api/events?{query}"), Some(&service.key)).await;
        assert!(answer.items().is_empty(), "{query}");
    }
}

/// The same cursor, with something else in its position, and a checksum that fits.
fn forged(cursor: &str, (member, value): (&str, &str)) -> String {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).expect("base64");
    let mut content: Value = serde_json::from_slice(&bytes[8..]).expect("JSON");
    content["position"][member] = json!(value);
    let content = serde_json::to_vec(&content).expect("JSON");
    let checksum = Sha256::digest(&content);
    URL_SAFE_NO_PAD.encode([&checksum[..8], &content].concat())
}

#[actix_web::test]
async fn a_cursor_goes_on_with_the_question_that_it_answers_alone() {
    let service = service().await;
    let cursor = |page: Value| page["next_cursor"].as_str().expect("a cursor").to_owned();
    let of_events =
        cursor(service.get("/api/events", &[("limit", "1"), ("category", "page interaction")]).await.ok());
    let of_errors = cursor(service.get("/api/errors", &[("limit", "1")]).await.ok());
    let of_types =
        cursor(service.get("/api/event-types", &[("limit", "1"), ("registered", "false")]).await.ok());
    let table: &[(&str, &Parameters<'_>, &str, &str)] = &[
        ("/api/events", &[], &of_events, "a filter left out"),
        ("/api/events", &[("category", "page interaction"), ("name", "x")], &of_events, "a filter more"),
        ("/api/events", &[("category", "page interaction"), ("data.a", "x")], &of_events, "a condition more"),
        ("/api/events", &[("category", "another")], &of_events, "another value"),
        ("/api/events", &[("name", "page interaction")], &of_events, "the same value of another filter"),
        ("/api/events", &[("category", "page interaction"), ("order", "asc")], &of_events, "another order"),
        ("/api/errors", &[("category", "page interaction")], &of_events, "another path"),
        ("/api/sessions/s-1/events", &[], &of_events, "the events of a session"),
        ("/api/sessions", &[], &of_errors, "another path"),
        ("/api/applications", &[], &of_errors, "another path"),
        ("/api/errors", &[("resolved", "false")], &of_errors, "a filter more"),
        ("/api/event-types", &[], &of_errors, "another path"),
        ("/api/event-types", &[], &of_types, "a filter left out"),
    ];
    for (path, parameters, cursor, reason) in table {
        let parameters = [*parameters, &[("cursor", *cursor)]].concat();
        let detail = service.get(path, &parameters).await.problem(400);
        assert!(detail.contains("cursor"), "{reason}: {detail}");
    }
    for change in [("session_id", "a\0b"), ("occurred_at", "-10000-01-01T00:00:00Z")] {
        let forged = forged(&of_events, change);
        let answer =
            service.get("/api/events", &[("category", "page interaction"), ("cursor", &forged)]).await;
        assert!(
            answer.problem(400).starts_with("cursor: expected"),
            "what the database can't hold: {change:?}"
        );
    }
    // The same question, also with another limit and spelled out in full.
    for limit in ["1", "7"] {
        let parameters =
            [("limit", limit), ("category", "page interaction"), ("cursor", &of_events), ("order", "desc")];
        assert_eq!(service.items("/api/events", &parameters).await.len(), 1);
    }
}

#[actix_web::test]
async fn a_cursor_with_a_changed_character_is_refused() {
    let service = service().await;
    let page = service.get("/api/events", &[("limit", "1")]).await.ok();
    let cursor = page["next_cursor"].as_str().expect("a cursor");
    for at in 0..cursor.len() {
        let mut forged = cursor.as_bytes().to_vec();
        forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(forged).expect("text");
        assert!(
            service.get("/api/events", &[("cursor", &forged)]).await.problem(400).contains("cursor"),
            "{at}"
        );
    }
    for forged in [
        &cursor[1..],
        &cursor[..cursor.len() - 1],
        &format!("{cursor}A"),
        &format!("{cursor}="),
        &format!(" {cursor}"),
    ] {
        assert!(service.get("/api/events", &[("cursor", forged)]).await.problem(400).contains("cursor"));
    }
}

#[actix_web::test]
async fn injections_find_nothing_and_harm_nothing() {
    let service = service().await;
    let injections = [
        "'",
        "''",
        "\"",
        "\\",
        "'; DROP TABLE events; --",
        "' OR '1'='1",
        "1) OR (1=1",
        "{a,b}",
        "{\"a\"}",
        "$1",
        "%s",
        "%",
        "_",
        "${jndi:ldap://x}",
        "../../etc/passwd",
        "<script>",
        "\u{202e}",
        "\r\nSet-Cookie: a=b",
        "a,b",
        "NULL",
        "E'\\x'",
        "😀",
    ];
    let texts = [
        ("/api/events", &["session_id", "category", "name", "application"][..]),
        ("/api/sessions", &["session_id", "application"]),
        ("/api/errors", &["application", "session_id", "field", "path", "category", "name"]),
        ("/api/event-types", &["category", "name"]),
        ("/api/ledger", &["application"]),
    ];
    let parsed = [
        (
            "/api/events",
            &[
                "from",
                "to",
                "received_from",
                "received_to",
                "stored_from",
                "stored_to",
                "order",
                "limit",
                "cursor",
            ][..],
        ),
        ("/api/sessions", &["from", "to", "limit", "cursor"]),
        ("/api/errors", &["severity", "event_id", "from", "to", "resolved", "limit", "cursor"]),
        (
            "/api/errors/summary",
            &["group_by", "spans", "severity", "event_id", "from", "to", "resolved", "limit"],
        ),
        ("/api/event-types", &["registered", "limit", "cursor"]),
        ("/api/applications", &["limit", "cursor"]),
        ("/api/ledger", &["from", "to", "limit", "cursor"]),
    ];
    for injection in injections {
        for (path, parameters) in texts {
            for parameter in parameters {
                assert!(
                    service.items(path, &[(parameter, injection)]).await.is_empty(),
                    "{path} {parameter}={injection}"
                );
            }
        }
        for (path, parameters) in parsed {
            for parameter in parameters {
                let detail = service.get(path, &[(parameter, injection)]).await.problem(400);
                assert!(detail.contains(parameter), "{path} {parameter}={injection}: {detail}");
                assert!(!detail.chars().any(char::is_control), "{detail:?}");
            }
        }
        for parameter in ["application", "session_id", "field", "path", "category", "name"] {
            let summary = service.get("/api/errors/summary", &[(parameter, injection)]).await.ok();
            assert_eq!(summary["items"], serde_json::json!([]), "{parameter}={injection}");
        }
        for (path, status) in [
            ("/api/events", 400),
            ("/api/errors", 400),
            ("/api/sessions", 404),
            ("/api/event-types/page%20interaction", 404),
        ] {
            let path = format!("{path}/{}", crate::service::encoded(injection));
            service.get(&path, &[]).await.problem(status);
        }
        let detail = service.get("/api/events", &[(injection, "1")]).await.problem(400);
        assert!(!detail.chars().any(char::is_control), "{detail:?}");
    }
    assert_eq!(service.items("/api/events", &[]).await.len(), 2);
}
