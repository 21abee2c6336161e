//! Migrations, applications and keys, against a database.

use std::process::Output;
use std::sync::LazyLock;
use std::thread;

use chrono::{DateTime, Duration, Utc};
use serde_json::Value;
use stack::testing;

use crate::command::{Eye, stderr, stdout};

/// The address of a fresh, empty database.
pub(crate) fn empty_database(name: &str) -> String {
    let server = testing::postgres();
    let maintenance = store::Store::new(&store::Settings::for_url(server.url("postgres"))).expect("a store");
    store::provision::ensure_database(&maintenance, name).expect("made");
    server.url(name)
}

/// One database at this version for the tests that need no other.
static DATABASE: LazyLock<String> = LazyLock::new(|| {
    let url = empty_database("administration");
    assert!(eye(&url, &["migrate"]).status.success());
    url
});

fn eye(url: &str, arguments: &[&str]) -> Output {
    Eye::new()
        .env("EYE__STORE__URL", url)
        .env("EYE__STORE__CONNECT_TIMEOUT_MS", "10000")
        .args(arguments)
        .args(&["--output", "json"])
        .run()
}

fn json(arguments: &[&str]) -> Value {
    let output = eye(&DATABASE, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    serde_json::from_str(&stdout(&output)).expect("JSON")
}

/// What people read.
fn text(arguments: &[&str]) -> String {
    let output = Eye::new()
        .env("EYE__STORE__URL", &DATABASE)
        .env("EYE__STORE__CONNECT_TIMEOUT_MS", "10000")
        .args(arguments)
        .run();
    assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    stdout(&output)
}

fn refusal(arguments: &[&str]) -> String {
    let output = eye(&DATABASE, arguments);
    assert!(!output.status.success(), "{arguments:?}: {}", stdout(&output));
    stderr(&output)
}

#[test]
fn many_migrations_at_once_apply_each_migration_once() {
    let url = empty_database("migrated_at_once");
    let runs: Vec<_> = (0..5)
        .map(|_| {
            let url = url.clone();
            thread::spawn(move || eye(&url, &["migrate"]))
        })
        .collect();
    let applied: Vec<usize> = runs
        .into_iter()
        .map(|run| {
            let output = run.join().expect("no panic");
            assert!(output.status.success(), "{}", stderr(&output));
            let answer: Value = serde_json::from_str(&stdout(&output)).expect("JSON");
            answer["applied"].as_array().expect("an array").len()
        })
        .collect();
    assert_eq!(applied.iter().filter(|&&count| count > 0).count(), 1, "{applied:?}");
}

#[test]
fn an_application_is_registered_once_and_found_by_its_name() {
    assert_eq!(json(&["app", "create", "web shop"])["name"], "web shop");
    assert!(refusal(&["app", "create", "web shop"]).contains("web shop"));
    assert_eq!(json(&["app", "limit", "web shop", "500"])["events_per_second_max"], 500);
    assert_eq!(json(&["app", "limit", "web shop", "none"])["events_per_second_max"], Value::Null);
    assert!(json(&["app", "disable", "web shop"])["disabled_at"].is_string());
    assert!(json(&["app", "disable", "web shop", "--undo"])["disabled_at"].is_null());
    assert_eq!(json(&["app", "show", "web shop"])["name"], "web shop");
    let names = json(&["app", "list"]);
    assert!(names.as_array().expect("an array").iter().any(|one| one["name"] == "web shop"));
    for command in
        [&["app", "show", "nobody"][..], &["app", "limit", "nobody", "5"], &["app", "disable", "nobody"]]
    {
        assert!(refusal(command).contains("there is no application nobody"), "{command:?}");
    }
}

#[test]
fn a_key_is_shown_once_and_can_be_revoked() {
    json(&["app", "create", "keys"]);
    let made = json(&["key", "create", "keys", "--scope", "write,read", "--own", "--expires", "90d"]);
    let key = made["key"].as_str().expect("a key");
    assert!(key.starts_with("eye_"), "{made}");
    assert_eq!(made["scopes"], serde_json::json!(["write", "read"]));
    let expires: DateTime<Utc> = made["expires_at"].as_str().expect("a time").parse().expect("RFC 3339");
    let difference = (expires - Utc::now() - Duration::days(90)).abs();
    assert!(difference < Duration::minutes(5), "{expires}");
    let listed = json(&["key", "list", "keys"]).to_string();
    assert!(!listed.contains(key), "a key must not be shown again: {listed}");
    let id = made["id"].to_string();
    assert_eq!(json(&["key", "revoke", &id])["revoked"], 1);
    assert!(refusal(&["key", "revoke", &id]).contains("no key in use"));
    assert!(
        refusal(&["key", "create", "nobody", "--scope", "read"]).contains("there is no application nobody")
    );
}

#[test]
fn a_key_for_web_pages_is_made_and_listed_with_its_origins() {
    json(&["app", "create", "pages"]);
    let (shop, local) = ("https://shop.example", "http://localhost:8080");
    let made = json(&[
        "key", "create", "pages", "--origin", shop, "--origin", local, "--origin", shop, "--limit", "50",
    ]);
    assert_eq!(made["scopes"], serde_json::json!(["write"]), "it goes without saying");
    assert_eq!(made["origins"], serde_json::json!([shop, local]));
    assert_eq!(made["events_per_second_max"], 50);
    json(&["key", "create", "pages", "--origin", shop, "--scope", "write"]);
    json(&["key", "create", "pages", "--scope", "read"]);
    let listed = json(&["key", "list", "pages"]);
    let of = |member: &str| -> Vec<Value> {
        listed.as_array().expect("an array").iter().map(|key| key[member].clone()).collect()
    };
    assert_eq!(of("origins"), [serde_json::json!([shop, local]), serde_json::json!([shop]), Value::Null]);
    assert_eq!(of("events_per_second_max"), [50.into(), Value::Null, Value::Null]);
    let text = self::text(&["key", "list", "pages"]);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], "id\tapplication\tkey\tscopes\texpires\trevoked\torigins\tlimit");
    assert!(refusal(&["key", "list", "nosuch"]).contains("there is no application nosuch; `eye app list`"));
    assert!(lines[1].ends_with("\thttps://shop.example,http://localhost:8080\t50 events/s"), "{text}");
    let text = self::text(&["key", "create", "pages", "--origin", shop]);
    assert!(text.contains(shop) && text.contains("within 5 s") && text.contains("not shown again"), "{text}");
}

