//! `eye load`

use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Output;

use tempfile::TempDir;

use crate::command::{Eye, stderr, stdout};
use crate::gateway::{Gateway, Reply};

fn file(directory: &TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = directory.path().join(name);
    std::fs::write(&path, bytes).expect("written");
    path
}

fn load(gateway: &Gateway, arguments: &[&str], files: &[&Path]) -> Output {
    Eye::new()
        .env("EYE_GATEWAY_URL", gateway.url())
        .env("EYE_WRITE_KEY", "eye_test")
        .args(&["load"])
        .args(arguments)
        .args(files)
        .run()
}

/// The ids of all events that were sent, in their order.
fn ids(bodies: &[String]) -> Vec<String> {
    let lines = bodies.iter().flat_map(|body| body.lines());
    let events = lines.map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
    events.map(|event| event["id"].as_str().expect("an id").to_owned()).collect()
}

#[test]
fn an_event_gets_an_id_only_where_it_has_none_and_else_stays_byte_for_byte() {
    let directory = tempfile::tempdir().expect("a directory");
    let gateway = Gateway::start([Reply::Accept]);
    // What is sent in its place; {} stands for the id.
    let cases = [
        ("{\"a\": 1.0,  \"b\":\"\\u00e9\"}", "{\"id\":\"{}\",\"a\": 1.0,  \"b\":\"\\u00e9\"}"),
        ("  { \"a\":1 } \r", "{\"id\":\"{}\", \"a\":1 }"),
        ("{}", "{\"id\":\"{}\"}"),
        ("{ }", "{\"id\":\"{}\" }"),
        ("{\"a\":{\"id\":1}}", "{\"id\":\"{}\",\"a\":{\"id\":1}}"),
        (
            "{\"id\":\"0b9b2f4e-6c1b-4a53-9c0e-3f1c5f0d9a11\"}",
            "{\"id\":\"0b9b2f4e-6c1b-4a53-9c0e-3f1c5f0d9a11\"}",
        ),
        ("{\"id\":null}", "{\"id\":null}"),
        ("{\"\\u0069d\":7}", "{\"\\u0069d\":7}"),
        ("{\"\\ud800\":7}", "{\"id\":\"{}\",\"\\ud800\":7}"),
        ("[1,2]", "[1,2]"),
        ("{\"a\":1} trailing", "{\"a\":1} trailing"),
        ("no JSON", "no JSON"),
    ];
    let text: String = cases.iter().flat_map(|(line, _)| [line, "\n\n"]).collect();
    let output = load(&gateway, &[], &[&file(&directory, "events.ndjson", text.as_bytes())]);
    assert!(output.status.success(), "{}", stderr(&output));
    let sent = gateway.bodies().concat();
    assert_eq!(sent.lines().count(), cases.len());
    for (line, (given, expected)) in sent.lines().zip(cases) {
        let (before, after) =
            expected.split_once("{}\"").map_or((expected, None), |(before, after)| (before, Some(after)));
        let Some(after) = after.filter(|_| before.ends_with("\"id\":\"")) else {
            assert_eq!(line, expected, "{given}");
            continue;
        };
        let rest = line.strip_prefix(before).and_then(|rest| rest.strip_suffix(&format!("\"{after}")));
        let id = rest.unwrap_or_else(|| panic!("{given}: {line}"));
        assert_eq!(id.len(), 36, "{given}: {line}");
    }
}

#[test]
fn the_same_file_gives_the_same_ids_and_another_file_gives_others() {
    let directory = tempfile::tempdir().expect("a directory");
    let text: String = (0..250).map(|number| format!("{{\"n\":{number}}}\n")).collect();
    let plain = file(&directory, "a.ndjson", text.as_bytes());
    let other = file(&directory, "b.ndjson", format!("\n{text}").as_bytes());
    let (first, second, third) =
        (Gateway::start([Reply::Accept]), Gateway::start([Reply::Accept]), Gateway::start([Reply::Accept]));
    assert!(load(&first, &["--batch", "100"], &[&plain]).status.success());
    assert!(load(&second, &["--batch", "7"], &[&plain]).status.success());
    assert!(load(&third, &[], &[&other]).status.success());
    assert_eq!(first.bodies().len(), 3);
    assert_eq!(ids(&first.bodies()), ids(&second.bodies()));
    let (one, two): (HashSet<_>, HashSet<_>) =
        (ids(&first.bodies()).into_iter().collect(), ids(&third.bodies()).into_iter().collect());
    assert_eq!((one.len(), two.len(), one.intersection(&two).count()), (250, 250, 0));
}

