//! `/api/sessions`, `/api/sessions/{session_id}` and its events.

use serde_json::{Value, json};

use crate::ground::{BLOG, Ground, SHOP, sent};
use crate::service::{Parameters, Service, encoded, members};

const SESSIONS: &str = "/api/sessions";

/// Three sessions, first stored in this order: one (shop, 1st to 10th), two (both, 5th), three (blog, 20th).
fn three() -> Ground {
    let ground = Ground::new();
    let event =
        |session_id: &str, day: u8| sent().session(session_id).at(&format!("2021-01-{day:02}T00:00:00Z"));
    ground.write(&[event("one", 1)]);
    ground.write(&[event("two", 5), event("two", 5).by(BLOG)]);
    ground.write(&[event("three", 20).by(BLOG)]);
    ground.write(&[event("one", 10)]);
    ground
}

#[actix_web::test]
async fn each_filter_finds_the_sessions_that_match() {
    let service = Service::start(&three()).await;
    let (day_2, day_5, day_6) = ("2021-01-02T00:00:00Z", "2021-01-05T00:00:00Z", "2021-01-06T00:00:00Z");
    let table: &[(&Parameters<'_>, &[&str], &str)] = &[
        (&[], &["three", "two", "one"], "those stored last first"),
        (&[("session_id", "one")], &["one"], "one session"),
        (&[("session_id", "one"), ("session_id", "three")], &["three", "one"], "any of two"),
        (&[("application", SHOP)], &["two", "one"], "with events of an application"),
        (&[("application", BLOG)], &["three", "two"], "also where it shares them"),
        (&[("application", "nobody")], &[], "an application that does not exist"),
        (&[("application", BLOG), ("session_id", "two")], &["two"], "an application's and by name"),
        (
            &[("application", SHOP), ("from", day_6)],
            &["one"],
            "with an event of the application in the range",
        ),
        (&[("application", BLOG), ("to", day_6)], &["two"], "an application's until a day"),
        (
            &[("session_id", "two"), ("from", day_2), ("to", day_5)],
            &[],
            "by name, without an event in the range",
        ),
        (&[("from", day_5)], &["three", "two", "one"], "from is inclusive"),
        (&[("from", day_6)], &["three", "one"], "an event in the range"),
        (&[("to", day_5)], &["one"], "to is exclusive"),
        (&[("from", day_2), ("to", day_5)], &[], "a session around the range has no event in it"),
        (&[("from", day_2), ("to", day_6)], &["two"], "a narrow range"),
    ];
    for (parameters, expected, reason) in table {
        assert_eq!(
            service.list(SESSIONS, parameters, "session_id").await,
            *expected,
            "{reason}: {parameters:?}"
        );
    }
}

#[actix_web::test]
async fn a_range_of_very_many_events_finds_the_same_sessions() {
    let ground = three();
    let many = (0..5_001).map(|n| sent().session(&format!("many {}", n % 3)).at("2021-01-05T12:00:00Z"));
    ground.write(&many.collect::<Vec<_>>());
    let service = Service::start(&ground).await;
    let day_5 = ("from", "2021-01-05T00:00:00Z");
    let day_6 = ("to", "2021-01-06T00:00:00Z");
    let mut found = service.list(SESSIONS, &[day_5, day_6], "session_id").await;
    found.sort();
    assert_eq!(found, ["many 0", "many 1", "many 2", "two"]);
    let of_blog = service.list(SESSIONS, &[day_5, day_6, ("application", BLOG)], "session_id").await;
    assert_eq!(of_blog, ["two"]);
    let mut of_shop = service.list(SESSIONS, &[("application", SHOP)], "session_id").await;
    of_shop.sort();
    assert_eq!(of_shop, ["many 0", "many 1", "many 2", "one", "two"]);
}

#[actix_web::test]
async fn a_session_sums_up_its_events() {
    let service = Service::start(&three()).await;
    let expected = |session_id: &str, first: &str, last: &str, count: i64, applications: &[&str]| json!({ "session_id": session_id, "first_event_at": first, "last_event_at": last, "event_count": count, "applications": applications });
    let (day_1, day_5, day_10) =
        ("2021-01-01T00:00:00.000000Z", "2021-01-05T00:00:00.000000Z", "2021-01-10T00:00:00.000000Z");
    assert_eq!(service.get("/api/sessions/one", &[]).await.ok(), expected("one", day_1, day_10, 2, &[SHOP]));
    assert_eq!(
        service.get("/api/sessions/two", &[]).await.ok(),
        expected("two", day_5, day_5, 2, &[BLOG, SHOP])
    );
}

#[actix_web::test]
async fn a_session_id_may_hold_any_characters() {
    let ground = Ground::new();
    let ids = [
        "a/b",
        "/",
        "a b",
        "a+b",
        "a%2Fb",
        "%",
        "100%25",
        "é😀\u{202e}",
        "?q=1&x",
        "#",
        "{id}",
        "a\\b",
        "events",
        "a/events",
        "'; DROP TABLE sessions; --",
        "\u{1}",
        "a..b",
        "%00",
        "a//b",
        "b/",
    ];
    ground.write(&ids.map(|id| sent().session(id).with("data", json!({ "session": id }))));
    let service = Service::start(&ground).await;
    for id in ids {
        let session = service.get(&format!("{SESSIONS}/{}", encoded(id)), &[]).await;
        assert_eq!(session.ok()["session_id"], id);
        for slash in ["", "/"] {
            let events = service.items(&format!("{SESSIONS}/{}/events{slash}", encoded(id)), &[]).await;
            assert_eq!(events.len(), 1, "{id}");
            assert_eq!(events[0]["data"]["session"], id);
        }
        assert_eq!(service.list(SESSIONS, &[("session_id", id)], "session_id").await, [id]);
    }
}

#[actix_web::test]
async fn the_events_of_a_session_come_in_reading_order_page_by_page() {
    let ground = Ground::new();
    let event = |n: i64, second: u8| {
        sent()
            .with("data", json!({ "n": n.to_string() }))
            .at(&format!("2021-01-01T00:00:0{second}Z"))
            .received(n)
    };
    ground.write(&[event(1, 3), event(2, 1).by(BLOG), event(3, 2), event(4, 1), event(5, 1).by(BLOG)]);
    let service = Service::start(&ground).await;
    let (mut numbers, mut cursor) = (String::new(), None::<String>);
    loop {
        let mut parameters = vec![("limit", "2")];
        parameters.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let page = service.get("/api/sessions/s-1/events", &parameters).await.ok();
        numbers.extend(
            page["items"].as_array().expect("items").iter().map(|item| item["data"]["n"].as_str().unwrap()),
        );
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(numbers, "24531");
}

#[actix_web::test]
async fn a_session_that_does_not_exist_is_a_404() {
    let service = Service::start(&three()).await;
    for id in ["nobody", "ONE", "one%20", "%00", "%F0%9F%98%80"] {
        for path in [format!("{SESSIONS}/{id}"), format!("{SESSIONS}/{id}/events")] {
            service.raw(reqwest::Method::GET, &path, Some(&service.key)).await.problem(404);
        }
    }
}

#[actix_web::test]
async fn sessions_are_paged_in_the_order_in_which_they_were_first_stored() {
    let ground = Ground::new();
    for n in 0..7 {
        ground.write(&[sent().session(&n.to_string())]);
    }
    let service = Service::start(&ground).await;
    let first = service.get(SESSIONS, &[("limit", "3")]).await.ok();
    // A session that is stored now, and one that gets another event, move nothing.
    ground.write(&[sent().session("new"), sent().session("0"), sent().session("6")]);
    let cursor = first["next_cursor"].as_str().expect("a cursor");
    let second = service.get(SESSIONS, &[("limit", "4"), ("cursor", cursor)]).await.ok();
    let ids = |page: &Value| members(page["items"].as_array().expect("items"), "session_id");
    assert_eq!([ids(&first), ids(&second)].concat(), ["6", "5", "4", "3", "2", "1", "0"]);
    assert_eq!(second["next_cursor"], Value::Null);
}