#[test]
fn how_other_formats_become_events_is_shown_and_set() {
    json(&["app", "create", "translated"]);
    let set = |options: &[&str]| json(&[&["app", "translate", "translated"], options].concat());
    let default = serde_json::json!({
        "name": "translated",
        "segment": {
            "session": ["context.sessionId", "anonymousId", "userId"], "category": ["type"],
            "name": ["event", "name", "type"],
        },
        "cloudevents": { "session": ["sessionid", "subject"], "attributes": false },
    });
    assert_eq!(set(&[]), default);
    let changed = set(&[
        "--session",
        "userId",
        "--category",
        "properties.category,type",
        "--name",
        "properties.title",
        "--cloudevents-session",
        "traceid",
        "--cloudevents-attributes",
        "on",
    ]);
    let expected = serde_json::json!({
        "name": "translated",
        "segment": {
            "session": ["userId"], "category": ["properties.category", "type"], "name": ["properties.title"],
        },
        "cloudevents": { "session": ["traceid"], "attributes": true },
    });
    assert_eq!(changed, expected);
    assert_eq!(set(&[]), expected, "it stays");
    let mut back = default.clone();
    back["segment"]["name"] = serde_json::json!(["event"]);
    assert_eq!(set(&["--reset", "--name", "event"]), back);
    assert_eq!(set(&["--reset"]), default);

    let shown = text(&["app", "translate", "translated"]);
    assert!(
        shown.contains(r#""context.sessionId", "anonymousId", "userId""#) && !shown.contains("In force"),
        "{shown}"
    );
    let said = text(&["app", "translate", "translated", "--cloudevents-attributes", "off"]);
    assert!(said.contains("within 5 s (keys.refresh_interval_ms)"), "{said}");
    for (options, reason) in [
        (&["--session", ""][..], "a member by its path"),
        (&["--category", "properties..category"], "a member by its path"),
        (&["--cloudevents-session", "sessionId"], "lower-case letters and digits"),
        (&["--cloudevents-attributes", "yes"], "expected on or off, found yes"),
    ] {
        let said = refusal(&[&["app", "translate", "translated"], options].concat());
        assert!(said.contains(reason), "{options:?}: {said}");
    }
    assert_eq!(set(&[]), default, "what is refused changes nothing");
    assert!(refusal(&["app", "translate", "nobody"]).contains("there is no application nobody"));
}

/// What a command prints for people, and what it says beside it.
fn told(arguments: &[&str]) -> (String, String) {
    let eye = Eye::new().env("EYE__STORE__URL", &DATABASE).env("EYE__STORE__CONNECT_TIMEOUT_MS", "10000");
    let output = eye.args(arguments).run();
    assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    (stdout(&output), stderr(&output))
}

#[test]
fn places_are_trimmed_and_those_that_calls_may_lack_are_warned_of() {
    json(&["app", "create", "places"]);
    for (options, shown, warned) in [
        (&["--category", "properties.category, type"][..], r#""properties.category", "type""#, None),
        (&["--category", " properties.order id "], r#""properties.order id""#, Some("category: required")),
        (&["--reset", "--name", "event,name"], r#""event", "name""#, Some("name: required")),
        (&["--reset", "--session", "userId"], r#""userId""#, None),
        (&["--reset", "--cloudevents-session", "traceid , subject"], r#""traceid", "subject""#, None),
    ] {
        let (stdout, stderr) = told(&[&["app", "translate", "places"], options].concat());
        assert!(stdout.contains(shown), "{options:?}: {stdout}");
        match warned {
            Some(reason) => {
                assert!(stderr.contains("will be rejected") && stderr.contains(reason), "{stderr}")
            }
            None => assert_eq!(stderr, "", "{options:?}"),
        }
    }
}

#[test]
fn an_application_shows_a_translation_of_its_own() {
    json(&["app", "create", "own"]);
    assert_eq!(json(&["app", "show", "own"])["translation"], Value::Null);
    assert!(!text(&["app", "show", "own"]).contains("other formats"));
    json(&["app", "translate", "own", "--category", "category,type", "--cloudevents-attributes", "on"]);
    assert_eq!(
        json(&["app", "show", "own"])["translation"]["segment"]["category"],
        serde_json::json!(["category", "type"])
    );
    let said = r#"category from "category", "type"; attributes of a CloudEvent kept"#;
    assert!(text(&["app", "show", "own"]).contains(said));
    let listed = text(&["app", "list"]);
    assert!(listed.starts_with("name\t") && listed.contains(&format!("\t{said}\n")), "{listed}");
}

#[test]
fn a_database_without_migrations_is_told_from_one_that_is_away() {
    let url = empty_database("never_migrated");
    let output = eye(&url, &["app", "list"]);
    assert!(!output.status.success());
    assert!(stderr(&output).contains("eye migrate"), "{}", stderr(&output));
    let output = eye(&url, &["doctor"]);
    assert!(!output.status.success());
    assert!(stdout(&output).contains("lacks the migrations"), "{}", stdout(&output));
}

#[test]
fn retention_is_previewed_and_done_by_hand() {
    let url = empty_database("retention");
    assert!(eye(&url, &["migrate"]).status.success());
    let run = |arguments: &[&str]| -> Value {
        let output = eye(&url, arguments);
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        serde_json::from_str(&stdout(&output)).expect("JSON")
    };
    store::testing::sql::execute(
        &url,
        "DROP TABLE events_past; \
         CREATE TABLE events_2020 PARTITION OF events FOR VALUES FROM ('2020-01-01 00:00:00Z') TO ('2021-01-01 00:00:00Z'); \
         INSERT INTO events (occurred_at, received_at, application_id, event_type_id, id, session_id, data) \
         SELECT at, at, 1, 1, gen_random_uuid(), 's', '{\"n\": 1}' \
         FROM unnest(ARRAY['2020-02-01 00:00:00Z', '2021-02-01 00:00:00Z', now()]::timestamptz[]) AS at; \
         INSERT INTO applications (name) VALUES ('shop')",
    )
    .expect("prepare");
    let preview = run(&["retention", "--days", "365", "--dry-run"]);
    assert_eq!(preview["partitions"][0]["name"], "events_2020");
    assert_eq!(preview["partitions"][0]["from"], "2020-01-01T00:00:00Z");
    assert_eq!((&preview["events"], &preview["default_partition_events"]), (&2.into(), &1.into()));
    let gone = run(&["retention", "--days", "365"]);
    assert_eq!((&gone["events"], &gone["partitions"][0]), (&2.into(), &"events_2020".into()));
    assert_eq!(run(&["retention", "--days", "365"])["events"], 0);
}

/// What `eye doctor` says of one thing.
fn finding(url: &str, what: &str, more: &[(&str, &str)]) -> Value {
    let mut eye = Eye::new().env("EYE__STORE__URL", url).env("EYE__STORE__CONNECT_TIMEOUT_MS", "10000");
    for (name, value) in more {
        eye = eye.env(name, value);
    }
    let output = eye.args(&["doctor", "--output", "json"]).run();
    // No service runs.
    assert!(!output.status.success());
    let findings: Vec<Value> = serde_json::from_str(&stdout(&output)).expect("JSON");
    findings
        .into_iter()
        .find(|finding| finding["what"] == what)
        .unwrap_or_else(|| panic!("nothing of {what}"))
}

#[test]
fn the_doctor_knows_what_the_database_will_lack_soon() {
    let url = empty_database("doctor");
    let lacking = finding(&url, "database", &[]);
    assert_eq!((&lacking["ok"], &lacking["advice"]), (&false.into(), &"run `eye migrate`".into()));
    assert!(eye(&url, &["migrate"]).status.success());
    for what in ["database", "partitions", "retention", "keys"] {
        assert_eq!(finding(&url, what, &[])["ok"], true, "{what}");
    }
    let advised = |what: &str, more: &[(&str, &str)], found: &str| {
        let finding = finding(&url, what, more);
        assert_eq!(finding["ok"], false, "{finding}");
        assert!(finding["found"].as_str().is_some_and(|text| text.contains(found)), "{finding}");
        assert!(finding["advice"].as_str().is_some_and(|text| !text.is_empty()), "{finding}");
    };
    assert!(eye(&url, &["app", "create", "shop"]).status.success());
    assert!(eye(&url, &["key", "create", "shop", "--scope", "read", "--expires", "90d"]).status.success());
    assert_eq!(finding(&url, "keys", &[])["ok"], true);
    assert!(eye(&url, &["key", "create", "shop", "--scope", "write", "--expires", "3d"]).status.success());
    advised("keys", &[], "of shop on");

    let days = [("EYE__STORE__RETENTION_DAYS", "30")];
    assert_eq!(finding(&url, "retention", &days)["found"], "30 days; nothing is overdue");
    let old = "CREATE TABLE events_old PARTITION OF events FOR VALUES FROM ('2020-01-01 00:00:00Z') TO ('2021-01-01 00:00:00Z')";
    store::testing::sql::execute(&url, &format!("DROP TABLE events_past; {old}")).expect("prepare");
    advised("retention", &days, "1 partitions are overdue");

    let drop_months = "DO $$ DECLARE name text; BEGIN FOR name IN SELECT relname FROM pg_class WHERE relname ~ '^events_[0-9]{4}_[0-9]{2}$' \
         LOOP EXECUTE format('DROP TABLE %I', name); END LOOP; END $$";
    store::testing::sql::execute(&url, drop_months).expect("prepare");
    advised("partitions", &[], "made until none");
}

#[test]
fn the_doctor_names_places_without_logins() {
    let away = finding(
        "postgres://eye:secret@127.0.0.1:1/eye",
        "database",
        &[("EYE__STORE__CONNECT_TIMEOUT_MS", "200")],
    );
    let found = away["found"].as_str().expect("a text");
    assert!(found.contains("127.0.0.1:1/eye") && !found.contains("secret"), "{found}");
    let broker = [
        ("EYE__BROKER__URL", "amqp://eye:secret@127.0.0.1:1/%2f"),
        ("EYE__BROKER__CONNECT_TIMEOUT_MS", "500"),
    ];
    let away = finding(&DATABASE, "broker", &broker);
    let found = away["found"].as_str().expect("a text");
    assert!(found.contains("127.0.0.1:1/") && !found.contains("secret"), "{found}");
}
