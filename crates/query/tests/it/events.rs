//! `/api/events`: what each filter finds, and in which order.

use serde_json::{Value, json};

use crate::ground::{BLOG, Ground, SHOP, sent};
use crate::service::{Parameters, Service, members};

const EVENTS: &str = "/api/events";

/// Five events, each in its own minute, told apart by their data.
fn five() -> Ground {
    let ground = Ground::new();
    let event = |n: i64| {
        let at = format!("2021-01-01T00:0{n}:00Z");
        sent().with("data", json!({ "n": n.to_string() })).at(&at).received(n * 1_000_000)
    };
    ground.write(&[
        event(1).session("one").of("page", "view"),
        event(2).session("one").of("page", "click").by(BLOG),
        event(3).session("two").of("form", "view"),
        event(4).session("two").of("form", "submit"),
        event(5).session("three").of("page", "view").by(BLOG),
    ]);
    ground
}

fn numbers(items: &[Value]) -> String {
    items.iter().map(|item| item["data"]["n"].as_str().expect("a number")).collect()
}

#[actix_web::test]
async fn each_filter_finds_what_matches_and_nothing_else() {
    let service = Service::start(&five()).await;
    let table: &[(&Parameters<'_>, &str, &str)] = &[
        (&[], "54321", "no filter"),
        (&[("order", "desc")], "54321", "the newest first"),
        (&[("order", "asc")], "12345", "the oldest first"),
        (&[("session_id", "two")], "43", "a session"),
        (&[("session_id", "two"), ("session_id", "three")], "543", "any of two sessions"),
        (&[("session_id", "two"), ("session_id", "two")], "43", "a session named twice"),
        (&[("category", "page")], "521", "a category"),
        (&[("category", "page"), ("category", "form")], "54321", "any of two categories"),
        (&[("name", "view")], "531", "a name in several categories"),
        (&[("name", "click"), ("name", "submit")], "42", "any of two names"),
        (&[("category", "page"), ("name", "view")], "51", "both category and name"),
        (&[("category", "form"), ("name", "click")], "", "a category and a name that do not meet"),
        (&[("application", SHOP)], "431", "an application"),
        (&[("application", SHOP), ("application", BLOG)], "54321", "any of two applications"),
        (&[("application", BLOG), ("category", "page")], "52", "an application's share of a category"),
        (&[("application", BLOG), ("session_id", "one")], "2", "an application's share of a session"),
        (&[("application", BLOG), ("category", "form")], "", "a category that the application has not"),
        (&[("session_id", "one"), ("name", "click")], "2", "a name within a session"),
        (&[("from", "2021-01-01T00:03:00Z")], "543", "from is inclusive"),
        (&[("to", "2021-01-01T00:03:00Z")], "21", "to is exclusive"),
        (&[("from", "2021-01-01T00:02:00Z"), ("to", "2021-01-01T00:04:00Z")], "32", "a range"),
        (&[("from", "2021-01-01T00:02:00Z"), ("to", "2021-01-01T00:02:00Z")], "", "an empty range"),
        (&[("from", "2021-01-01T01:03:00+01:00")], "543", "a zone"),
        (&[("from", "2021-01-01 00:03:00.000000")], "543", "no zone is UTC"),
        (&[("from", "2021-01-01T00:03:00.000001Z")], "54", "a microsecond later"),
        (&[("received_from", "2026-11-01T00:00:04Z")], "54", "received from"),
        (&[("received_to", "2026-11-01T00:00:02Z")], "1", "received before"),
        (&[("received_from", "2026-11-01T00:00:02Z"), ("category", "page")], "52", "received, of a category"),
        (
            &[("category", "page"), ("from", "2021-01-01T00:02:00Z"), ("order", "asc")],
            "25",
            "oldest first of a category",
        ),
    ];
    for (parameters, expected, reason) in table {
        assert_eq!(numbers(&service.items(EVENTS, parameters).await), *expected, "{reason}: {parameters:?}");
    }
}

#[actix_web::test]
async fn events_are_found_by_the_time_at_which_they_were_stored() {
    let ground = Ground::new();
    let event = |n: i64| sent().with("data", json!({ "n": n.to_string() })).received(n);
    ground.write(&[event(1), event(2)]);
    ground.write(&[event(3)]);
    let service = Service::start(&ground).await;
    let last = &service.items(EVENTS, &[]).await[0];
    let at = last["stored_at"].as_str().expect("a time").to_owned();
    let late = [("stored_from", at.as_str())];
    let early = [("stored_to", at.as_str())];
    let of_type = [("category", "page interaction")];
    for (range, expected) in [(late, "3"), (early, "21")] {
        let count = expected.len();
        assert_eq!(numbers(&service.items(EVENTS, &range).await), expected, "{range:?}");
        assert_eq!(numbers(&service.items(EVENTS, &[range, of_type].concat()).await), expected, "{range:?}");
        let exported = service.get("/api/events/export", &range).await.text;
        assert_eq!(exported.lines().count(), count, "{range:?}: {exported}");
        let counted = service.items("/api/counts", &[range, [("interval", "month")]].concat()).await;
        assert_eq!(counted[0]["count"], count, "{range:?}");
        let values = service.get("/api/values", &[range, [("path", "data.n")]].concat()).await.ok();
        assert_eq!(values["items"].as_array().expect("values").len(), count, "{range:?}: {values}");
    }
}

#[actix_web::test]
async fn what_never_occurred_is_an_empty_page() {
    let service = Service::start(&five()).await;
    for name in ["session_id", "category", "name", "application"] {
        for value in ["nobody ever said this", "PAGE", "%", "*", " one"] {
            assert_eq!(
                service.get(EVENTS, &[(name, value)]).await.ok(),
                json!({ "items": [], "next_cursor": null })
            );
        }
    }
}

#[actix_web::test]
async fn events_of_one_instant_come_in_the_order_in_which_they_were_received() {
    let ground = Ground::new();
    let event = |n: i64| sent().with("data", json!({ "n": n.to_string() })).received(n);
    // Written in another order than they were received, in two batches.
    ground.write(&[event(4).by(BLOG), event(1), event(5)]);
    ground.write(&[event(3), event(2).by(BLOG)]);
    let service = Service::start(&ground).await;
    assert_eq!(numbers(&service.items(EVENTS, &[("order", "asc")]).await), "12345");
    assert_eq!(numbers(&service.items(EVENTS, &[("order", "desc")]).await), "54321");
    assert_eq!(numbers(&service.items("/api/sessions/s-1/events", &[]).await), "12345");
}

#[actix_web::test]
async fn events_that_differ_in_their_session_alone_are_paged_one_by_one() {
    let ground = Ground::new();
    let event = sent();
    let sessions = ["a", "b", "c"];
    ground.write(&sessions.map(|session| event.clone().session(session)));
    let service = Service::start(&ground).await;
    for (order, expected) in [("asc", ["a", "b", "c"]), ("desc", ["c", "b", "a"])] {
        let (mut found, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let mut parameters = vec![("limit", "1"), ("order", order)];
            parameters.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
            let page = service.get(EVENTS, &parameters).await.ok();
            found.extend(members(page["items"].as_array().expect("items"), "session_id"));
            cursor = page["next_cursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(found, expected, "{order}");
    }
}

#[actix_web::test]
async fn an_event_has_the_fields_of_the_contract_and_no_others() {
    let ground = Ground::new();
    let event = sent();
    ground.write(std::slice::from_ref(&event));
    let service = Service::start(&ground).await;
    let mut item = service.items(EVENTS, &[]).await.remove(0);
    let stored_at = item["stored_at"].take();
    let stored_at = stored_at.as_str().expect("a time");
    assert!(
        stored_at.len() == "2021-01-01T09:15:27.243860Z".len() && stored_at.ends_with('Z'),
        "{stored_at}"
    );
    assert_eq!(
        item,
        json!({
            "id": event.id.to_string(),
            "application": "shop",
            "session_id": "s-1",
            "category": "page interaction",
            "name": "pageview",
            "data": { "host": "www.consumeraffairs.com", "path": "/" },
            "timestamp": "2021-01-01T09:15:27.243860Z",
            "received_at": event.received_at.to_string(),
            "stored_at": null,
        })
    );
}

#[actix_web::test]
async fn numbers_keep_every_digit_and_texts_every_character() {
    let ground = Ground::new();
    let digits = "1234567890123456789012345678901234567890.12345678901234567890";
    let data = format!(
        r#"{{"n": 9007199254740993, "long": {digits}, "small": 1e-300, "text": "\u202e\uffff é e\u0301 😀 <b>", "": null}}"#
    );
    let body = format!(
        r#"{{"session_id": " s ", "category": "'; DROP TABLE events; --", "name": "😀", "timestamp": "2021-01-01T00:00:00Z", "data": {data}}}"#
    );
    ground.write(&[sent().bytes(body)]);
    let service = Service::start(&ground).await;
    let answer = service
        .get(EVENTS, &[("session_id", " s "), ("category", "'; DROP TABLE events; --"), ("name", "😀")])
        .await;
    assert!(answer.text.contains("9007199254740993") && answer.text.contains(digits), "{}", answer.text);
    let item = answer.items().remove(0);
    assert_eq!(item["data"]["text"], "\u{202e}\u{ffff} é e\u{301} 😀 <b>");
    assert_eq!(item["data"][""], Value::Null);
    assert_eq!(members(&[item], "session_id"), [" s "]);
}

#[actix_web::test]
async fn a_trailing_slash_is_no_other_address() {
    let service = Service::start(&five()).await;
    let plain = service.get("/api/events", &[("category", "form")]).await;
    let slashed = service.get("/api/events/", &[("category", "form")]).await;
    assert_eq!(plain.ok(), slashed.ok());
}

#[actix_web::test]
async fn a_page_holds_a_hundred_items_unless_asked_otherwise() {
    let ground = Ground::new();
    ground.write(&(0..101).map(|_| sent()).collect::<Vec<_>>());
    let service = Service::start(&ground).await;
    let page = service.get(EVENTS, &[]).await.ok();
    assert_eq!(page["items"].as_array().expect("items").len(), 100);
    let cursor = page["next_cursor"].as_str().expect("a cursor");
    assert!(
        cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'),
        "{cursor}"
    );
    assert_eq!(service.items(EVENTS, &[("cursor", cursor)]).await.len(), 1);
    assert_eq!(service.items(EVENTS, &[("limit", "101")]).await.len(), 101);
}
