//! `/api/values`: the commonest values of what events hold.

use serde_json::{Value, json};
use service::keys::Scope;

use crate::ground::{BLOG, Ground, SHOP, Sent, sent};
use crate::service::{Parameters, Service};

const VALUES: &str = "/api/values";

fn holding(data: Value) -> Sent {
    sent().with("data", data)
}

async fn values(service: &Service, parameters: &Parameters<'_>) -> Value {
    service.get(VALUES, parameters).await.ok()["items"].take()
}

#[actix_web::test]
async fn the_commonest_values_come_first() {
    let ground = Ground::new();
    let paths = ["/a", "/b", "/b", "/c", "/c", "/c"]
        .map(|path| holding(json!({ "path": path, "deep": { "er": true } })));
    ground.write(&paths);
    ground.write(&[
        holding(json!({ "other": 1 })),
        holding(json!({ "path": null })),
        holding(json!({ "path": 7 })),
    ]);
    let service = Service::start(&ground).await;
    let expected = json!([
        { "value": "/c", "count": 3 }, { "value": "/b", "count": 2 }, { "value": "/a", "count": 1 },
        { "value": 7, "count": 1 }, { "value": null, "count": 1 },
    ]);
    assert_eq!(values(&service, &[("path", "data.path")]).await, expected);
    let two = [expected[0].clone(), expected[1].clone()];
    assert_eq!(values(&service, &[("path", "data.path"), ("limit", "2")]).await, json!(two));
    assert_eq!(values(&service, &[("path", "data.deep.er")]).await, json!([{ "value": true, "count": 6 }]));
    assert_eq!(values(&service, &[("path", "data.nothing")]).await, json!([]));
    let whole = service.get(VALUES, &[("path", "data.path")]).await.ok();
    let looked =
        [&whole["bounded"], &whole["events_looked_at"], &whole["looked_from"], &whole["values_too_long"]];
    assert_eq!(looked, [&json!(false), &json!(9), &Value::Null, &json!(0)]);
}

#[actix_web::test]
async fn a_value_counts_the_events_that_a_filter_by_it_lets_through() {
    let ground = Ground::new();
    ground.write(&[
        holding(json!({ "tags": ["x", "y"], "form": [{ "name": "n" }, { "name": "n" }] })),
        holding(json!({ "tags": ["x", "x"], "a.b": 1 })),
        holding(json!({ "tags": "x", "form": { "name": "m" } })),
        holding(json!({ "tags": 1.0, "\\": "slash" })),
        holding(json!({ "tags": [1, 2], "": "blank" })),
    ]);
    let service = Service::start(&ground).await;
    let table = [
        ("data.tags", json!([["x", 3], [1, 2], ["y", 1], [2, 1]])),
        ("data.form.name", json!([["m", 1], ["n", 1]])),
        (r"data.a\.b", json!([[1, 1]])),
        (r"data.\\", json!([["slash", 1]])),
    ];
    for (path, expected) in table {
        let found = values(&service, &[("path", path)]).await;
        let found = found.as_array().expect("items");
        let mut figures: Vec<_> = found
            .iter()
            .map(|item| {
                (
                    item["count"].as_u64().expect("a count"),
                    item["value"].as_f64().map_or(item["value"].clone(), Value::from),
                )
            })
            .collect();
        let mut wanted: Vec<_> = expected
            .as_array()
            .expect("pairs")
            .iter()
            .map(|pair| {
                (pair[1].as_u64().expect("a count"), pair[0].as_f64().map_or(pair[0].clone(), Value::from))
            })
            .collect();
        figures.sort_by_key(|figure| format!("{figure:?}"));
        wanted.sort_by_key(|figure| format!("{figure:?}"));
        assert_eq!(figures, wanted, "{path}");
        for item in found {
            let value = item["value"].as_str().map_or_else(|| item["value"].to_string(), str::to_owned);
            let events = service.items("/api/events", &[(path, &value)]).await;
            assert_eq!(json!(events.len()), item["count"], "{path}={value}");
        }
    }
}

