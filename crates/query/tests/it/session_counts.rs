//! `/api/counts/sessions`: how many different sessions events are of.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use service::keys::Scope;

use crate::ground::{BLOG, Ground, SHOP, sent};
use crate::service::{Parameters, Service};

const COUNT: &str = "/api/counts/sessions";

async fn count(service: &Service, parameters: &Parameters<'_>) -> u64 {
    service.get(COUNT, parameters).await.ok()["sessions"].as_u64().expect("a number")
}

/// Sixty events of ten sessions, a minute apart, each of them told apart by its data.
fn scene() -> Ground {
    let ground = Ground::new();
    let event = |n: i64| {
        let sent =
            sent().session(&format!("s-{}", n % 10)).at(&format!("2021-01-01T00:{n:02}:00Z")).received(n);
        let sent =
            sent.of(["page", "form"][usize::from(n % 3 == 0)], ["view", "scroll"][usize::from(n % 4 == 0)]);
        let sent = sent.with("data", json!({ "n": n, "tags": [n % 7, "all"] }));
        if n % 5 == 0 { sent.by(BLOG) } else { sent }
    };
    ground.write(&(0..60).map(event).collect::<Vec<_>>());
    ground
}

#[actix_web::test]
async fn sessions_are_those_of_the_events_that_the_filters_let_through() {
    let ground = scene();
    let service = Service::start(&ground).await;
    let table: &[(&Parameters<'_>, u64)] = &[
        (&[], 10),
        (&[("session_id", "s-1")], 1),
        (&[("session_id", "s-1"), ("session_id", "s-2"), ("session_id", "nobody")], 2),
        (&[("category", "form")], 10),
        (&[("category", "form"), ("to", "2021-01-01T00:10:00Z")], 4),
        (&[("category", "never")], 0),
        (&[("category_contains", "OR"), ("name_contains", "scr")], 5),
        (&[("name", "scroll")], 5),
        (&[("application", BLOG)], 2),
        (&[("application", SHOP)], 8),
        (&[("application", SHOP), ("application", BLOG)], 10),
        (&[("application", "nobody")], 0),
        (&[("from", "2021-01-01T00:57:00Z")], 3),
        (&[("from", "2021-01-01T00:57:00.000001Z")], 2),
        (&[("from", "2021-01-01T00:10:30Z"), ("to", "2021-01-01T00:15:30Z")], 5),
        (&[("data.n", "7")], 1),
        (&[("data.tags", "3"), ("data.tags", "all")], 9),
        (&[("data.tags", "none")], 0),
        (&[("received_from", "2026-11-01T00:00:00.000057Z")], 3),
        (&[("received_to", "2026-11-01T00:00:00.000002Z")], 2),
        (&[("stored_from", "2021-01-01T00:00:00Z")], 10),
        (&[("stored_to", "2021-01-01T00:00:00Z")], 0),
    ];
    // From the kept counts before and after they are put together.
    for _ in 0..2 {
        for (parameters, expected) in table {
            let events = service.items("/api/events", parameters).await;
            let listed: BTreeSet<_> = events.iter().map(|event| event["session_id"].as_str()).collect();
            let found = count(&service, parameters).await;
            assert_eq!((found, usize::try_from(found)), (*expected, Ok(listed.len())), "{parameters:?}");
        }
        ground.execute("SELECT eye_merge_counts(1000)");
    }
    let expected = json!({ "sessions": 10, "bounded": false, "events_looked_at": 60, "looked_from": null });
    assert_eq!(service.get(COUNT, &[]).await.ok(), expected);
}

#[actix_web::test]
async fn sessions_are_different_where_their_ids_have_different_bytes() {
    let ground = Ground::new();
    let ids = ["a", "A", "a ", " a", "é", "e\u{301}", "😀", "NULL", "'", "\"", "\\", "{a}", "%", "a\u{200b}"];
    for _ in 0..2 {
        ground.write(&ids.map(|id| sent().session(id)));
    }
    let service = Service::start(&ground).await;
    assert_eq!(count(&service, &[]).await, 14);
    for id in ids {
        assert_eq!(count(&service, &[("session_id", id)]).await, 1, "{id:?}");
    }
}

#[actix_web::test]
async fn a_session_that_is_shared_is_one_and_for_a_key_of_its_own_there_are_its_own() {
    let ground = Ground::new();
    ground.write(&[
        sent().session("shared"),
        sent().session("shared").by(BLOG),
        sent().session("of blog").by(BLOG),
        sent().session("of shop"),
    ]);
    let service = Service::start(&ground).await;
    assert_eq!(count(&service, &[]).await, 3);
    let own = ground.key(SHOP, &[Scope::Read], true);
    let table: &[(&Parameters<'_>, [u64; 2])] = &[
        (&[], [2, 2]),
        (&[("application", SHOP)], [2, 2]),
        (&[("application", SHOP), ("application", BLOG)], [2, 2]),
        (&[("application", BLOG)], [0, 0]),
        (&[("session_id", "of blog")], [0, 0]),
        (&[("session_id", "shared")], [1, 1]),
    ];
    for (parameters, expected) in table {
        let answer = service.get_as(&own, COUNT, parameters).await.ok();
        let found = ["sessions", "events_looked_at"].map(|member| answer[member].as_u64().expect("a number"));
        assert_eq!(found, *expected, "{parameters:?}");
    }
}

#[actix_web::test]
async fn only_the_newest_events_are_looked_at_and_the_answer_says_so() {
    let ground = scene();
    let service = Service::start_with(&ground, &[("QUERY__SESSIONS_EVENTS_MAX", "7")]).await;
    let table: &[(&Parameters<'_>, u64, u64, Option<&str>)] = &[
        (&[], 7, 7, Some("2021-01-01T00:52:00.000001Z")),
        (&[("category", "form")], 7, 7, Some("2021-01-01T00:36:00.000001Z")),
        (&[("session_id", "s-1"), ("session_id", "s-2")], 2, 7, Some("2021-01-01T00:21:00.000001Z")),
        (&[("session_id", "s-1")], 1, 6, None),
        (&[("from", "2021-01-01T00:53:00Z")], 7, 7, None),
        (&[("application", "nobody")], 0, 0, None),
        // What an index does not tell narrows what was looked at, and no more is looked at for it.
        (&[("data.n", "55")], 1, 7, Some("2021-01-01T00:52:00.000001Z")),
        (&[("data.n", "5")], 0, 7, Some("2021-01-01T00:52:00.000001Z")),
        (&[("received_to", "2026-11-01T00:00:00.000055Z")], 2, 7, Some("2021-01-01T00:52:00.000001Z")),
    ];
    for _ in 0..2 {
        for (parameters, sessions, looked_at, looked_from) in table {
            let expected = json!({
                "sessions": sessions,
                "bounded": looked_from.is_some(),
                "events_looked_at": looked_at,
                "looked_from": looked_from,
            });
            let answer = service.get(COUNT, parameters).await.ok();
            assert_eq!(answer, expected, "{parameters:?}");
            if let Some(from) = looked_from {
                let again = service.get(COUNT, &[*parameters, &[("from", *from)]].concat()).await.ok();
                assert_eq!(
                    (&again["sessions"], &again["bounded"]),
                    (&json!(sessions), &Value::Bool(false)),
                    "{parameters:?}"
                );
            }
        }
        ground.execute("SELECT eye_merge_counts(1000)");
    }
}

#[actix_web::test]
async fn what_counts_no_sessions_is_refused() {
    let service = Service::start(&Ground::new()).await;
    let table: &[(&Parameters<'_>, &str, &str)] = &[
        (&[("limit", "1")], "limit", "no list"),
        (&[("cursor", "x")], "cursor", "no list"),
        (&[("order", "asc")], "order", "no list"),
        (&[("interval", "day")], "interval", "a parameter of another path"),
        (&[("group_by", "name")], "group_by", "a parameter of another path"),
        (&[("from", "yesterday")], "from", "no time"),
        (&[("from", "2021-02-01T00:00:00Z"), ("to", "2021-01-01T00:00:00Z")], "from", "from after to"),
        (&[("received_to", "x")], "received_to", "no time"),
        (&[("session_id", "a\0b")], "session_id", "no text holds NUL"),
        (&[("name_contains", "")], "name_contains", "a part that everything has"),
        (&[("data.a\\", "1")], "data.a", "a backslash at the end"),
        (&[("data", "1")], "data", "no key"),
    ];
    for (parameters, parameter, reason) in table {
        let detail = service.get(COUNT, parameters).await.problem(400);
        assert!(detail.starts_with(parameter), "{reason}: {detail}");
    }
}