#[test]
fn packed_files_are_read_like_plain_ones() {
    let directory = tempfile::tempdir().expect("a directory");
    let text = b"{\"id\":\"0b9b2f4e-6c1b-4a53-9c0e-3f1c5f0d9a11\"}\n{\"id\":\"0b9b2f4e-6c1b-4a53-9c0e-3f1c5f0d9a12\"}";
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(text).expect("packed");
    let zstandard = zstd::encode_all(&text[..], 3).expect("packed");
    let gzip = file(&directory, "events.ndjson.gz", &gzip.finish().expect("packed"));
    let zstandard = file(&directory, "events.ndjson.zst", &zstandard);
    let plain = file(&directory, "events.ndjson", text);
    let gateway = Gateway::start([Reply::Accept]);
    let output = load(&gateway, &["--output", "json"], &[&gzip, &zstandard, &plain]);
    assert!(output.status.success(), "{}", stderr(&output));
    let bodies = gateway.bodies();
    assert_eq!(bodies.len(), 3);
    assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:?}");
    let report: serde_json::Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    assert_eq!(
        (&report["lines"], &report["accepted"], &report["refused"]),
        (&6.into(), &6.into(), &0.into())
    );
}

#[test]
fn what_promises_nothing_is_sent_again_with_the_same_ids() {
    let directory = tempfile::tempdir().expect("a directory");
    let events = file(&directory, "events.ndjson", b"{\"n\":1}\n{\"n\":2}\n");
    let gateway = Gateway::start([Reply::Unavailable, Reply::HangUp, Reply::Accept]);
    let output = load(&gateway, &[], &[&events]);
    assert!(output.status.success(), "{}", stderr(&output));
    let bodies = gateway.bodies();
    assert!(bodies.len() >= 3, "{bodies:?}");
    assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:?}");
}

#[test]
fn a_load_that_was_interrupted_goes_on_with_the_same_ids() {
    let directory = tempfile::tempdir().expect("a directory");
    let text: String = (0..30).map(|number| format!("{{\"n\":{number}}}\n")).collect();
    let events = file(&directory, "events.ndjson", text.as_bytes());
    let failing = Gateway::start([Reply::Accept, Reply::Unavailable]);
    let output = load(&failing, &["--batch", "10", "--give-up-after", "0"], &[&events]);
    assert!(!output.status.success());
    assert!(stderr(&output).contains("from line 11"), "{}", stderr(&output));
    let healthy = Gateway::start([Reply::Accept]);
    assert!(load(&healthy, &["--batch", "10"], &[&events]).status.success());
    let (before, after) = (failing.bodies(), healthy.bodies());
    assert_eq!(before[..2], after[..2]);
    assert_eq!(ids(&after).into_iter().collect::<HashSet<_>>().len(), 30);
}

#[test]
fn a_bad_line_is_named_and_the_others_go_on() {
    let directory = tempfile::tempdir().expect("a directory");
    let lines: Vec<String> = (1..=40)
        .map(|n| if n == 17 || n == 23 { "wrong".to_owned() } else { format!("{{\"n\":{n}}}") })
        .collect();
    let events = file(&directory, "events.ndjson", lines.join("\n").as_bytes());
    let gateway = Gateway::start([Reply::RefuseBodiesWith("wrong")]);
    let output = load(&gateway, &["--output", "json"], &[&events]);
    assert!(!output.status.success());
    let report: serde_json::Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    assert_eq!((&report["accepted"], &report["refused"]), (&38.into(), &2.into()));
    for place in ["events.ndjson:17: expected a JSON object", "events.ndjson:23: expected a JSON object"] {
        assert!(stderr(&output).contains(place), "{}", stderr(&output));
    }
    let taken: Vec<_> = gateway.bodies().into_iter().filter(|body| !body.contains("wrong")).collect();
    let numbers = taken.iter().flat_map(|body| body.lines());
    let numbers =
        numbers.map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON")["n"].clone());
    let expected: Vec<_> = (1..=40).filter(|n| *n != 17 && *n != 23).map(serde_json::Value::from).collect();
    assert_eq!(numbers.collect::<Vec<_>>(), expected, "the order of the file is the order of receipt");
}