#[actix_web::test]
async fn values_are_of_the_events_that_the_filters_let_through() {
    let ground = Ground::new();
    ground.write(&[
        holding(json!({ "n": 1, "kind": "k" }))
            .session("a")
            .at("2021-01-01T00:00:00Z")
            .of("c", "x")
            .received(1),
        holding(json!({ "n": 2 })).session("b").at("2021-01-02T00:00:00Z").of("c", "y").by(BLOG).received(2),
        holding(json!({ "n": 3 })).session("b").at("2021-01-03T00:00:00Z").of("d", "y").received(3),
    ]);
    let service = Service::start(&ground).await;
    let table: &[(&Parameters<'_>, &[u64])] = &[
        (&[("session_id", "b")], &[2, 3]),
        (&[("session_id", "a"), ("session_id", "b"), ("category", "c")], &[1, 2]),
        (&[("category", "c")], &[1, 2]),
        (&[("name", "y")], &[2, 3]),
        (&[("name_contains", "Y")], &[2, 3]),
        (&[("application", BLOG)], &[2]),
        (&[("application", "nobody")], &[]),
        (&[("from", "2021-01-02T00:00:00Z")], &[2, 3]),
        (&[("to", "2021-01-02T00:00:00Z")], &[1]),
        (&[("from", "2021-01-01T00:00:00.000001Z"), ("to", "2021-01-02T00:00:00.000001Z")], &[2]),
        (&[("received_from", "2026-11-01T00:00:00.000002Z")], &[2, 3]),
        (&[("received_to", "2026-11-01T00:00:00.000002Z")], &[1]),
        (&[("data.kind", "k")], &[1]),
    ];
    for (parameters, expected) in table {
        let found = values(&service, &[*parameters, &[("path", "data.n")]].concat()).await;
        let found: Vec<_> =
            found.as_array().expect("items").iter().map(|item| item["value"].clone()).collect();
        assert_eq!(json!(found), json!(expected), "{parameters:?}");
    }
    let own = ground.key(SHOP, &[Scope::Read], true);
    let of_own = service.get_as(&own, VALUES, &[("path", "data.n")]).await.ok();
    assert_eq!(of_own["items"], json!([{ "value": 1, "count": 1 }, { "value": 3, "count": 1 }]));
    let of_others = service.get_as(&own, VALUES, &[("path", "data.n"), ("application", BLOG)]).await.ok();
    assert_eq!((&of_others["items"], &of_others["events_looked_at"]), (&json!([]), &json!(0)));
}

#[actix_web::test]
async fn only_the_newest_events_are_looked_at_and_the_answer_says_so() {
    let ground = Ground::new();
    let events = (0..20u32).map(|n| holding(json!({ "n": n })).session(&format!("s-{}", n % 2)));
    let events =
        events.zip(0..).map(|(event, n)| event.at(&format!("2021-01-01T{:02}:{:02}:00Z", n / 4, n % 4)));
    ground.write(&events.collect::<Vec<_>>());
    let service = Service::start_with(&ground, &[("QUERY__VALUES_EVENTS_MAX", "7")]).await;
    let table: &[(&Parameters<'_>, u64, Option<&str>)] = &[
        (&[], 7, Some("2021-01-01T03:00:00.000001Z")),
        (&[("session_id", "s-0")], 7, Some("2021-01-01T01:00:00.000001Z")),
        (&[("to", "2021-01-01T02:01:30Z")], 7, Some("2021-01-01T00:02:00.000001Z")),
        (&[("to", "2021-01-01T01:03:00Z")], 7, None),
        (&[("from", "2021-01-01T03:01:00Z")], 7, None),
        (&[("from", "2021-01-01T03:00:00Z")], 7, Some("2021-01-01T03:00:00.000001Z")),
        (&[("from", "2021-01-01T03:01:00Z"), ("to", "2021-01-01T03:02:30Z")], 2, None),
    ];
    for _ in 0..2 {
        for (parameters, looked_at, looked_from) in table {
            let whole = service.get(VALUES, &[*parameters, &[("path", "data.n")]].concat()).await.ok();
            assert_eq!(whole["events_looked_at"], json!(looked_at), "{parameters:?}");
            assert_eq!(whole["bounded"], json!(looked_from.is_some()), "{parameters:?}");
            assert_eq!(whole["looked_from"], json!(looked_from), "{parameters:?}");
            assert_eq!(
                whole["items"].as_array().map(Vec::len),
                usize::try_from(*looked_at).ok(),
                "{parameters:?}"
            );
        }
        ground.execute("SELECT eye_merge_counts(1000)");
    }
    // What an index does not tell narrows what was looked at, and no more is looked at for it.
    let narrowed = service.get(VALUES, &[("path", "data.n"), ("data.n", "19")]).await.ok();
    assert_eq!((&narrowed["events_looked_at"], &narrowed["items"][0]["value"]), (&json!(7), &json!(19)));
}

#[actix_web::test]
async fn events_of_one_instant_are_looked_at_together_or_not_at_all() {
    let ground = Ground::new();
    let at = ["00:00", "00:01", "00:01", "00:01", "00:02"];
    ground.write(&at.map(|at| holding(json!({ "at": at })).at(&format!("2021-01-01T00:{at}Z"))));
    let service = Service::start_with(&ground, &[("QUERY__VALUES_EVENTS_MAX", "3")]).await;
    let whole = service.get(VALUES, &[("path", "data.at")]).await.ok();
    assert_eq!(whole["items"], json!([{ "value": "00:02", "count": 1 }]));
    assert_eq!(
        (&whole["events_looked_at"], &whole["looked_from"]),
        (&json!(1), &json!("2021-01-01T00:00:01.000001Z"))
    );
}

#[actix_web::test]
async fn values_that_are_too_long_are_counted_and_not_listed() {
    let ground = Ground::new();
    let long = |length| holding(json!({ "text": "x".repeat(length) }));
    ground.write(&[long(10), long(2_000), long(3_000), holding(json!({ "text": ["a", "x".repeat(9_999)] }))]);
    let service = Service::start(&ground).await;
    let whole = service.get(VALUES, &[("path", "data.text"), ("limit", "1")]).await.ok();
    assert_eq!(whole["values_too_long"], 3);
    assert_eq!(whole["items"].as_array().map(Vec::len), Some(1));
}

#[actix_web::test]
async fn a_path_that_is_none_is_refused() {
    let service = Service::start(&Ground::new()).await;
    let table: &[(&Parameters<'_>, &str, &str)] = &[
        (&[], "path", "none at all"),
        (&[("path", "")], "path", "nothing"),
        (&[("path", "data")], "path", "no key"),
        (&[("path", "data.")], "path", "no key"),
        (&[("path", "path")], "path", "not of data"),
        (&[("path", "category")], "path", "not of data"),
        (&[("path", r"data.a\b")], "path", "an escape of nothing"),
        (&[("path", "data.a"), ("path", "data.b")], "path", "two of them"),
        (&[("path", "data.a"), ("limit", "0")], "limit", "no limit"),
        (&[("path", "data.a"), ("limit", "1001")], "limit", "over the maximum"),
        (&[("path", "data.a"), ("cursor", "x")], "cursor", "a parameter of another path"),
        (&[("path", "data.a"), ("order", "asc")], "order", "a parameter of another path"),
    ];
    for (parameters, parameter, reason) in table {
        let detail = service.get(VALUES, parameters).await.problem(400);
        assert!(detail.starts_with(&format!("{parameter}:")), "{reason}: {detail}");
    }
}
