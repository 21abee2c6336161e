//! `eye errors list`.

use serde_json::{Value, json};

use crate::ground::{Ground, event};

/// An event with one thing changed.
fn with(field: &str, value: Value) -> Value {
    let mut event = event(json!({ "total": 5 }));
    event[field] = value;
    event
}

fn ground(name: &str) -> Ground {
    let ground = Ground::new(name);
    ground.receive("shop", &[with("name", Value::Null), with("name", Value::Null), with("data", json!({}))]);
    ground.receive("blog", &[with("timestamp", json!("soon"))]);
    ground
}

#[test]
fn errors_are_grouped_with_a_chart_over_time() {
    let ground = ground("groups");
    let told = ground.json(&["errors", "list", "--group-by", "code,application"]);
    assert_eq!((&told["count"], &told["more"]), (&4.into(), &false.into()));
    let groups: Vec<_> = told["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|group| {
            (
                group["code"].as_str().expect("a code"),
                group["application"].as_str().expect("a name"),
                group["count"].as_i64(),
            )
        })
        .collect();
    assert_eq!(
        groups,
        [("null", "shop", Some(2)), ("empty", "shop", Some(1)), ("invalid_timestamp", "blog", Some(1))]
    );
    let first = &told["items"][0];
    assert_eq!(first["example"]["path"], "/name");
    assert!(
        first["first_at"].is_string() && first["last_at"].is_string() && first.get("category").is_none(),
        "{first}"
    );
    let bars = told["over_time"].as_array().expect("bars");
    assert_eq!(bars.iter().filter_map(|bar| bar["count"].as_i64()).sum::<i64>(), 4);

    ground.execute("UPDATE errors SET received_at = received_at - interval '3 hours' WHERE code = 'empty'");
    let text = ground.text(&["errors", "list"]);
    let lines: Vec<_> = text.lines().collect();
    assert!(
        lines[0]
            .starts_with("4 errors of events that were received from 2026-10-31T21:00:00Z to 2026-11-01T"),
        "{text}"
    );
    let bars: Vec<_> = lines.iter().skip(2).take_while(|line| !line.is_empty()).collect();
    assert_eq!(*bars[0], "2026-10-31 21:00Z  1  #############", "{text}");
    assert_eq!(*bars[1], "2026-10-31 21:10Z  0", "{text}");
    assert_eq!(*bars[bars.len() - 1], &format!("2026-11-01 00:00Z  3  {}", "#".repeat(40)), "{text}");
    let largest = lines.iter().find(|line| line.starts_with("2\t")).expect("a group");
    assert!(largest.starts_with("2\tnull\tname\tshop\tcheckout\t\t2026-11-01T00:00:00Z"), "{text}");
}

#[test]
fn every_filter_narrows() {
    let ground = ground("filters");
    let id = ground.ask("SELECT event_id FROM errors WHERE code = 'empty'");
    let table: &[(&[&str], i64)] = &[
        (&[], 4),
        (&["--application", "blog"], 1),
        (&["--application", "blog", "--application", "shop"], 4),
        (&["--session-id", "s-1"], 4),
        (&["--session-id", "s-2"], 0),
        (&["--field", "name"], 2),
        (&["--field", "name", "--field", "data"], 3),
        (&["--path", "/timestamp"], 1),
        (&["--code", "empty", "--code", "null"], 3),
        (&["--category", "checkout"], 4),
        (&["--name", "paid"], 2),
        (&["--event-id", &id], 1),
        (&["--severity", "warning"], 0),
        (&["--severity", "warning", "--severity", "error"], 4),
        (&["--from", "2026-11-01T00:00:00.000001Z"], 2),
        (&["--to", "2026-11-01T00:00:00.000001Z"], 2),
        (&["--resolved"], 0),
        (&["--unresolved"], 4),
    ];
    for (filter, count) in table {
        let told = ground.json(&[&["errors", "list"], *filter].concat());
        assert_eq!(told["count"], *count, "{filter:?}");
        let each = ground.json(&[&["errors", "list", "--each"], *filter].concat());
        assert_eq!(each["items"].as_array().map(Vec::len), usize::try_from(*count).ok(), "{filter:?}");
    }
}

