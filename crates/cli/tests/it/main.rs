//! `eye` as its users run it.

mod administration;
mod command;
mod demo;
mod errors;
mod gateway;
mod ground;
mod load;
mod provision;
mod query;
mod query_service;
mod reconcile;
mod replay;
mod tail;
mod types;

use std::process::Output;

use command::{Eye, stderr, stdout};
use ground::Ground;
use serde_json::json;

fn eye(arguments: &[&str]) -> Output {
    Eye::new().args(arguments).run()
}

#[test]
fn every_command_shows_an_example() {
    let commands: &[&[&str]] = &[
        &["up"],
        &["down"],
        &["demo"],
        &["migrate"],
        &["provision"],
        &["app", "create"],
        &["app", "list"],
        &["app", "show"],
        &["app", "limit"],
        &["app", "strict"],
        &["app", "translate"],
        &["app", "disable"],
        &["key", "create"],
        &["key", "list"],
        &["key", "revoke"],
        &["type", "set"],
        &["type", "list"],
        &["type", "show"],
        &["type", "remove"],
        &["errors", "list"],
        &["errors", "replay"],
        &["load"],
        &["tail"],
        &["query", "events"],
        &["query", "sessions"],
        &["query", "counts"],
        &["doctor"],
        &["retention"],
    ];
    for command in commands {
        let output = eye(&[command, &["--help"][..]].concat());
        assert!(output.status.success(), "{command:?}");
        let help = stdout(&output);
        assert!(
            help.contains("Example") && help.contains(&format!("eye {}", command.join(" "))),
            "{command:?}: {help}"
        );
        assert!(help.contains("--output"), "{command:?}: {help}");
    }
}

#[test]
fn what_cannot_be_done_ends_with_a_reason_and_no_success() {
    for (arguments, reason) in [
        (&["app", "list"][..], "the database is away"),
        (&["load", "missing.ndjson"], "EYE_GATEWAY_URL is not set"),
        (&["tail"], "EYE_QUERY_URL is not set"),
        (&["query", "events"], "EYE_QUERY_URL is not set"),
        (&["app", "limit", "shop", "0"], "expected a whole number from 1, or none; found 0"),
        (&["key", "create", "shop", "--scope", "admin"], "expected write or read, found admin"),
        (&["key", "create", "shop", "--scope", "write", "--own"], "add read to --scope"),
        (&["key", "create", "shop", "--scope", "read", "--expires", "soon"], "expected days (90d)"),
        (
            &["key", "create", "shop", "--scope", "read", "--expires", "2001-01-01T00:00:00Z"],
            "expected a time to come",
        ),
        (&["key", "create", "shop"], "--scope, or --origin for a web page"),
        (&["key", "create", "shop", "--limit", "50"], "--scope, or --origin for a web page"),
        (&["key", "create", "shop", "--origin", "", "--limit", "50"], "which is empty"),
        (&["key", "create", "shop", "--origin", "shop.example"], "write https://shop.example instead"),
        (&["key", "create", "shop", "--origin", "*"], "list each origin by itself"),
        (&["key", "create", "shop", "--origin", "https://a.example", "--scope", "read"], "leave read out"),
        (
            &["key", "create", "shop", "--origin", "https://a.example", "--scope", "write,read"],
            "leave read out",
        ),
        (&["key", "create", "shop", "--origin", "https://a.example", "--own"], "leave --own out"),
        (
            &["key", "create", "shop", "--origin", "https://a.example", "--limit", "0"],
            "expected a whole number from 1, found 0",
        ),
        (
            &["key", "create", "shop", "--scope", "write", "--limit", "5"],
            "`eye app limit shop EVENTS_PER_SECOND`",
        ),
        (
            &["demo", "--listen", "127.0.0.1:0"],
            "no stack is known here: start the stack with `eye up --detach`",
        ),
        (&["up", "--consumers", "0"], "0 is not in 1..=64"),
        (&["doctor"], "not as they should be"),
        (&["retention", "--days", "0"], "0 is not in 1..=36500"),
        (&["retention"], "retention is off"),
    ] {
        let output = eye(arguments);
        assert!(!output.status.success(), "{arguments:?}");
        assert!(stderr(&output).contains(reason), "{arguments:?}: {}", stderr(&output));
    }
}

