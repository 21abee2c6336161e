//! A database that dies, hangs or refuses: nothing is lost, nothing is written twice, nobody is blamed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use diesel::Connection as _;
use diesel::connection::SimpleConnection as _;
use stack::faults::Proxy;
use stack::{Postgres, postgres};
use store::events::EventFilter;
use store::intake::{Outcome, Taken};
use store::page::{Order, PageLimit};
use store::{Error, Store};

use crate::ground::{Ground, judged, message, sample, until};

/// A server of the test's own, which it may kill.
fn server() -> (tempfile::TempDir, Postgres) {
    let directory = stack::testing::directory().expect("a directory");
    // What is committed must survive a kill: not the fast options of the shared server.
    let server = Postgres::start(&directory.path().join("pg"), postgres::Options::default());
    (directory, server.expect("start Postgres"))
}

#[test]
fn a_database_that_is_killed_while_batches_are_written_has_each_event_once() {
    let (_directory, mut server) = server();
    let ground = Arc::new(Ground::on(&server.url("postgres")));
    let (done, written) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(0_usize)));
    let write = |_| {
        let (ground, done, written) = (Arc::clone(&ground), Arc::clone(&done), Arc::clone(&written));
        thread::spawn(move || {
            let mut writer = ground.writer();
            let (mut sent, mut failures) = (0, 0);
            while !done.load(Ordering::Acquire) {
                let batch = [message((0..50).map(|_| sample().judged()).collect())];
                // A batch is written again until it is known to be written, as a consumer does.
                until("write a batch", || match writer.write(&batch) {
                    Ok(taken) => Some(taken),
                    Err(error) => {
                        assert!(matches!(error, Error::Transient { .. }), "{error:?}");
                        failures += 1;
                        None
                    }
                });
                sent += 50;
                *written.lock().expect("no panic") += 1;
            }
            (sent, failures)
        })
    };
    let writers: Vec<_> = (0..3).map(write).collect();
    for _ in 0..3 {
        let before = *written.lock().expect("no panic");
        until("batches are written", || (*written.lock().expect("no panic") > before + 20).then_some(()));
        server.kill();
        server.restart().expect("restart Postgres");
    }
    done.store(true, Ordering::Release);
    let results: Vec<(i64, u32)> =
        writers.into_iter().map(|writer| writer.join().expect("a writer")).collect();
    assert!(results.iter().any(|(_, failures)| *failures > 0), "no writer noticed: {results:?}");
    let sent: i64 = results.iter().map(|(sent, _)| sent).sum();
    assert_eq!((ground.count("events"), ground.count("errors")), (sent, 0));
    ground.assert_sessions_agree();
}

#[test]
fn a_batch_whose_commit_was_not_heard_of_is_written_once() {
    let ground = Ground::new();
    let batch = [message(judged(&[sample(), sample().with("name", "")]))];
    ground.write(&batch);
    // The reply was lost: the caller writes again, with the same message ids.
    assert_eq!(ground.write(&batch), [Taken::Before]);
    assert_eq!((ground.count("events"), ground.count("errors")), (1, 1));
    ground.assert_sessions_agree();
}

#[test]
fn reads_go_on_after_a_restart_without_an_error() {
    let (_directory, mut server) = server();
    let ground = Ground::on(&server.url("postgres"));
    // Several connections of the pool are open, and all of them are lost.
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| ground.store.ping().expect("ping"));
        }
    });
    server.restart().expect("restart Postgres");
    assert_eq!(ground.store.list_applications().expect("read").len(), 2);
}

/// A store whose connections can be disturbed, and in which a statement takes a second at most.
fn behind_a_link(ground: &Ground) -> (Proxy, Store) {
    let link = Proxy::before(&ground.url).expect("a proxy");
    let settings = store::Settings::for_url(link.through(&ground.url));
    let settings = settings.with_statement_timeout(Duration::from_secs(1));
    (link, Store::new(&settings).expect("make a store"))
}

