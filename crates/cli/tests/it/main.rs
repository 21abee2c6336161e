//! `eye` as its users run it.

use std::process::{Command, Output};

/// A database address at which nobody answers, so that no test meets a stack that runs on this machine.
const NOWHERE: &str = "postgres://nobody@127.0.0.1:1/none";

fn eye(arguments: &[&str]) -> Output {
    let elsewhere = tempfile::tempdir().expect("a directory");
    Command::new(env!("CARGO_BIN_EXE_eye"))
        .args(arguments)
        .current_dir(elsewhere.path())
        .env("EYE__STORE__URL", NOWHERE)
        .env("EYE__STORE__CONNECT_TIMEOUT_MS", "200")
        .env_remove("EYE_GATEWAY_URL")
        .env_remove("EYE_WRITE_KEY")
        .output()
        .expect("eye runs")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn every_command_shows_an_example() {
    let commands: &[&[&str]] = &[
        &["up"],
        &["down"],
        &["migrate"],
        &["app", "create"],
        &["app", "list"],
        &["app", "show"],
        &["app", "limit"],
        &["app", "disable"],
        &["key", "create"],
        &["key", "list"],
        &["key", "revoke"],
        &["load"],
        &["doctor"],
    ];
    for command in commands {
        let output = eye(&[command, &["--help"][..]].concat());
        assert!(output.status.success(), "{command:?}");
        let help = String::from_utf8_lossy(&output.stdout).into_owned();
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
        (&["app", "list"][..], "does not answer"),
        (&["load", "missing.ndjson"], "EYE_GATEWAY_URL is not set"),
        (&["app", "limit", "shop", "0"], "expected a whole number from 1, or none; found 0"),
        (&["key", "create", "shop", "--scope", "admin"], "expected write or read, found admin"),
        (&["key", "create", "shop", "--scope", "write", "--own"], "add read to --scope"),
        (&["key", "create", "shop", "--scope", "read", "--expires", "soon"], "expected days (90d)"),
        (
            &["key", "create", "shop", "--scope", "read", "--expires", "2001-01-01T00:00:00Z"],
            "expected a time to come",
        ),
        (&["up", "--consumers", "0"], "0 is not in 1..=64"),
        (&["doctor"], "not as they should be"),
    ] {
        let output = eye(arguments);
        assert!(!output.status.success(), "{arguments:?}");
        assert!(stderr(&output).contains(reason), "{arguments:?}: {}", stderr(&output));
    }
}

#[test]
fn nothing_to_stop_is_no_failure() {
    let output = eye(&["down", "--output", "json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), r#"{"stopped":false}"#);
}
