//! `eye tail`.

use std::io::{BufRead, BufReader};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::command::{stderr, stdout};
use crate::query_service::{QueryService, Reply};

/// What it says when it begins to be watched; to come back is to take no time.
const GREETING: &str = "retry: 1\nid: 1.start\n\n";
const KEEP_ALIVE: &str = ": keep-alive\nid: 1.later\n\n";

/// An event as the service writes it, with a number that no double holds.
fn event(number: u32) -> String {
    format!(
        r#"{{"id":"00000000-0000-7000-8000-00000000000{number}","application":"shop","session_id":"s-1","category":"checkout","name":"paid","data":{{"total": 12345678901234567890.10, "n": {number}}},"timestamp":"2026-10-01T09:15:27.243860Z","received_at":"2026-10-01T09:15:28.000001Z","stored_at":"2026-10-01T09:15:28.100000Z"}}"#
    )
}

fn frame(number: u32) -> String {
    format!("id: 1.{number}\ndata: {}\n\n", event(number))
}

#[test]
fn an_event_comes_as_it_is_each_on_a_line() {
    // In pieces as networks make them, with the line ends of a proxy.
    let (first, second) = (frame(1), frame(2).replace('\n', "\r\n"));
    let (begin, end) = first.split_at(50);
    let pieces = [GREETING, begin, &format!("{end}{second}"), KEEP_ALIVE].map(str::to_owned);
    let service = QueryService::start([Reply::Open(pieces.to_vec())]);
    for arguments in [&["tail", "--limit", "2"][..], &["tail", "--limit", "2", "--output", "json"]] {
        let output = service.eye(arguments).run();
        assert!(output.status.success(), "{}", stderr(&output));
        assert_eq!(stdout(&output), format!("{}\n{}\n", event(1), event(2)));
        assert_eq!(stderr(&output), "");
    }
    let asked = &service.asked()[0];
    assert_eq!((asked.target.as_str(), asked.key.as_str()), ("/api/events/stream", "Bearer eye_read"));
    assert_eq!(asked.last_event_id, None);
}

#[test]
fn people_get_what_matters_and_nothing_that_steers_their_terminal() {
    let mut hostile: Value = serde_json::from_str(&event(1)).expect("JSON");
    hostile["name"] = json!("\u{1b}]0;owned\u{7}\nnext line\tfield");
    hostile["data"] = json!({ "text": "\u{202e}fdp" });
    let service = QueryService::start([Reply::Open(vec![format!("data: {hostile}\n\n")])]);
    let output = service.eye(&["tail", "--limit", "1", "--output", "text"]).run();
    assert_eq!(
        stdout(&output),
        "2026-10-01T09:15:27Z\tshop\tcheckout\t\\u001b]0;owned\\u0007\\nnext line\\tfield\ts-1\t\
         {\"text\":\"\\u202efdp\"}\n"
    );
}

#[test]
fn an_interrupted_stream_goes_on_where_it_was_and_says_so() {
    let service = QueryService::start([
        Reply::Broken(vec![GREETING.to_owned(), frame(1), "id: 1.cut\ndata: {\"half".to_owned()]),
        Reply::Refuse(503, "the database can't answer at the moment"),
        Reply::Refuse(503, "the database can't answer at the moment"),
        Reply::Broken(vec![KEEP_ALIVE.to_owned()]),
        Reply::Open(vec![frame(2)]),
    ]);
    let output = service.eye(&["tail", "--limit", "2", "--name", "paid"]).run();
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(stdout(&output), format!("{}\n{}\n", event(1), event(2)));
    let asked = service.asked();
    let ids: Vec<_> = asked.iter().map(|asked| asked.last_event_id.as_deref()).collect();
    assert_eq!(ids, [None, Some("1.1"), Some("1.1"), Some("1.1"), Some("1.later")]);
    assert!(asked.iter().all(|asked| asked.target == "/api/events/stream?name=paid"), "{asked:?}");
    let told = stderr(&output);
    let lines: Vec<_> = told.lines().collect();
    assert_eq!(lines.len(), 5, "the same reason is told once: {told}");
    assert!(lines[0].starts_with("interrupted: "), "{told}");
    assert!(lines[1].contains("the database can't answer at the moment (503"), "{told}");
    assert!(lines[1].contains("trying again every 0.001 s"), "{told}");
    assert_eq!((lines[2], lines[4]), ("going on", "going on"), "{told}");
}

#[test]
fn what_may_be_missing_is_told() {
    let gap = "id: 1.gap\nevent: gap\ndata: {\"since\":\"2026-10-01T09:00:00.000000Z\"}\n\n";
    let service = QueryService::start([Reply::Open(vec![gap.to_owned(), frame(1)])]);
    let output = service.eye(&["tail", "--limit", "1"]).run();
    assert_eq!(stdout(&output), event(1) + "\n");
    assert!(
        stderr(&output).contains("`eye query events --stored-from 2026-10-01T09:00:00.000000Z`"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn ctrl_c_is_a_good_end() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let service = QueryService::start([Reply::Open(vec![frame(1)])]);
        let mut running = service.eye(&["tail"]).spawn();
        let mut line = String::new();
        let stdout = running.child.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        assert_eq!(line, event(1) + "\n");
        let pid = Pid::from_raw(i32::try_from(running.child.id()).expect("a pid"));
        kill(pid, signal).expect("it runs");
        let output = running.end();
        assert!(output.status.success(), "{signal}: {}", stderr(&output));
        assert_eq!(stderr(&output), "", "{signal}");
    }
}

#[test]
fn a_closed_output_is_a_good_end_also_while_nothing_happens() {
    for piece in [frame(1), KEEP_ALIVE.to_owned()] {
        let service = QueryService::start([Reply::Open(vec![GREETING.to_owned(), piece])]);
        let output = service.eye(&["tail"]).unread().run();
        assert!(output.status.success(), "{}", stderr(&output));
        assert_eq!(stderr(&output), "");
    }
}

#[test]
fn a_stream_that_may_not_be_watched_ends_with_the_reason() {
    for replies in [
        vec![Reply::Refuse(401, "the key is unknown, revoked or expired")],
        vec![
            Reply::Broken(vec![GREETING.to_owned()]),
            Reply::Refuse(401, "the key is unknown, revoked or expired"),
        ],
    ] {
        let requests = replies.len();
        let service = QueryService::start(replies);
        let output = service.eye(&["tail"]).run();
        assert!(!output.status.success());
        let told = stderr(&output);
        assert!(told.contains("refuses: the key is unknown, revoked or expired (401"), "{told}");
        assert_eq!(service.asked().len(), requests, "nobody knocks again");
    }
    let service = QueryService::start([Reply::Refuse(503, "too many clients watch")]);
    let output = service.eye(&["tail"]).run();
    assert!(!output.status.success(), "what never began was not interrupted");
    let output = service.eye(&["tail"]).env("EYE_QUERY_URL", "http://127.0.0.1:1").run();
    assert!(
        stderr(&output).contains("the query service at http://127.0.0.1:1 can't be reached"),
        "{}",
        stderr(&output)
    );
}
