//! Slow queries, a database that is away, and the end of the service.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use actix_web::rt;
use reqwest::{Method, StatusCode};
use stack::Postgres;
use uuid::Uuid;

use crate::ground::{Ground, sent};
use crate::service::{SOON, Service};

/// A transaction that keeps every reader of a table waiting, until it is dropped.
pub(crate) struct Lock(Child);

impl Lock {
    pub(crate) fn on(ground: &Ground, table: &str) -> Self {
        let mut command = ground.psql();
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("run psql");
        let input = child.stdin.as_mut().expect("a pipe");
        writeln!(input, "BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE;\n\\echo locked").expect("write");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("read");
        assert_eq!(line.trim(), "locked");
        Self(child)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.0.kill().expect("kill psql");
        self.0.wait().expect("wait for psql");
    }
}

#[actix_web::test]
async fn a_query_that_takes_too_long_is_a_504_that_says_what_to_narrow() {
    let ground = Ground::new();
    ground.write(&[sent()]);
    let service = Service::start_with(&ground, &[("QUERY__STATEMENT_TIMEOUT_MS", "200")]).await;
    let lock = Lock::on(&ground, "events, errors, event_counts, event_totals, books");
    let paths = [
        "/api/events".to_owned(),
        "/api/sessions/s-1/events".to_owned(),
        "/api/applications".to_owned(),
        "/api/ledger".to_owned(),
        "/api/errors/summary".to_owned(),
        "/api/errors/summary?spans=7".to_owned(),
        "/api/event-types".to_owned(),
        "/api/event-types/page%20interaction/pageview".to_owned(),
        "/api/counts".to_owned(),
        "/api/counts?session_id=s-1&from=2021-01-01T00:00:00Z&to=2021-01-02T00:00:00Z".to_owned(),
        "/api/counts/sessions".to_owned(),
        "/api/values?path=data.path".to_owned(),
        "/api/funnel?step=a/b&step=page+interaction/pageview".to_owned(),
        "/api/funnel/sessions?step=a/b&step=page+interaction/pageview&reached=1".to_owned(),
        format!("/api/events/{}", Uuid::now_v7()),
    ];
    for path in paths {
        let detail = service.raw(Method::GET, &path, Some(&service.key)).await.problem(504);
        assert!(detail.contains("narrow"), "{detail}");
    }
    drop(lock);
    assert_eq!(service.items("/api/events", &[]).await.len(), 1);
}

#[actix_web::test]
async fn queries_over_the_number_that_may_run_wait_and_are_then_refused() {
    let ground = Ground::new();
    let changes = [
        ("QUERY__QUERIES_IN_FLIGHT_MAX", "1"),
        ("QUERY__STATEMENT_TIMEOUT_MS", "60000"),
        ("STORE__CONNECT_TIMEOUT_MS", "300"),
    ];
    let service = Rc::new(Service::start_with(&ground, &changes).await);
    // Known from now on, so that no look-up of it needs the database.
    assert!(service.items("/api/events", &[]).await.is_empty());
    let lock = Lock::on(&ground, "events");
    let asking = |service: &Rc<Service>| {
        let service = Rc::clone(service);
        rt::spawn(async move { service.get("/api/events", &[]).await })
    };
    let answers = [asking(&service), asking(&service)];
    // Whichever of the two has the only place, the other is refused while it waits for the lock.
    let begun = Instant::now();
    while !answers.iter().any(|answer| answer.is_finished()) {
        assert!(begun.elapsed() < SOON, "nobody was refused");
        rt::time::sleep(Duration::from_millis(20)).await;
    }
    drop(lock);
    let mut statuses = Vec::new();
    for answer in answers {
        let answer = answer.await.expect("an answer");
        statuses.push(answer.status.as_u16());
        if answer.status == StatusCode::SERVICE_UNAVAILABLE {
            answer.problem(503);
            assert_eq!(answer.header("retry-after"), "1");
        }
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 503]);
}

async fn wait_for_a_waiting_query(ground: &Ground) {
    let waiting = "SELECT 1 / count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
    let looked = Instant::now();
    while !ground.psql().args(["--command", waiting]).output().expect("run psql").status.success() {
        assert!(looked.elapsed() < SOON, "the query does not wait for the lock");
        rt::time::sleep(Duration::from_millis(20)).await;
    }
}

fn own_server() -> (Postgres, tempfile::TempDir) {
    let directory = stack::testing::directory().expect("a directory");
    let options = stack::postgres::Options { unsafe_but_fast: true, ..Default::default() };
    (Postgres::start(directory.path(), options).expect("start Postgres"), directory)
}

#[actix_web::test]
async fn a_database_that_goes_away_and_comes_back() {
    let (mut server, _directory) = own_server();
    let ground = Ground::on(&server);
    ground.write(&[sent()]);
    let service = Service::start_with(&ground, &[("STORE__CONNECT_TIMEOUT_MS", "500")]).await;
    service.wait_until_ready_is(StatusCode::OK).await;
    assert_eq!(service.items("/api/events", &[]).await.len(), 1);
    server.kill();
    let answer = service.get("/api/events", &[]).await;
    answer.problem(503);
    assert_eq!(answer.header("retry-after"), "1");
    service.wait_until_ready_is(StatusCode::SERVICE_UNAVAILABLE).await;
    assert_eq!(service.health("/live").await.status, StatusCode::OK);
    server.restart().expect("restart");
    service.wait_until_ready_is(StatusCode::OK).await;
    assert_eq!(service.wait_for_items("/api/events").await.len(), 1);
}