#[test]
fn errors_are_shown_one_by_one() {
    let ground = ground("each");
    let told = ground.json(&["errors", "list", "--each", "--limit", "3"]);
    assert_eq!((told["items"].as_array().map(Vec::len), &told["more"]), (Some(3), &true.into()));
    let latest = &told["items"][0];
    assert_eq!((&latest["code"], &latest["application"]), (&"invalid_timestamp".into(), &"blog".into()));
    assert!(latest["input"].as_str().is_some_and(|input| input.contains("\"soon\"")), "{latest}");
    let text = ground.text(&["errors", "list", "--each", "--code", "empty"]);
    assert!(text.starts_with("2026-11-01T00:00:00Z\tshop\tcheckout\tpaid\tempty\t/data\t"), "{text}");
    assert!(text.trim_end().ends_with("\trejected"), "{text}");
    for nothing in
        [&["errors", "list", "--code", "other"][..], &["errors", "list", "--code", "other", "--each"]]
    {
        assert_eq!(ground.text(nothing).trim(), "There are no such errors.");
    }
}

/// Whoever sends an event must not steer the terminal of whoever looks at its errors.
#[test]
fn what_events_hold_can_not_steer_a_terminal() {
    let ground = Ground::new("terminal");
    let hostile = "\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}fdp\r\n\tx\u{7f}";
    let mut event = event(json!({ "total": 5 }));
    event["category"] = json!(hostile);
    event["name"] = json!(" ");
    event[hostile] = json!(1);
    ground.receive("shop", &[event]);
    for arguments in [&["errors", "list"][..], &["errors", "list", "--each"]] {
        for format in ["text", "json"] {
            let arguments = [arguments, &["--output", format]].concat();
            let text = ground.text(&arguments);
            let steering: Vec<char> = text
                .chars()
                .filter(|c| (c.is_control() && !"\n\t".contains(*c)) || *c == '\u{202e}')
                .collect();
            assert!(steering.is_empty(), "{arguments:?}: {text:?}");
            assert!(text.contains("\\u001b]0;owned\\u0007\\u009b31m\\u202efdp"), "{arguments:?}: {text}");
        }
    }
    let told = ground.json(&["errors", "list", "--group-by", "category"]);
    assert_eq!(told["items"][0]["category"], hostile, "for programs it is the text itself");
    let told = ground.refusal(&["errors", "list", "--application", hostile]);
    assert!(told.contains("there is no application \\u001b]0;owned"), "{told:?}");
}

#[test]
fn what_can_not_be_asked_says_what_was_expected() {
    let ground = Ground::new("asked");
    for command in ["list", "replay"] {
        for (arguments, expected) in [
            (&["--application", "nobody"][..], "there is no application nobody; `eye app list` shows all"),
            (&["--event-id", "7"], "expected a UUID, found 7"),
            (&["--severity", "fatal"], "possible values: error, warning"),
            (
                &["--from", "2026-11-02"],
                "expected a time from 1970 on, such as 2030-01-01T00:00:00Z, found 2026-11-02",
            ),
            (&["--from", "2026-01-02T00:00:00Z", "--to", "2026-01-01T00:00:00Z"], "--from is after --to"),
            (&["--resolved", "--unresolved"], "cannot be used with"),
        ] {
            let told = ground.refusal(&[&["errors", command], arguments].concat());
            assert!(told.contains(expected), "{command} {arguments:?}: {told}");
        }
    }
    for (arguments, expected) in [
        (
            &["--group-by", "colour"][..],
            "expected one of code, field, path, severity, application, category, name, found colour",
        ),
        (&["--limit", "0"], "0 is not in 1..=10000"),
        (&["--each", "--group-by", "code"], "cannot be used with"),
    ] {
        let told = ground.refusal(&[&["errors", "list"], arguments].concat());
        assert!(told.contains(expected), "{arguments:?}: {told}");
    }
}
