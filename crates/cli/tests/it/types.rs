//! `eye type` and `eye app strict`.

use serde_json::{Value, json};

use crate::command::{stderr, stdout};
use crate::ground::{Ground, event};

const TYPE: [&str; 4] = ["--category", "checkout", "--name", "paid"];

fn with<'a>(command: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [command, &TYPE, more].concat()
}

fn set(ground: &Ground, schema: &str, more: &[&str]) -> Value {
    let arguments = with(&["type", "set"], &[more, &["--schema", "-", "--output", "json"]].concat());
    let output = ground.eye(&arguments).input(schema).run();
    assert!(output.status.success(), "{schema}: {}", stderr(&output));
    serde_json::from_str(&stdout(&output)).expect("JSON")
}

fn refused(ground: &Ground, schema: &str, more: &[&str]) -> String {
    let output =
        ground.eye(&with(&["type", "set"], &[more, &["--schema", "-"]].concat())).input(schema).run();
    assert!(!output.status.success(), "{schema}: {}", stdout(&output));
    stderr(&output)
}

#[test]
fn a_type_is_set_listed_shown_and_removed_in_versions() {
    let ground = Ground::new("types");
    assert_eq!(ground.json(&["type", "list"]), json!([]));
    let schema = r#"{"required": ["total"], "properties": {"total": {"type": "number", "maximum": 1e2}}}"#;
    let first = set(&ground, schema, &["--by", "alice", "--reason", "as agreed"]);
    assert_eq!(
        (&first["version"], &first["changed"], &first["mode"]),
        (&1.into(), &true.into(), &"enforce".into())
    );
    assert_eq!((&first["created_by"], &first["reason"]), (&"alice".into(), &"as agreed".into()));
    let again = set(&ground, schema, &[]);
    assert_eq!(
        (&again["version"], &again["changed"], &again["created_by"]),
        (&1.into(), &false.into(), &"alice".into())
    );
    let warned = set(&ground, schema, &["--mode", "warn"]);
    assert_eq!(
        (&warned["version"], &warned["mode"], &warned["reason"]),
        (&2.into(), &"warn".into(), &Value::Null)
    );
    // Without --by, it is the user of the shell.
    assert!(
        warned["created_by"].as_str().is_some_and(|user| !user.is_empty() && user != "alice"),
        "{warned}"
    );

    let listed = ground.json(&["type", "list"]);
    assert_eq!(listed.as_array().map(Vec::len), Some(1));
    assert_eq!((&listed[0]["category"], &listed[0]["version"]), (&"checkout".into(), &2.into()));
    let shown = ground.json(&with(&["type", "show"], &["--version", "1"]));
    assert_eq!((&shown["version"], &shown["registered"]), (&1.into(), &true.into()));
    assert_eq!(shown["schema"], serde_json::from_str::<Value>(schema).expect("JSON"));
    let numbers: Vec<_> =
        shown["versions"].as_array().expect("versions").iter().map(|each| &each["version"]).collect();
    assert_eq!(numbers, [&json!(2), &json!(1)]);

    let removed = ground.json(&with(&["type", "remove"], &["--reason", "no longer sent"]));
    assert_eq!((&removed["version"], &removed["mode"]), (&3.into(), &Value::Null));
    assert_eq!(ground.json(&["type", "list"]), json!([]));
    let shown = ground.json(&with(&["type", "show"], &[]));
    assert_eq!((&shown["registered"], &shown["schema"]), (&false.into(), &Value::Null));
    assert!(
        ground
            .refusal(&with(&["type", "remove"], &[]))
            .contains("checkout / paid is no registered event type")
    );
    assert_eq!(set(&ground, schema, &[])["version"], 4);
}