#[test]
fn wrong_use_ends_with_two_whoever_finds_it() {
    let page = "https://a.example";
    for (arguments, reason) in [
        (&["key", "create", "shop", "--limit", "abc"][..], "expected a whole number from 1, found abc"),
        (&["key", "create", "shop", "--limit", "-3"], "expected a whole number from 1, found -3"),
        (&["key", "create", "shop", "--limit", "2147483648"], "expected at most 2147483647"),
        (&["app", "limit", "shop", "-3"], "expected a whole number from 1, or none; found -3"),
        (&["key", "create", "shop"], "--scope"),
        (&["key", "create", "shop", "--origin", page, "--scope", "read"], "leave read out"),
        (&["key", "create", "shop", "--scope", "write", "--own"], "add read to --scope"),
        (&["key", "create", "shop", "--scope", "write", "--limit", "5"], "`eye app limit shop"),
        (&["app", "translate", "shop", "--category", ""], "a member by its path"),
        (&["app", "translate", "shop", "--category", "catgory"], "found \"catgory\""),
        (&["app", "translate", "shop", "--cloudevents-session", "a b"], "lower-case letters"),
        (&["demo", "--listen", "8090"], "expected ADDRESS:PORT such as 127.0.0.1:8090, found 8090"),
        (&["demo", "--listen", "localhost:"], "expected ADDRESS:PORT"),
        (&["demo", "--listen", "localhost:65536"], "expected ADDRESS:PORT"),
    ] {
        let output = eye(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(reason), "{arguments:?}: {}", stderr(&output));
    }
    assert_eq!(eye(&["app", "list"]).status.code(), Some(1), "what went wrong is no wrong use");
}

#[test]
fn without_a_stack_or_with_one_that_is_down_commands_say_what_to_do() {
    let (nowhere, down) =
        (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
    let local = down.path().join(".local");
    std::fs::create_dir(&local).expect("made");
    let env = "EYE__STORE__URL='postgres://nobody@127.0.0.1:1/none'\nEYE__STORE__CONNECT_TIMEOUT_MS='200'\n";
    std::fs::write(local.join("env"), env).expect("written");
    let settings = down.path().join("eye.toml");
    std::fs::write(
        &settings,
        "[store]\nurl = \"postgres://nobody@127.0.0.1:1/none\"\nconnect_timeout_ms = 200\n",
    )
    .expect("written");
    let (unknown, start) = ("no stack is known here (no .local/env", "start it with `eye up --detach`");
    for arguments in [
        &["key", "create", "shop", "--scope", "write"][..],
        &["key", "list"],
        &["app", "translate", "shop"],
        &["app", "list"],
    ] {
        let said = |directory: &std::path::Path, settings: &str| {
            let eye = Eye::new().without_store().within(directory).env("EYE_SETTINGS_FILE", settings);
            let output = eye.args(arguments).run();
            assert_eq!(output.status.code(), Some(1), "{arguments:?}");
            stderr(&output)
        };
        let lost = said(nowhere.path(), "");
        assert!(lost.contains(unknown) && !lost.contains("5432"), "{arguments:?}: {lost}");
        let away = said(down.path(), "");
        assert!(away.contains("the database is away") && away.contains(start), "{arguments:?}: {away}");
        let told = said(nowhere.path(), &settings.display().to_string());
        assert!(told.contains("the database is away"), "{arguments:?}: {told}");
        assert!(!told.contains(unknown) && !told.contains(start), "{arguments:?}: {told}");
    }
}

#[test]
fn nothing_to_stop_is_no_failure() {
    let output = eye(&["down", "--output", "json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(stdout(&output).trim(), r#"{"stopped":false}"#);
}

#[test]
fn an_output_that_nobody_reads_is_no_error_and_leaves_nothing_undone() {
    let ground = Ground::new("unread");
    ground.set_type(&json!({ "type": "object" }));
    for arguments in [
        &["type", "list"][..],
        &["app", "list", "--output", "json"],
        &["errors", "list"],
        &["app", "create", "late"],
        &["retention", "--days", "36500", "--dry-run"],
        &["type", "remove", "--category", "checkout", "--name", "paid"],
    ] {
        let output = ground.eye(arguments).unread().run();
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        assert_eq!(stderr(&output), "", "{arguments:?}");
    }
    assert_eq!(ground.json(&["app", "show", "late"])["name"], "late");
    assert_eq!(ground.json(&["type", "list"]), json!([]));

    let output = eye_unread(&["doctor"]);
    assert!(!output.status.success(), "what is wrong stays wrong");
    assert!(stderr(&output).contains("not as they should be"), "{}", stderr(&output));
}

fn eye_unread(arguments: &[&str]) -> Output {
    Eye::new().args(arguments).unread().run()
}