#[actix_web::test]
async fn a_database_that_is_silent_is_told_from_one_that_is_slow() {
    let (server, _directory) = own_server();
    let ground = Ground::on(&server);
    ground.write(&[sent()]);
    let changes = [("QUERY__STATEMENT_TIMEOUT_MS", "500"), ("STORE__CONNECT_TIMEOUT_MS", "500")];
    let service = Service::start_with(&ground, &changes).await;
    service.wait_until_ready_is(StatusCode::OK).await;
    assert_eq!(service.items("/api/events", &[]).await.len(), 1);
    server.freeze();
    service.get("/api/events", &[]).await.problem(503);
    service.wait_until_ready_is(StatusCode::SERVICE_UNAVAILABLE).await;
    server.thaw();
    service.wait_until_ready_is(StatusCode::OK).await;
    assert_eq!(service.wait_for_items("/api/events").await.len(), 1);
}

#[actix_web::test]
async fn slow_queries_keep_no_new_key_from_being_heard() {
    let ground = Ground::new();
    let changes = [("QUERY__QUERIES_IN_FLIGHT_MAX", "1"), ("QUERY__STATEMENT_TIMEOUT_MS", "60000")];
    let service = Rc::new(Service::start_with(&ground, &changes).await);
    assert!(service.items("/api/events", &[]).await.is_empty());
    let lock = Lock::on(&ground, "events");
    let waiting = Rc::clone(&service);
    let slow = rt::spawn(async move { waiting.get("/api/events", &[]).await });
    wait_for_a_waiting_query(&ground).await;
    let write_key = ground.key(crate::ground::SHOP, &[service::keys::Scope::Write], false);
    service.get_as(&write_key, "/api/events", &[]).await.problem(403);
    drop(lock);
    slow.await.expect("an answer").ok();
}

#[actix_web::test]
async fn the_service_starts_while_the_database_is_away() {
    let (mut server, _directory) = own_server();
    let ground = Ground::on(&server);
    let key = ground.key(crate::ground::SHOP, &[service::keys::Scope::Read], false);
    server.stop();
    let service = Service::start_on(&ground.login_url, key, &[("STORE__CONNECT_TIMEOUT_MS", "500")]).await;
    service.wait_until_ready_is(StatusCode::SERVICE_UNAVAILABLE).await;
    // Never a false 401: the key can't be looked up.
    service.get("/api/events", &[]).await.problem(503);
    server.restart().expect("restart");
    service.wait_until_ready_is(StatusCode::OK).await;
    assert!(service.wait_for_items("/api/events").await.is_empty());
}

#[actix_web::test]
async fn a_service_that_is_stopped_finishes_what_was_begun() {
    let ground = Ground::new();
    ground.write(&[sent()]);
    let service = Service::start(&ground).await;
    assert_eq!(service.items("/api/events", &[]).await.len(), 1);
    let lock = Lock::on(&ground, "events");
    let (address, key) = (service.address.clone(), service.key.clone());
    let begun = rt::spawn(async move {
        let request = reqwest::Client::new().get(format!("{address}/api/events")).bearer_auth(key);
        request.send().await.expect("an answer").status()
    });
    wait_for_a_waiting_query(&ground).await;
    let running = service.stop();
    drop(lock);
    assert_eq!(begun.await.expect("an answer"), StatusCode::OK);
    running.await.expect("the task").expect("a clean end");
}

#[actix_web::test]
async fn metrics_tell_what_was_asked_and_how_it_went() {
    let service = Service::start(&Ground::new()).await;
    service.get("/api/events", &[]).await.ok();
    service.get("/api/sessions/some%20secret%20session", &[]).await.problem(404);
    let metrics = service.health("/metrics").await.text;
    for name in [
        "eye_query_requests_total{path=\"/api/sessions/{session_id}\",status=\"404\"}",
        "eye_http_requests_total",
        "eye_http_request_duration_seconds_bucket",
        "eye_query_duration_seconds_bucket",
        "eye_store_connections_in_use",
    ] {
        assert!(metrics.contains(name), "{name} is missing:\n{metrics}");
    }
    assert!(!metrics.contains("secret"), "{metrics}");
}

#[actix_web::test]
async fn what_was_seen_of_the_queues_gets_older_while_the_database_hangs() {
    let ground = Ground::new();
    // A queue of this test's own: all services of a process measure together.
    ground.execute(
        "INSERT INTO queue_measurements (queue, ready_messages, subscriptions) VALUES ('eye.hangs', 1, 1)",
    );
    let service = Service::start(&ground).await;
    let name = r#"eye_pipeline_measurement_age_seconds{queue="eye.hangs"} "#;
    service.measures(name).await;
    let _lock = Lock::on(&ground, "queue_measurements");
    let (begun, mut age) = (Instant::now(), 0.0);
    while age < 6.0 {
        assert!(begun.elapsed() < SOON, "{age} s old after {:?}", begun.elapsed());
        rt::time::sleep(Duration::from_millis(100)).await;
        let metrics = service.health("/metrics").await.text;
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)).expect("the gauge");
        age = line.parse().expect("a number");
    }
}