#[test]
fn connections_that_stay_silent_are_given_up_and_those_that_were_idle_meanwhile_are_not_used() {
    let ground = Ground::new();
    let (link, store) = behind_a_link(&ground);
    // Several are open, and none of them answers from now on; new ones do.
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| store.ping().expect("ping"));
        }
    });
    link.strand();
    let error = store.list_applications().expect_err("no answer");
    assert!(error.is_transient(), "{error:?}");
    assert_eq!(store.list_applications().expect("read").len(), 2);
}

#[test]
fn whoever_waits_for_a_server_that_says_nothing_holds_up_nobody_who_needs_another() {
    let ground = Ground::new();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("listen");
    let address = silent.local_addr().expect("an address");
    let waiting = thread::spawn(move || {
        let settings = store::Settings::for_url(format!("postgres://nobody@{address}/none"));
        Store::new(&settings).expect("make a store").ping()
    });
    // It has asked, and waits for an answer.
    let _asked = silent.accept().expect("a connection");
    Store::new(&ground.settings).expect("make a store").ping().expect("another server answers");
    assert!(!waiting.is_finished(), "the silent one was to be waited for");
    assert!(waiting.join().expect("no panic").expect_err("no answer").is_transient());
}

#[test]
fn a_batch_whose_connection_fell_silent_is_written_once() {
    let ground = Ground::new();
    let (link, store) = behind_a_link(&ground);
    let mut writer = store::intake::Writer::new(store);
    writer.write(&[message(judged(&[sample()]))]).expect("write");
    let batch = [message(judged(&[sample(), sample().with("name", "")]))];
    // The first batch has asked for its event type already: what falls silent is the transaction.
    link.strand();
    let error = writer.write(&batch).expect_err("no answer");
    assert!(matches!(error, Error::Transient { .. }), "{error:?}");
    let taken = until("write again", || writer.write(&batch).ok());
    assert_eq!(taken, [Taken::Now(vec![Outcome::Stored, Outcome::Rejected])]);
    assert_eq!(writer.write(&batch).expect("write"), [Taken::Before]);
    assert_eq!((ground.count("events"), ground.count("errors")), (2, 1));
    ground.assert_sessions_agree();
}

#[test]
fn a_database_that_is_away_is_transient_for_everybody() {
    let (_directory, mut server) = server();
    let settings = store::Settings::for_url(server.url("postgres"));
    server.stop();
    let store = Store::new(&settings).expect("make a store without a database");
    let batch = [message(judged(&[sample()]))];
    let failures = [
        ("ping", store.ping()),
        ("read", store.active_keys().map(|_| ())),
        ("write", store::intake::Writer::new(store.clone()).write(&batch).map(|_| ())),
        ("migrate", store::migrate::run(&settings, |_| ()).map(|_| ())),
    ];
    for (what, failure) in failures {
        let error = failure.expect_err(what);
        assert!(matches!(error, Error::Transient { .. }) && error.is_transient(), "{what}: {error:?}");
    }
}

#[test]
fn a_database_without_the_tables_says_so_and_blames_no_event() {
    let server = stack::testing::postgres();
    let empty = Ground::new();
    empty.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
    let error = empty.writer().write(&[message(judged(&[sample()]))]).expect_err("no tables");
    assert!(matches!(error, Error::NotMigrated { .. }), "{error:?}");
    assert!(matches!(empty.store.active_keys(), Err(Error::NotMigrated { .. })));
    assert!(server.pid() > 0);
}

#[test]
fn a_statement_that_takes_too_long_is_a_timeout_for_readers_and_transient_for_writers() {
    let ground = Ground::new();
    let hurried = ground.settings.clone().with_statement_timeout(Duration::from_millis(200));
    let store = Store::new(&hurried).expect("make a store");
    let mut holder = ground.connect();
    holder.batch_execute("BEGIN; LOCK TABLE events, applications IN ACCESS EXCLUSIVE MODE").expect("lock");
    assert_eq!(store.list_applications(), Err(Error::Timeout { limit_ms: 200 }));
    let batch = [message(judged(&[sample()]))];
    let mut writer = store::intake::Writer::new(store);
    let error = writer.write(&batch).expect_err("locked");
    assert!(matches!(error, Error::Transient { .. }), "{error:?}");
    holder.batch_execute("ROLLBACK").expect("unlock");
    assert_eq!(writer.write(&batch).expect("write"), [Taken::Now(vec![Outcome::Stored])]);
}