#[test]
fn people_are_shown_the_schema_as_it_was_written() {
    let ground = Ground::new("shown");
    set(&ground, r#"{"x-z":{},"x-list":[1.50,"a,{b}: \"c\""],"x-a":[]}"#, &["--reason", "why\tnot"]);
    let text = ground.text(&with(&["type", "show"], &[]));
    let schema =
        "{\n  \"x-z\": {},\n  \"x-list\": [\n    1.50,\n    \"a,{b}: \\\"c\\\"\"\n  ],\n  \"x-a\": []\n}";
    assert!(text.contains(schema), "{text}");
    assert!(text.contains("checkout / paid: registered, enforce"), "{text}");
    assert!(text.contains("why\\tnot"), "a tab would make another field of it: {text}");
    let text = ground.text(&["type", "list"]);
    assert!(text.starts_with("checkout\tpaid\t1\tenforce\t"), "{text}");
}

#[test]
fn what_can_not_be_set_says_what_was_expected() {
    let ground = Ground::new("refused");
    let long = "x".repeat(1_001);
    let large = format!("{{\"$comment\": \"{}\"}}", "x".repeat(64 * 1024));
    let schemas: &[(&str, &[&str], &str)] = &[
        ("{\"type\": ", &[], "the standard input: the schema is refused at the root: line 1, column 10"),
        ("", &[], "the schema is refused"),
        (r#"{"type": "strnig"}"#, &[], "/type"),
        (r#"{"$ref": "http://169.254.169.254/x"}"#, &[], "the schema is refused"),
        (r#"{"$ref": "file:///etc/passwd"}"#, &[], "the schema is refused"),
        (r#"{"properties": {"a": {"pattern": "("}}}"#, &[], "/properties/a/pattern"),
        (&large, &[], "expected a schema of at most 65536 bytes"),
        ("{}", &["--mode", "strict"], "expected enforce or warn, found strict"),
        ("{}", &["--check-history", "0"], "0 is not in 1..="),
        ("{}", &["--reason", &long], "the reason has 1 to 1000 characters, found 1001"),
        ("{}", &["--reason", ""], "the reason has 1 to 1000 characters, found 0"),
        ("{}", &["--by", &long], "who sets it has 1 to 100 characters, found 1001"),
    ];
    for (schema, more, expected) in schemas {
        let told = refused(&ground, schema, more);
        assert!(told.contains(expected), "{schema:.80} {more:?}: {told}");
    }
    for (category, name) in [(" ", "paid"), ("checkout", ""), (&*long, "paid")] {
        let arguments = ["type", "set", "--category", category, "--name", name, "--schema", "-"];
        let output = ground.eye(&arguments).input("{}").run();
        assert!(!output.status.success(), "{category:?} {name:?}");
    }
    let missing = ground.refusal(&with(&["type", "set"], &["--schema", "missing.json"]));
    assert!(missing.contains("open missing.json: No such file"), "{missing}");
    let unread = ground.refusal(&with(&["type", "set"], &["--schema", "."]));
    assert!(unread.contains("read .: Is a directory"), "{unread}");
    let never = ground.refusal(&with(&["type", "show"], &[]));
    assert!(never.contains("checkout / paid never was a registered event type; `eye type list`"), "{never}");
    set(&ground, "{}", &[]);
    let beyond = ground.refusal(&with(&["type", "show"], &["--version", "2"]));
    assert!(beyond.contains("has versions 1 to 1, found 2"), "{beyond}");
}

#[test]
fn a_schema_that_is_no_utf8_is_refused_with_the_place() {
    let ground = Ground::new("utf8");
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("schema.json");
    std::fs::write(&file, b"{\"\xff\"}").expect("written");
    let told = ground.refusal(&with(&["type", "set"], &["--schema", file.to_str().expect("a path")]));
    assert!(told.contains("expected UTF-8, found something else at byte 2"), "{told}");
}

#[test]
fn the_stored_events_are_judged_before_a_version_takes_force() {
    let ground = Ground::new("history");
    let good: Vec<_> = (0..1_100).map(|_| event(json!({ "total": 5, "host": "a" }))).collect();
    let mut dear = event(json!({ "total": 500, "host": "a" }));
    let mut wrong = event(json!({ "total": "5", "host": 1 }));
    for last in [&mut dear, &mut wrong] {
        last["timestamp"] = "2026-10-02T09:15:27.243860Z".into();
    }
    // The last by the time at which they occurred, not by that at which they came.
    ground.receive("shop", &[dear.clone(), wrong]);
    ground.receive("shop", &good);
    let schema =
        r#"{"properties": {"total": {"type": "number", "maximum": 100}, "host": {"type": "string"}}}"#;
    let told = set(&ground, schema, &["--check-history", "1050", "--dry-run"]);
    assert_eq!(
        (&told["dry_run"], &told["changed"], &told["version"]),
        (&true.into(), &true.into(), &1.into())
    );
    let history = &told["history"];
    assert_eq!((&history["checked"], &history["failed"]), (&1_050.into(), &2.into()), "{history}");
    let found: Vec<_> = history["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .map(|each| {
            let example = if each["example_event_id"] == dear["id"] { "dear" } else { "wrong" };
            (
                each["path"].as_str().expect("a path"),
                each["code"].as_str().expect("a code"),
                each["events"].as_u64(),
                example,
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            ("/data/host", "schema.type", Some(1), "wrong"),
            ("/data/total", "schema.maximum", Some(1), "dear"),
            ("/data/total", "schema.type", Some(1), "wrong"),
        ]
    );
    assert_eq!(ground.json(&["type", "list"]), json!([]), "a dry run sets nothing");
}

#[test]
fn a_version_takes_force_after_the_history_was_told() {
    let ground = Ground::new("told");
    let schema = r#"{"properties": {"total": {"type": "number", "maximum": 100}}}"#;
    ground.receive("shop", &[event(json!({ "total": 500 })), event(json!({ "total": "5" }))]);
    let arguments = with(&["type", "set"], &["--schema", "-", "--check-history", "2"]);
    let output = ground.eye(&arguments).input(schema).run();
    let text = stdout(&output);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], "Of the last 2 stored events of this type 2 would be rejected.", "{text}");
    assert_eq!(
        lines[3], "Version 1 of checkout / paid (enforce) is set: in force everywhere within 5 s.",
        "{text}"
    );
    let again = set(&ground, schema, &["--dry-run"]);
    assert_eq!(
        (&again["changed"], &again["version"], &again["history"]),
        (&false.into(), &1.into(), &Value::Null)
    );
    let none = ground
        .eye(&[
            "type",
            "set",
            "--category",
            "no",
            "--name",
            "events",
            "--schema",
            "-",
            "--check-history",
            "5",
        ])
        .input("{}")
        .run();
    assert!(
        stdout(&none).starts_with("Of the last 0 stored events of this type 0 would be rejected."),
        "{}",
        stdout(&none)
    );
}

#[test]
fn a_strict_application_sends_registered_event_types_only() {
    let ground = Ground::new("strict");
    assert_eq!(ground.json(&["app", "show", "shop"])["strict"], false);
    assert_eq!(ground.json(&["app", "strict", "shop", "on"])["strict"], true);
    let listed = ground.json(&["app", "list"]);
    assert_eq!((&listed[0]["strict"], &listed[1]["strict"]), (&false.into(), &true.into()));
    assert!(ground.text(&["app", "show", "shop"]).contains("registered event types only"));
    ground.receive("shop", &[event(json!({ "total": 5 }))]);
    assert_eq!(ground.ask("SELECT code FROM errors"), "unknown_event_type");
    assert_eq!(ground.json(&["app", "strict", "shop", "off"])["strict"], false);
    assert!(!ground.registry().is_strict(1.into()));
    assert!(ground.refusal(&["app", "strict", "nobody", "on"]).contains("there is no application nobody"));
    assert!(
        ground.refusal(&["app", "strict", "shop", "perhaps"]).contains("expected on or off, found perhaps")
    );
}