#[test]
fn a_bad_line_is_named_by_its_own_file_and_line_blank_ones_counted() {
    let directory = tempfile::tempdir().expect("a directory");
    let first = file(&directory, "a.ndjson", b"\n{\"n\":1}\n\nwrong 1\n\n");
    let second = file(&directory, "b.ndjson", b"wrong 2\n");
    let third = file(&directory, "c.ndjson", b"\n\n{\"n\":2}\nwrong 3");
    let gateway = Gateway::start([Reply::RefuseBodiesWith("wrong")]);
    let output = load(&gateway, &[], &[&first, &second, &third]);
    for place in
        ["a.ndjson:4: expected", "b.ndjson:1: expected", "c.ndjson:4: expected", "3 lines were refused"]
    {
        assert!(stderr(&output).contains(place), "{place}: {}", stderr(&output));
    }
}

#[test]
fn a_rate_is_kept_to() {
    let directory = tempfile::tempdir().expect("a directory");
    let text: String = (0..50).map(|number| format!("{{\"n\":{number}}}\n")).collect();
    let events = file(&directory, "events.ndjson", text.as_bytes());
    let gateway = Gateway::start([Reply::Accept]);
    let output = load(&gateway, &["--output", "json", "--rate", "40", "--batch", "10"], &[&events]);
    let report: serde_json::Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    // Five requests, a quarter of a second apart: a second from the first to the last.
    let seconds = report["seconds"].as_f64().expect("seconds");
    assert!(seconds >= 1.0, "{report}");
    assert_eq!((&report["requests"], &report["accepted"]), (&5.into(), &50.into()));
}

#[test]
fn a_line_that_no_request_can_hold_is_refused_without_being_sent() {
    let directory = tempfile::tempdir().expect("a directory");
    let long = format!("{{\"n\":1}}\n{{\"a\":\"{}\"}}\n{{\"n\":3}}\n", "x".repeat(6 * 1024 * 1024));
    let events = file(&directory, "events.ndjson", long.as_bytes());
    let gateway = Gateway::start([Reply::Accept]);
    let output = load(&gateway, &[], &[&events]);
    assert!(!output.status.success());
    assert!(stderr(&output).contains("events.ndjson:2: expected at most"), "{}", stderr(&output));
    assert_eq!(gateway.bodies().concat().lines().count(), 2);
}

#[test]
fn a_key_that_is_not_known_ends_the_load() {
    let directory = tempfile::tempdir().expect("a directory");
    let events = file(&directory, "events.ndjson", b"{\"n\":1}\n");
    let gateway = Gateway::start([Reply::UnknownKey]);
    let output = load(&gateway, &[], &[&events]);
    assert!(!output.status.success());
    assert!(stderr(&output).contains("the key is not known"), "{}", stderr(&output));
    assert_eq!(gateway.bodies().len(), 1);
}

#[test]
fn addresses_and_keys_come_from_the_stack_of_the_clone() {
    let clone = tempfile::tempdir().expect("a directory");
    let events = file(&clone, "events.ndjson", b"{\"n\":1}\n");
    let gateway = Gateway::start([Reply::Accept]);
    std::fs::create_dir_all(clone.path().join(".local")).expect("made");
    std::fs::create_dir_all(clone.path().join("deep/inside")).expect("made");
    let env = format!(
        "# a comment = no assignment\nEYE_GATEWAY_URL='{}'\nEYE_WRITE_KEY='eye_it'\\''s'\n",
        gateway.url()
    );
    std::fs::write(clone.path().join(".local/env"), env).expect("written");
    let eye = || Eye::new().within(&clone.path().join("deep/inside")).args(&["load"]).args(&[&events]);
    let output = eye().run();
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(gateway.bodies().len(), 1);
    let output = eye().env("EYE_GATEWAY_URL", "http://127.0.0.1:1").args(&["--give-up-after", "0"]).run();
    assert!(!output.status.success(), "the environment comes first");
}