#[test]
fn statements_that_together_take_too_long_are_a_timeout_and_the_next_question_has_all_its_time() {
    let ground = Ground::new();
    // Each statement that reads applications takes more than half of what one may.
    ground.execute(
        "ALTER TABLE applications RENAME TO hidden; CREATE VIEW applications AS \
         SELECT h.* FROM (SELECT pg_sleep(1.2)) AS slept, hidden AS h",
    );
    let settings = ground.settings.clone().with_statement_timeout(Duration::from_secs(2));
    let store = Store::new(&settings.with_connections_max(1)).expect("make a store");
    let limit = PageLimit { rows: 10, bytes: usize::MAX };
    let of_shop = EventFilter { applications: vec!["shop".to_owned()], ..EventFilter::default() };
    ground.write_events(judged(&[sample()]));
    for _ in 0..2 {
        let page = store.list_events(&of_shop, Order::Ascending, None, limit);
        assert_eq!(page, Err(Error::Timeout { limit_ms: 2_000 }));
        assert_eq!(store.list_applications().expect("one statement").len(), 2);
    }
}

#[test]
fn connections_that_an_operator_ends_are_replaced() {
    let ground = Ground::new();
    let mut writer = ground.writer();
    writer.write(&[message(judged(&[sample()]))]).expect("write");
    ground.ask(
        "SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity \
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    );
    let batch = [message(judged(&[sample()]))];
    until("write again", || writer.write(&batch).ok());
    assert_eq!(ground.count("events"), 2);
}

#[test]
fn a_server_that_may_only_be_read_is_transient_for_writers() {
    let ground = Ground::new();
    let database = ground.ask("SELECT current_database()::text");
    ground.execute(&format!("ALTER DATABASE {database} SET default_transaction_read_only = on"));
    let store = Store::new(&ground.settings).expect("make a store");
    let mut writer = store::intake::Writer::new(store);
    let batch = [message(judged(&[sample()]))];
    let error = writer.write(&batch).expect_err("read-only");
    assert!(matches!(error, Error::Transient { .. }), "{error:?}");
    let mut operator = ground.connect();
    operator
        .transaction(|operator| {
            operator.batch_execute("SET TRANSACTION READ WRITE")?;
            operator.batch_execute(&format!("ALTER DATABASE {database} RESET default_transaction_read_only"))
        })
        .expect("reset");
    assert_eq!(writer.write(&batch).expect("write"), [Taken::Now(vec![Outcome::Stored])]);
}

#[test]
fn a_deadlock_with_somebody_else_passes() {
    let ground = Arc::new(Ground::new());
    ground.write_events(judged(&[sample().session("a"), sample().session("b")]));
    let mut other = ground.connect();
    // Somebody who takes rows of sessions in another order than the writers.
    other
        .batch_execute("BEGIN; UPDATE sessions SET event_count = event_count WHERE session_id = 'b'")
        .expect("lock b");
    let writer = {
        let ground = Arc::clone(&ground);
        thread::spawn(move || ground.write_events(judged(&[sample().session("a"), sample().session("b")])))
    };
    ground.wait_for_lock_waits(1);
    // One of the two is ended by Postgres; whichever it is, the batch is written.
    drop(other.batch_execute("UPDATE sessions SET event_count = event_count WHERE session_id = 'a'; COMMIT"));
    drop(other);
    assert_eq!(writer.join().expect("a writer"), [Outcome::Stored, Outcome::Stored]);
    ground.assert_sessions_agree();
}
