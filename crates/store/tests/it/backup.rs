//! `deploy/backup` and `deploy/restore`, run as operators run them.

use std::path::Path;
use std::process::{Command, Output};

use diesel::connection::SimpleConnection as _;
use stack::{Postgres, postgres};
use store::intake::{Outcome, Writer};
use store::{Settings, Store, migrate, provision};

use crate::ground::{Ground, ask, connect, judged, message, sample};

fn run(script: &str, url: &str, directory: &Path) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(script);
    let mut command = Command::new(script);
    command.arg(directory).env("EYE__STORE__URL", url).output().expect("run the script")
}

fn succeeds(script: &str, url: &str, directory: &Path) -> String {
    let output = run(script, url, directory);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

fn refusal(script: &str, url: &str, directory: &Path) -> String {
    let output = run(script, url, directory);
    assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A few events of several partitions, a rejection, sessions.
fn filled() -> Ground {
    let ground = Ground::new();
    let young = sample().session("young").with("timestamp", "2026-11-01T00:00:00Z");
    let late = sample().session("late").with("timestamp", "1999-01-01T00:00:00Z");
    ground.write_events(judged(&[sample(), young, late, sample().with("name", "")]));
    ground
}

const CONTENT: &str = "SELECT md5(string_agg(line, '|' ORDER BY line)) FROM (\
    SELECT e::text FROM events e UNION ALL SELECT s::text FROM sessions s UNION ALL SELECT r::text FROM rejected_events r \
    UNION ALL SELECT x::text FROM errors x UNION ALL SELECT t::text FROM taken_messages t \
    UNION ALL SELECT a::text FROM applications a) AS lines (line)";

#[test]
fn a_backup_is_restored_into_an_empty_database_of_another_server_and_can_be_worked_with() {
    let ground = filled();
    let directory = tempfile::tempdir().expect("a directory");
    let backup = directory.path().join("backup");
    succeeds("backup", &ground.url, &backup);
    // What is stored after the backup is not in it.
    ground.write_events(judged(&[sample()]));

    let place = stack::testing::directory().expect("a directory");
    let options = postgres::Options { unsafe_but_fast: true, ..Default::default() };
    let server = Postgres::start(place.path(), options).expect("start another server");
    connect(&server.url("postgres")).batch_execute("CREATE DATABASE restored").expect("make a database");
    let url = server.url("restored");
    let said = succeeds("restore", &url, &backup);
    assert!(said.contains("events 3") && said.contains("rejected_events 1"), "{said}");
    let content = ask(&mut connect(&url), CONTENT);
    assert_ne!(content, ground.ask(CONTENT));
    ground.execute("DELETE FROM events WHERE id = (SELECT id FROM events ORDER BY stored_at DESC LIMIT 1)");
    assert_eq!(
        ask(&mut connect(&url), "SELECT count(*)::text FROM events"),
        ground.count("events").to_string()
    );

    let settings = Settings::for_url(&url);
    assert_eq!(migrate::run(&settings, |_| ()), Ok(Vec::new()));
    let owner = Store::new(&settings).expect("a store");
    provision::ensure_login(&owner, "writes", "eye_consumer", "secret").expect("make a login");
    let login = format!("postgres://writes:secret@127.0.0.1:{}/restored", server.port());
    let store = Store::new(&Settings::for_url(login)).expect("a store");
    assert_eq!(store::housekeeping::make_partitions(&store, 5), Ok(2));
    let again = Writer::new(store).write(&[message(judged(&[sample()]))]).expect("write");
    assert_eq!(again, [store::intake::Taken::Now(vec![Outcome::Stored])]);

    let error = refusal("restore", &url, &backup);
    assert!(error.contains("not empty"), "{error}");
}

#[test]
fn what_can_not_be_saved_or_restored_is_refused_with_its_reason() {
    let ground = filled();
    let directory = tempfile::tempdir().expect("a directory");
    let (backup, none) = (directory.path().join("backup"), directory.path().join("none"));
    assert!(refusal("backup", &ground.url, directory.path()).contains("exists already"));
    assert!(refusal("backup", "mysql://x", &backup).contains("EYE__STORE__URL"));
    let error = refusal("backup", "postgres://eye:top-secret@127.0.0.1:1/eye", &backup);
    assert!(error.contains("127.0.0.1:1/eye") && !error.contains("top-secret"), "{error}");
    assert!(refusal("restore", &ground.url, &none).contains("Expected eye.dump"));
    let empty = stack::testing::postgres().url("postgres");
    assert!(refusal("backup", &empty, &backup).contains("no tables of The Eye"));
    assert!(!backup.exists());
}

#[test]
fn a_backup_that_lost_rows_is_noticed() {
    let ground = filled();
    let directory = tempfile::tempdir().expect("a directory");
    let backup = directory.path().join("backup");
    succeeds("backup", &ground.url, &backup);
    let counts = std::fs::read_to_string(backup.join("counts")).expect("counts");
    std::fs::write(backup.join("counts"), counts.replace("sessions 3", "sessions 4")).expect("tamper");
    let name = format!("empty_{}", uuid::Uuid::now_v7().simple());
    let server = stack::testing::postgres();
    connect(&server.url("postgres")).batch_execute(&format!("CREATE DATABASE {name}")).expect("make");
    let error = refusal("restore", &server.url(&name), &backup);
    assert!(error.contains("does not hold what was saved"), "{error}");
}
