//! The real process: started before its database, stopped while that answers nothing.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use actix_web::rt;
use serde_json::Value;
use service::keys::Scope;
use stack::{Postgres, postgres};

use crate::ground::{Ground, SHOP, sent};
use crate::service::SOON;

/// Long enough for many attempts: one a second.
const MANY_ATTEMPTS: Duration = Duration::from_secs(6);

/// Starts the program on a database; gives its port.
fn start(ground: &Ground) -> (Child, u16) {
    let port = stack::ports::free().expect("a port");
    let mut command = Command::new(env!("CARGO_BIN_EXE_eye-query"));
    command
        .env_clear()
        .env("EYE__STORE__URL", &ground.login_url)
        .env("EYE__QUERY__STATEMENT_TIMEOUT_MS", "60000");
    command.env("EYE__QUERY__LISTEN", format!("127.0.0.1:{port}"));
    command.env("EYE__QUERY__HEALTH_LISTEN", "127.0.0.1:0");
    (command.stderr(Stdio::piped()).spawn().expect("start it"), port)
}

/// Asks it to end, which it must do well; gives its log.
fn terminate(mut child: Child) -> String {
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().expect("kill").success());
    let mut log = String::new();
    child.stderr.take().expect("a pipe").read_to_string(&mut log).expect("read");
    assert!(child.wait().expect("wait").success(), "{log}");
    log
}

#[actix_web::test]
async fn a_query_service_under_load_ends_within_10_seconds_also_when_nobody_answers_it() {
    let directory = stack::testing::directory().expect("a directory");
    let options = postgres::Options { unsafe_but_fast: true, ..Default::default() };
    let server = Postgres::start(directory.path(), options).expect("start Postgres");
    let ground = Ground::on(&server);
    ground.write(&[sent()]);
    let key = ground.key(SHOP, &[Scope::Read], false);
    let (child, port) = start(&ground);
    let ask = move || {
        let url = format!("http://127.0.0.1:{port}/api/events");
        let asking = reqwest::Client::new().get(url).bearer_auth(&key).send();
        async move { asking.await.map(|answer| answer.status().as_u16()) }
    };
    let begun = Instant::now();
    while ask().await.unwrap_or(0) != 200 {
        assert!(begun.elapsed() < SOON, "it does not answer after {SOON:?}");
        rt::time::sleep(Duration::from_millis(50)).await;
    }
    server.freeze();
    let asking: Vec<_> = (0..20).map(|_| rt::spawn(ask())).collect();
    rt::time::sleep(Duration::from_secs(2)).await;
    let begun = Instant::now();
    let log = rt::task::spawn_blocking(move || terminate(child)).await.expect("no panic");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}: {log}", begun.elapsed());
    for answer in asking {
        assert_ne!(answer.await.expect("no panic").unwrap_or(0), 200);
    }
    server.thaw();
}

#[actix_web::test]
async fn a_query_service_alone_says_once_what_it_waits_for_and_works_when_it_is_there() {
    let directory = stack::testing::directory().expect("a directory");
    let options = postgres::Options { unsafe_but_fast: true, ..Default::default() };
    let mut server = Postgres::start(directory.path(), options).expect("start Postgres");
    let ground = Ground::on(&server);
    ground.write(&[sent()]);
    let key = ground.key(SHOP, &[Scope::Read], false);
    server.stop();
    let (child, port) = start(&ground);
    rt::time::sleep(MANY_ATTEMPTS).await;
    let ask = async || {
        let asking =
            reqwest::Client::new().get(format!("http://127.0.0.1:{port}/api/events")).bearer_auth(&key);
        asking.send().await.map(|answer| answer.status().as_u16())
    };
    assert_eq!(ask().await.expect("an answer"), 503);
    server.restart().expect("restart");
    let begun = Instant::now();
    while ask().await.expect("an answer") != 200 {
        assert!(begun.elapsed() < SOON, "it does not answer after {SOON:?}");
        rt::time::sleep(Duration::from_millis(50)).await;
    }
    rt::time::sleep(Duration::from_secs(2)).await;
    let log = terminate(child);
    let records: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    for message in ["waiting for the database", "no longer waiting for the database"] {
        let said: Vec<_> = records.iter().filter(|record| record["message"] == message).collect();
        assert_eq!(said.len(), 1, "{message}: {log}");
        assert!(
            said[0]["at"]
                .as_str()
                .is_some_and(|at| at.contains(&server.port().to_string()) && !at.contains('@'))
        );
    }
    // What waits for it says so twice each: the keys, the event types, and the service itself.
    assert!(records.len() < 26, "{log}");
}
