//! JSON: what is none, and what is but should not be.

use super::row::{Outcome, Row, event_of, event_with, good};
use super::scene::Scene;

/// As the brief has it.
const BRIEFS_FIRST_EXAMPLE: &str = r#"{
  "session_id": "e2085be5-9137-4e4e-80b5-f1ffddc25423",
  "category": "page interaction",
  "name": "pageview",
  "data": {
    "host": "www.consumeraffairs.com",
    "path": "/",
  },
  "timestamp": "2021-01-01 09:15:27.243860"
}"#;

pub(super) fn rows(scene: &Scene) -> Vec<Row> {
    let mut rows = Vec::new();
    rows.extend(no_json(scene));
    rows.extend(bad_bytes(scene));
    rows.extend(no_events(scene));
    rows.extend(lines(scene));
    rows.extend(elements(scene));
    rows.extend(keys_that_stand_twice(scene));
    rows.extend(deep_and_wide(scene));
    rows
}

fn no_json(scene: &Scene) -> Vec<Row> {
    let in_data = |value: &str| event_of(&format!("{{\"a\": {value}}}"));
    [
        (
            "the brief's first example, with its trailing comma",
            BRIEFS_FIRST_EXAMPLE.to_owned(),
            "line 8, column 3",
        ),
        ("a trailing comma in an array", format!("[{},]", good()), "line 1"),
        ("NaN", in_data("NaN"), "line 1"),
        ("Infinity", in_data("-Infinity"), "line 1"),
        ("undefined", in_data("undefined"), "line 1"),
        ("truncated", good()[..40].to_owned(), "the end of the text"),
        ("a truncated batch", format!("[{}", good()), "the end of the text"),
        ("two documents", format!("{} {}", good(), good()), "the end of the document"),
        ("something behind it", format!("{} x", good()), "the end of the document"),
        ("a raw control character", in_data("\"\u{1}\""), "line 1"),
        ("a raw line break in a text", in_data("\"\n\""), "line 1"),
        ("NUL between the members", good().replace(", ", ",\0"), "line 1"),
        ("single quotes", good().replace('"', "'"), "line 1, column 2"),
        ("no quotes around a key", "{a: 1}".to_owned(), "line 1, column 2"),
        ("a comment", format!("{} // why", good()), "line 1"),
        ("a leading zero", in_data("01"), "line 1"),
        ("a leading plus", in_data("+1"), "line 1"),
        ("a hexadecimal number", in_data("0x10"), "line 1"),
        ("a point without digits", in_data("1."), "line 1"),
        ("an unknown escape", in_data(r#""\x41""#), "line 1"),
        ("half an escape", in_data(r#""\u00""#), "line 1"),
        ("a bracket that closes another", in_data("[1}"), "line 1"),
        ("100,000 levels that are never closed", format!("{{\"data\": {}", "[".repeat(100_000)), "line 1"),
    ]
    .into_iter()
    .map(|(why, body, says)| Row::refused(why, scene.post().body(body), 400, says))
    .collect()
}

fn bad_bytes(scene: &Scene) -> Vec<Row> {
    let in_data = |bytes: &[u8]| {
        let event = event_of(r#"{"a": "here"}"#);
        let (before, after) = event.split_once("here").expect("here");
        [before.as_bytes(), bytes, after.as_bytes()].concat()
    };
    let utf16: Vec<u8> = good().encode_utf16().flat_map(u16::to_le_bytes).collect();
    [
        ("invalid UTF-8", in_data(b"\xc3\x28")),
        ("overlong: C0 80", in_data(b"\xc0\x80")),
        ("the bytes of a surrogate: ED A0 80", in_data(b"\xed\xa0\x80")),
        ("beyond Unicode: F4 90 80 80", in_data(b"\xf4\x90\x80\x80")),
        ("half a character", in_data(b"\xe2\x82")),
        ("a byte of no character", in_data(b"\xff")),
        ("Latin-1", in_data(b"caf\xe9")),
        ("UTF-16", utf16.clone()),
        ("UTF-16 with its mark", [b"\xff\xfe", &utf16[..]].concat()),
        ("a byte order mark", [b"\xef\xbb\xbf", good().as_bytes()].concat()),
    ]
    .into_iter()
    .map(|(why, body)| Row::refused(why, scene.post().body(body), 400, "line 1"))
    .collect()
}

fn no_events(scene: &Scene) -> Vec<Row> {
    let scalar = "expected an event (a JSON object) or a batch of events (a JSON array)";
    [
        ("a number", "5", scalar),
        ("a text", "\"x\"", scalar),
        ("null", "null", scalar),
        ("true", "true", scalar),
        ("an empty batch", "[]", "the batch is empty"),
        ("an empty batch with blanks", " [ ] ", "the batch is empty"),
    ]
    .into_iter()
    .map(|(why, body, says)| Row::refused(why, scene.post().body(body), 400, says))
    .collect()
}

fn lines(scene: &Scene) -> Vec<Row> {
    let good = good();
    let post = || scene.post_as(&[("Content-Type", "application/x-ndjson")]);
    let refused = |why: &str, body: String, says: &str| {
        Row::refused(format!("lines: {why}"), post().body(body), 400, says)
    };
    vec![
        refused("one that is no JSON among good ones", format!("{good}\n{{bad}}\n{good}\n"), "line 2"),
        refused("two documents in one", format!("{good}\n\n\n{good} {good}\n"), "line 4"),
        refused("an event over two", "{\n}\n".to_owned(), "line 1"),
        refused("nothing but blank ones", "\n \r\n\n".to_owned(), "the body is empty"),
        refused("a byte order mark", format!("\u{feff}{good}\n"), "line 1"),
        refused("bad UTF-8 replaced by NUL", format!("{good}\n\0\n"), "line 2"),
        Row::accepted(
            "lines: blank ones, CR LF, and no end",
            post().body(format!("{good}\r\n\r\n  {good}  \n\n5\n{good}")),
            vec![
                Outcome::stored(&good),
                Outcome::stored(&good),
                Outcome::rejected(&[("", "not_an_object")]),
                Outcome::stored(&good),
            ],
        ),
    ]
}

fn elements(scene: &Scene) -> Vec<Row> {
    let (good, other) = (good(), ["5", "\"x\"", "null", "true", "[]", "[{}]"]);
    let mut outcomes = vec![Outcome::rejected(&[("", "not_an_object")]); other.len()];
    outcomes.push(Outcome::stored(&good));
    let body = format!("[{}, {good}]", other.join(", "));
    vec![Row::accepted("elements that are no objects", scene.post().body(body), outcomes)]
}

fn keys_that_stand_twice(scene: &Scene) -> Vec<Row> {
    let good = good();
    let members = good.trim_end_matches('}');
    let event = |again: &str| format!("{members}, {again}}}");
    [
        ("a field twice", event(r#""name": "other""#), "/name"),
        ("a field twice with the same value", event(r#""name": "pageview""#), "/name"),
        ("a field twice, once by an escape", event(r#""\u006eame": "other""#), "/name"),
        ("the id twice", event(r#""id": "x", "id": "x""#), "/id"),
        ("a key twice", event_of(r#"{"a": 1, "a": 2}"#), "/data/a"),
        ("a key twice, once by an escape", event_of(r#"{"a": 1, "\u0061": 2}"#), "/data/a"),
        ("a key twice, by different escapes", event_of(r#"{"\uD83D\uDE00": 1, "😀": 2}"#), "/data/😀"),
        ("a key twice deep within", event_of(r#"{"~/": [0, {"b": 1, "b": 1}]}"#), "/data/~0~1/1/b"),
        ("the empty key twice", event_of(r#"{"": 1, "": 2}"#), "/data/"),
    ]
    .into_iter()
    .map(|(why, event, path)| {
        let broken = if why == "the id twice" {
            vec![(path, "duplicate_key"), (path, "invalid_id")]
        } else {
            vec![(path, "duplicate_key")]
        };
        Row::rejected(why, scene.post(), &event, &broken)
    })
    .collect()
}

fn deep_and_wide(scene: &Scene) -> Vec<Row> {
    let deep = |levels: usize| {
        event_of(&format!("{{\"a\": {}1{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1)))
    };
    let wide = |keys: usize| {
        let members: Vec<_> = (0..keys).map(|key| format!("\"{key}\":0")).collect();
        event_of(&format!("{{{}}}", members.join(",")))
    };
    let too_deep_at = format!("/data/a{}", "/0".repeat(63));
    let too_deep = [(too_deep_at.as_str(), "too_deep")];
    let too_large = [("", "too_large")];
    let of_bytes = |bytes: usize| {
        let frame = event_with(&[("data", Some(r#"{"a": ""}"#))]);
        frame.replace("\"\"", &format!("\"{}\"", "x".repeat(bytes - frame.len())))
    };
    vec![
        Row::stored("depth 64", scene.post(), &deep(64)),
        Row::rejected("depth 65", scene.post(), &deep(65), &too_deep),
        Row::rejected("depth 100,000", scene.post(), &deep(100_000), &too_deep),
        Row::rejected("depth 2,000,000", scene.post(), &deep(2_000_000), &too_large),
        Row::stored("20,000 keys", scene.post(), &wide(20_000)),
        Row::rejected(
            "100,000 keys, in more bytes than an event may have",
            scene.post(),
            &wide(100_000),
            &too_large,
        ),
        Row::stored("256 KiB", scene.post(), &of_bytes(256 * 1024)),
        Row::rejected("256 KiB and a byte", scene.post(), &of_bytes(256 * 1024 + 1), &too_large),
        Row::rejected("5 MB", scene.post(), &of_bytes(5_000_000), &too_large),
    ]
}
