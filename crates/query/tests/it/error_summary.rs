//! `/api/errors/summary`.

use event::Severity;
use event::violation::Keyword;
use serde_json::{Value, json};

use crate::ground::{BLOG, Ground, SHOP, fault, sent};
use crate::service::{Parameters, Service};

const SUMMARY: &str = "/api/errors/summary";

/// Three names that are null, one of them the blog's and one with an unknown field too; a type that a schema refuses; a
/// warning.
fn scene() -> Ground {
    let ground = Ground::new();
    let null = || sent().with("name", Value::Null);
    ground.write(&[
        null().received(0),
        null().with("user_id", 7).received(1_000_000),
        null().by(BLOG).received(2_000_000),
    ]);
    ground.write_faulty(
        &sent().of("form", "submit").received(3_000_000),
        &[fault(Keyword::Type, Severity::Error, "/host")],
    );
    ground.write_faulty(
        &sent().of("form", "reset").received(4_000_000),
        &[fault(Keyword::Pattern, Severity::Warning, "/host")],
    );
    ground
}

/// The groups, each as its words in this order and its count.
async fn told(service: &Service, parameters: &Parameters<'_>, words: &[&str]) -> Vec<String> {
    let summary = service.get(SUMMARY, parameters).await.ok();
    let items = summary["items"].as_array().expect("items");
    let told = items.iter().map(|item| {
        let words: Vec<_> = words.iter().map(|word| item[*word].as_str().unwrap_or("-")).collect();
        format!("{} {}", words.join(" "), item["count"])
    });
    told.collect()
}

#[actix_web::test]
async fn groups_have_the_members_that_were_asked_for() {
    let service = Service::start(&scene()).await;
    let table: &[(Option<&str>, &[&str], &[&str])] = &[
        (
            None,
            &["code", "field"],
            &["null name 3", "schema.pattern data 1", "schema.type data 1", "unknown_field user_id 1"],
        ),
        (Some("severity"), &["severity"], &["error 5", "warning 1"]),
        (Some("application"), &["application"], &["shop 5", "blog 1"]),
        (Some("path"), &["path"], &["/name 3", "/data/host 2", "/user_id 1"]),
        (Some("category"), &["category"], &["page interaction 4", "form 2"]),
        (Some("name"), &["name"], &["- 4", "reset 1", "submit 1"]),
        (
            Some("application,field"),
            &["application", "field"],
            &["shop data 2", "shop name 2", "blog name 1", "shop user_id 1"],
        ),
        (
            Some("field,application"),
            &["field", "application"],
            &["data shop 2", "name shop 2", "name blog 1", "user_id shop 1"],
        ),
    ];
    for (group_by, words, expected) in table {
        let parameters: Vec<_> = group_by.map(|words| ("group_by", words)).into_iter().collect();
        assert_eq!(told(&service, &parameters, words).await, *expected, "{group_by:?}");
        let item = &service.get(SUMMARY, &parameters).await.ok()["items"][0];
        let members: Vec<_> = item.as_object().expect("an object").keys().map(String::as_str).collect();
        for member in ["code", "field", "path", "severity", "application", "category", "name"] {
            assert_eq!(members.contains(&member), words.contains(&member), "{group_by:?}: {member}");
        }
    }
}

#[actix_web::test]
async fn a_group_tells_since_when_and_shows_an_error() {
    let service = Service::start(&scene()).await;
    let summary = service.get(SUMMARY, &[("code", "null")]).await.ok();
    assert_eq!(summary["truncated"], false);
    let error = service.items("/api/errors", &[("code", "null")]).await.remove(0);
    let expected = json!([{
        "code": "null",
        "field": "name",
        "count": 3,
        "first_at": "2026-11-01T00:00:00.000000Z",
        "last_at": "2026-11-01T00:00:02.000000Z",
        "example": {
            "id": error["id"], "event_id": error["event_id"], "path": "/name", "message": error["message"], "value": "null",
        },
    }]);
    assert_eq!(summary["items"], expected);
}

#[actix_web::test]
async fn the_filters_are_those_of_errors() {
    let ground = scene();
    ground.execute("UPDATE rejected_events SET resolved_at = now() WHERE name = 'submit'");
    let service = Service::start(&ground).await;
    let of_blog = service.items("/api/errors", &[("application", BLOG)]).await.remove(0);
    let id = of_blog["event_id"].as_str().expect("an id").to_owned();
    let table: &[(&Parameters<'_>, i64)] = &[
        (&[], 6),
        (&[("application", BLOG)], 1),
        (&[("application", BLOG), ("application", SHOP)], 6),
        (&[("application", "nobody")], 0),
        (&[("session_id", "s-1")], 6),
        (&[("field", "data")], 2),
        (&[("path", "/user_id")], 1),
        (&[("code", "schema.type")], 1),
        (&[("code", "schema.type"), ("code", "schema.pattern")], 2),
        (&[("category", "form")], 2),
        (&[("name", "submit")], 1),
        (&[("event_id", &id)], 1),
        (&[("severity", "warning")], 1),
        (&[("from", "2026-11-01T00:00:03Z")], 2),
        (&[("to", "2026-11-01T00:00:03Z")], 4),
        (&[("resolved", "true")], 1),
        (&[("resolved", "false")], 5),
    ];
    for (parameters, expected) in table {
        let summary = service.get(SUMMARY, parameters).await.ok();
        let items = summary["items"].as_array().expect("items");
        let count: i64 = items.iter().filter_map(|item| item["count"].as_i64()).sum();
        let listed = service.items("/api/errors", parameters).await.len();
        assert_eq!((count, i64::try_from(listed).expect("few")), (*expected, *expected), "{parameters:?}");
    }
}

#[actix_web::test]
async fn only_the_largest_groups_are_told_and_that_there_are_more() {
    let service = Service::start(&scene()).await;
    for (limit, count, truncated) in [("1", 1, true), ("3", 3, true), ("4", 4, false), ("1000", 4, false)] {
        let summary = service.get(SUMMARY, &[("limit", limit)]).await.ok();
        assert_eq!(summary["items"].as_array().expect("items").len(), count, "{limit}");
        assert_eq!(summary["truncated"], truncated, "{limit}");
    }
}
