//! `/api/event-types` and `/api/event-types/{category}/{name}`.

use event::violation::Keyword;
use event::{Mode, Severity};
use serde_json::{Value, json};
use store::event_types::Cause;

use crate::ground::{Ground, fault, sent};
use crate::service::{Service, encoded, members};

const TYPES: &str = "/api/event-types";

fn path(category: &str, name: &str) -> String {
    format!("{TYPES}/{}/{}", encoded(category), encoded(name))
}

#[actix_web::test]
async fn seen_and_registered_types_are_listed_with_their_counts() {
    let ground = Ground::new();
    ground.register("form", "submit", Mode::Enforce, &json!({ "required": ["host"] }));
    ground.register("form", "reset", Mode::Warn, &json!({}));
    ground.register("form", "reset", Mode::Warn, &json!({ "type": "object" }));
    ground.write(&[sent(), sent(), sent().of("form", "submit")]);
    let faulty = sent().of("form", "submit");
    ground
        .write_faulty(&faulty, &["/host", "/path"].map(|place| fault(Keyword::Type, Severity::Error, place)));
    ground.write_faulty(&sent(), &[fault(Keyword::Type, Severity::Warning, "/host")]);
    let service = Service::start(&ground).await;
    let mut items = service.items(TYPES, &[]).await;
    assert!(items.iter_mut().all(|item| item["first_seen_at"].take().is_string()));
    let item = |category, name, version: Option<i64>, mode: Option<&str>, counts: [i64; 3]| {
        json!({
            "category": category, "name": name, "first_seen_at": null, "registered": mode.is_some(), "version": version,
            "mode": mode, "event_count": counts[0], "error_count": counts[1], "warning_count": counts[2],
        })
    };
    let expected = [
        item("form", "reset", Some(2), Some("warn"), [0, 0, 0]),
        item("form", "submit", Some(1), Some("enforce"), [1, 2, 0]),
        item("page interaction", "pageview", None, None, [3, 0, 1]),
    ];
    assert_eq!(items, expected);
    for (filter, value, count) in
        [("registered", "true", 2), ("registered", "false", 1), ("category", "form", 2), ("name", "reset", 1)]
    {
        assert_eq!(service.items(TYPES, &[(filter, value)]).await.len(), count, "{filter}={value}");
    }
}

#[actix_web::test]
async fn one_type_has_its_schema_and_who_made_its_versions_when_and_why() {
    let ground = Ground::new();
    // As it was given: the order of its members, and every digit.
    let schema = r#"{"required": ["b", "a"], "maxProperties": 10000000000000000000000}"#;
    ground.register("form", "submit", Mode::Warn, &json!({}));
    let (category, name) = ("form", "submit");
    let cause = Cause { author: "bob", reason: None };
    let new = store::event_types::NewVersion { category, name, mode: Mode::Enforce, schema, cause };
    ground.store.set_event_type(new).expect("set");
    let service = Service::start(&ground).await;
    let answer = service.get(&path(category, name), &[]).await;
    assert!(answer.text.contains(schema), "{}", answer.text);
    let found = answer.ok();
    assert_eq!(
        (&found["registered"], &found["version"], &found["mode"]),
        (&json!(true), &json!(2), &json!("enforce"))
    );
    assert_eq!(found["versions_truncated"], false);
    let versions = found["versions"].as_array().expect("versions");
    let told: Vec<_> = versions
        .iter()
        .map(|version| ["version", "mode", "created_by", "reason"].map(|member| version[member].clone()))
        .collect();
    assert_eq!(
        told,
        [
            [json!(2), json!("enforce"), json!("bob"), Value::Null],
            [json!(1), json!("warn"), json!("alice"), json!("for a test")],
        ]
    );
    assert!(versions.iter().all(|version| version["created_at"].is_string()));
    assert_eq!((&versions[0]["schema"], &versions[1]["schema"]), (&found["schema"], &json!({})));
    // The list gives the same where it is asked for one type.
    let listed = service.items(TYPES, &[("category", category), ("name", name)]).await;
    assert_eq!(listed, [found]);

    ground.store.remove_event_type(category, name, cause).expect("remove");
    let removed = service.get(&path(category, name), &[]).await.ok();
    for member in ["version", "mode", "schema"] {
        assert_eq!(removed[member], Value::Null, "{member}");
    }
    assert_eq!(removed["registered"], false);
    let last = &removed["versions"][0];
    assert_eq!((&last["version"], &last["mode"], &last["schema"]), (&json!(3), &Value::Null, &Value::Null));
}

#[actix_web::test]
async fn only_so_many_versions_are_shown_and_whether_there_are_more() {
    let ground = Ground::new();
    for number in 0..101 {
        ground.register("form", "submit", Mode::Warn, &json!({ "maxProperties": number }));
    }
    let service = Service::start(&ground).await;
    let found = service.get(&path("form", "submit"), &[]).await.ok();
    let versions = found["versions"].as_array().expect("versions");
    assert_eq!((versions.len(), &versions[0]["version"]), (100, &json!(101)));
    assert_eq!(found["versions_truncated"], true);
}

#[actix_web::test]
async fn a_type_is_found_whatever_its_name_holds() {
    let ground = Ground::new();
    let table = [
        ("a/b", "c/d", "slashes"),
        ("a b+c", "d%2Fe", "blanks, a plus, an escape that is none"),
        ("ä😀", "\u{202e}x", "other scripts"),
        ("?&=#;", "'\"\\<>", "what has a meaning in an address"),
        ("..", "...", "dots that lead nowhere else"),
        ("a\nb", "\t.", "control characters"),
        ("{category}", "{name}", "braces"),
    ];
    let events: Vec<_> = table.iter().map(|(category, name, _)| sent().of(category, name)).collect();
    ground.write(&events);
    let service = Service::start(&ground).await;
    for (category, name, reason) in table {
        let listed = service.items(TYPES, &[("category", category), ("name", name)]).await;
        assert_eq!((listed.len(), members(&listed, "name")), (1, vec![name.to_owned()]), "{reason}");
        assert_eq!(listed[0]["versions"], json!([]), "{reason}");
        // A client takes these dots for a way up, however they are written.
        if category != ".." {
            let found = service.get(&path(category, name), &[]).await.ok();
            assert_eq!(found, listed[0], "{reason}");
        }
    }
}

#[actix_web::test]
async fn a_type_that_nobody_has_seen_is_a_404() {
    let ground = Ground::new();
    ground.write(&[sent().of("a", "b")]);
    let service = Service::start(&ground).await;
    for target in ["/a/c", "/b/a", "/A/B", "/a%00/b", "/a/%00", "/%FF/b", "/a/b%20", "/a%2Fb/c"] {
        service.get(&format!("{TYPES}{target}"), &[]).await.problem(404);
    }
    assert!(service.items(TYPES, &[("category", "a"), ("name", "c")]).await.is_empty());
}

#[actix_web::test]
async fn pages_of_types_follow_each_other() {
    let ground = Ground::new();
    let names = ["a", "b", "c", "d", "e"];
    ground.write(&names.map(|name| sent().of("x", name)));
    let service = Service::start(&ground).await;
    let (mut found, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let mut parameters = vec![("limit", "2"), ("category", "x")];
        parameters.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let page = service.get(TYPES, &parameters).await.ok();
        found.extend(members(page["items"].as_array().expect("items"), "name"));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = Some(next.to_owned());
        // One that comes before, and so does not move the others.
        ground.write(&[sent().of("x", "A")]);
    }
    assert_eq!(found, names);
}
