//! What is older than it may become goes, with what was derived from it; what is younger stays to the row.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use diesel::connection::SimpleConnection as _;
use event::Judgement;
use store::intake::Outcome;
use store::retention::{Expired, Left, expire, preview};
use store::{Error, Store};

use crate::ground::{BLOG, Ending, Ground, Sample, persist, sample};

const LONG: Duration = Duration::from_secs(60);

fn days(days: u32) -> NonZeroU32 {
    NonZeroU32::new(days).expect("not 0")
}

fn expire_all(ground: &Ground, retention_days: u32) -> Expired {
    expire(&ground.store, days(retention_days), LONG, |_| ()).expect("expire")
}

/// So many days before now.
fn ago(days: i64) -> DateTime<Utc> {
    Utc::now() - TimeDelta::days(days)
}

/// An event that occurred, and was received, so many days ago.
fn old(session: &str, days: i64) -> Sample {
    let at = ago(days);
    let mut sample = sample().session(session).with("timestamp", at.to_rfc3339());
    sample.received_at = event::ReceivedAt::from_micros(at.timestamp_micros());
    sample
}

fn store_events(ground: &Ground, samples: &[Sample]) {
    let judgements: Vec<_> = samples.iter().map(|sample| Judgement::Valid(sample.valid())).collect();
    let outcomes = ground.write_events(judgements);
    assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Stored), "{outcomes:?}");
}

/// Cuts the past into partitions that cover so many days each, counted from now: `(60, 30)` is events_60 to events_30.
fn partitions(ground: &Ground, ranges: &[(i64, i64)]) {
    ground.execute("ALTER TABLE events DETACH PARTITION events_past; DROP TABLE events_past");
    for (from, to) in ranges {
        ground.execute(&format!(
            "CREATE TABLE events_{from}_to_{to} PARTITION OF events FOR VALUES FROM ('{}') TO ('{}')",
            ago(*from).to_rfc3339(),
            ago(*to).to_rfc3339()
        ));
    }
}

fn sessions(ground: &Ground) -> String {
    ground.ask("SELECT session_id || ':' || event_count FROM sessions ORDER BY session_id")
}

#[test]
fn partitions_that_hold_nothing_younger_go_and_all_others_stay_to_the_row() {
    let ground = Ground::new();
    partitions(&ground, &[(400, 200), (200, 100), (100, 50)]);
    store_events(&ground, &[old("a", 300), old("a", 150), old("b", 150), old("a", 99), old("c", 51)]);
    let younger = "SELECT string_agg(e::text, '|' ORDER BY id) FROM events e WHERE occurred_at > now() - interval '100 days'";
    let before = ground.ask(younger);
    let expired = expire_all(&ground, 60);
    let names = [("events_400_to_200".to_owned(), 1), ("events_200_to_100".to_owned(), 2)];
    assert_eq!(expired.partitions, names);
    assert_eq!((expired.events, expired.rejections, expired.left), (3, 0, None));
    assert_eq!(ground.ask(younger), before, "the partition that is partly younger stays whole");
    assert_eq!(ground.count("events"), 2);
    assert_eq!(sessions(&ground), "a:1 c:1");
    assert_eq!(ground.count("expiring_partitions"), 0);
    assert_eq!(ground.count("pg_class WHERE relname LIKE 'expired_events%'"), 0);
    ground.assert_sessions_agree();
    assert_eq!(expire_all(&ground, 60), Expired::default());
}

#[test]
fn old_rows_of_the_default_partition_go_in_chunks() {
    let ground = Ground::new();
    partitions(&ground, &[]);
    store_events(&ground, &[old("a", 40), old("a", 20), old("b", 40)]);
    ground.execute(
        "INSERT INTO events (occurred_at, received_at, application_id, event_type_id, id, session_id, data) \
         SELECT now() - interval '41 days', now() - interval '41 days', 2, 1, gen_random_uuid(), 'many', '{\"n\": 1}' \
         FROM generate_series(1, 4500); \
         INSERT INTO sessions (session_id, first_event_at, last_event_at, event_count, application_ids) \
         VALUES ('many', now() - interval '41 days', now() - interval '41 days', 4500, '{2}')",
    );
    let mut steps = Vec::new();
    let expired = expire(&ground.store, days(30), LONG, |so_far| steps.push(so_far.events)).expect("expire");
    assert_eq!((expired.events, expired.left), (4_502, None));
    assert_eq!(steps, [2_000, 4_000, 4_502]);
    assert_eq!(sessions(&ground), "a:1");
    ground.assert_sessions_agree();
}

#[test]
fn rejected_events_and_their_errors_follow_by_the_time_of_their_receipt() {
    let ground = Ground::new();
    let wrong = [
        old("a", 40).with("name", ""),
        old("a", 40).with("name", "").with("category", ""),
        old("a", 20).with("name", ""),
    ];
    ground.write_events(wrong.iter().map(Sample::judged).collect());
    assert_eq!(ground.count("errors"), 4);
    let expired = expire_all(&ground, 30);
    assert_eq!((expired.events, expired.rejections), (0, 2));
    assert_eq!((ground.count("rejected_events"), ground.count("errors")), (1, 1));
    assert_eq!(ground.ask("SELECT sum(rejections)::text FROM expired_counts"), "2");
}

#[test]
fn what_went_is_counted_by_application_and_hour_of_receipt() {
    let ground = Ground::new();
    partitions(&ground, &[(400, 40)]);
    let at = |text: &str, application: i32, minutes: i64| {
        let received = DateTime::parse_from_rfc3339(text).expect("a time").timestamp_micros();
        let mut sample = old("s", 100).application(application);
        sample.received_at = event::ReceivedAt::from_micros(received).to_owned();
        sample.later(minutes * 60_000_000)
    };
    let (first, second) = ("2026-09-01T10:00:00Z", "2026-09-01T11:59:59Z");
    store_events(&ground, &[at(first, 1, 0), at(first, 1, 59), at(second, 1, 0), at(first, BLOG, 1)]);
    let rejected = at(first, 1, 2).with("name", "");
    ground.write_events(vec![rejected.judged()]);
    expire_all(&ground, 30);
    assert_eq!(
        ground.ask(
            "SELECT concat_ws('/', application_id, to_char(hour, 'HH24:MI'), events, rejections) \
             FROM expired_counts ORDER BY application_id, hour"
        ),
        "1/10:00/2/1 1/11:00/1/0 2/10:00/1/0"
    );
}

#[test]
fn a_retention_of_less_than_a_day_is_refused_by_the_database() {
    let ground = Ground::new();
    store_events(&ground, &[old("a", 1_000)]);
    for function in
        ["eye_expire_partition", "eye_expire_rows", "eye_expire_rejections", "eye_expired_partitions"]
    {
        for retention in ["0", "-1", "NULL", "36501"] {
            let outcome = ground.connect().batch_execute(&format!("SELECT {function}({retention})"));
            let error = outcome.expect_err("a mistake").to_string();
            assert!(error.contains("from 1 to 36500"), "{function}({retention}): {error}");
        }
    }
    assert_eq!(ground.count("events"), 1);
}

#[test]
fn a_preview_tells_what_would_go_and_touches_nothing() {
    let ground = Ground::new();
    partitions(&ground, &[(400, 200), (100, 50)]);
    store_events(&ground, &[old("a", 300), old("a", 150), old("b", 70)]);
    ground.write_events(vec![old("a", 40).with("name", "").with("category", "").judged()]);
    let seen = preview(&ground.store, days(30)).expect("preview");
    let partitions: Vec<_> =
        seen.partitions.iter().map(|partition| (partition.name.as_str(), partition.events)).collect();
    assert_eq!(partitions, [("events_400_to_200", 1), ("events_100_to_50", 1)]);
    assert!(seen.partitions[0].from.is_some_and(|from| from < seen.partitions[0].to));
    assert_eq!((seen.default_events, seen.rejections, seen.events()), (1, 1, 3));
    assert_eq!((ground.count("events"), ground.count("errors")), (3, 2));
    let expired = expire_all(&ground, 30);
    assert_eq!((expired.events, expired.rejections), (seen.events(), seen.rejections));
}

#[test]
fn a_partition_in_use_is_left_for_another_time_and_the_rest_goes_on() {
    let ground = Ground::new();
    partitions(&ground, &[(400, 200)]);
    store_events(&ground, &[old("a", 300), old("b", 100)]);
    let mut reader = ground.connect();
    reader.batch_execute("BEGIN; SELECT FROM events LIMIT 1").expect("read");
    let started = Instant::now();
    thread::scope(|scope| {
        let expiring = scope.spawn(|| expire_all(&ground, 30));
        // Writers wait no longer than the lock is waited for.
        store_events(&ground, &[old("c", 1)]);
        assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
        let expired = expiring.join().expect("no panic");
        assert_eq!(
            (expired.left, expired.events),
            (Some(Left::Blocked), 1),
            "the default partition's row went"
        );
    });
    assert_eq!(sessions(&ground), "a:1 c:1");
    reader.batch_execute("COMMIT").expect("end");
    assert_eq!(expire_all(&ground, 30).left, Some(Left::Blocked), "nobody asks again at once");
    ground.execute("UPDATE expiry_attempts SET blocked_at = blocked_at - interval '1 minute'");
    assert_eq!(expire_all(&ground, 30).events, 1);
    assert_eq!(sessions(&ground), "c:1");
}

#[test]
fn what_one_process_began_another_ends() {
    let ground = Ground::new();
    partitions(&ground, &[(400, 200)]);
    let samples: Vec<_> = (0..1_200).map(|number| old(&format!("s-{number}"), 300)).collect();
    store_events(&ground, &samples);
    let ended = expire(&ground.store, days(30), Duration::ZERO, |_| ()).expect("expire");
    assert_eq!((ended.events, ended.left), (0, Some(Left::Time)));
    for _ in 0..2 {
        ground.execute("SELECT eye_expire_partition(30)");
    }
    assert_eq!((ground.count("events"), ground.count("sessions")), (0, 200));
    assert_eq!(preview(&ground.store, days(30)).expect("preview").detached_events, 1_200);
    let mut maker = ground.connect();
    maker.batch_execute("BEGIN; SELECT pg_advisory_xact_lock(hashtext('eye_expire'))").expect("be at it");
    assert_eq!(expire_all(&ground, 30).left, Some(Left::Busy));
    maker.batch_execute("COMMIT").expect("end");
    let expired = expire_all(&ground, 30);
    assert_eq!((expired.events, expired.partitions), (200, vec![("events_400_to_200".to_owned(), 1_200)]));
    assert_eq!(ground.ask("SELECT sum(events)::text FROM expired_counts"), "1200");
    assert_eq!(ground.count("sessions"), 0);
}

#[test]
fn a_session_with_more_events_than_a_step_counts_is_right_after_the_last_step() {
    let ground = Ground::new();
    partitions(&ground, &[(400, 200)]);
    let mut samples: Vec<_> = (0..2_500).map(|_| old("long", 300)).collect();
    samples.push(old("long", 1));
    store_events(&ground, &samples);
    for left in [2_501, 1_501, 501, 1] {
        ground.execute("SELECT eye_expire_partition(30)");
        assert_eq!(sessions(&ground), format!("long:{left}"));
    }
    let down = include_str!("../../../../migrations/2026-11-23-000010_retention/down.sql");
    let error = ground.connect().batch_execute(down).expect_err("it is not dropped yet").to_string();
    assert!(error.contains("detached and not dropped yet"), "{error}");
    assert_eq!(expire_all(&ground, 30).partitions, [("events_400_to_200".to_owned(), 2_500)]);
    ground.assert_sessions_agree();
}

#[test]
fn a_session_whose_count_was_too_low_is_mended_and_not_lost() {
    let ground = Ground::new();
    partitions(&ground, &[(400, 200)]);
    store_events(&ground, &[old("s", 300), old("s", 299), old("s", 1)]);
    ground.execute("UPDATE sessions SET event_count = 1");
    expire_all(&ground, 30);
    ground.assert_sessions_agree();
    assert_eq!(sessions(&ground), "s:1");
}

#[test]
fn sessions_stay_right_while_consumers_write_them() {
    let ground = Ground::new();
    partitions(&ground, &[(400, 300), (300, 200), (200, 100)]);
    let session = |number: usize| format!("s-{}", number % 40);
    let history: Vec<_> = (0..600)
        .map(|number| old(&session(number), 110 + i64::try_from(number % 280).expect("small")))
        .collect();
    store_events(&ground, &history);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let (ground, done) = (&ground, &done);
        let ending = Ending(done);
        let writers: Vec<_> = (0..3)
            .map(|writer| {
                scope.spawn(move || {
                    let mut written = 0;
                    while !done.load(Ordering::Relaxed) || written < 5 {
                        // Old ones too: they arrive late, and land in the default partition or in one that goes.
                        let batch: Vec<_> = (0..30)
                            .map(|number| {
                                old(&session(number * 7 + writer), if number % 3 == 0 { 150 } else { 2 })
                            })
                            .collect();
                        store_events(ground, &batch);
                        written += 1;
                    }
                    written * 20
                })
            })
            .collect();
        for _ in 0..40 {
            persist(|| expire(&ground.store, days(30), LONG, |_| ()));
        }
        drop(ending);
        let young: i64 = writers.into_iter().map(|writer| writer.join().expect("no panic")).sum();
        ground.execute("UPDATE expiry_attempts SET blocked_at = '-infinity'");
        expire_all(ground, 30);
        assert_eq!(ground.count("events"), young, "all that is young, and nothing else");
    });
    ground.assert_sessions_agree();
}

#[test]
fn the_command_that_expires_needs_a_database_of_this_version() {
    let settings = store::Settings::for_url(stack::testing::postgres().url("postgres"));
    let store = Store::new(&settings).expect("a store");
    let error = expire(&store, days(30), LONG, |_| ()).expect_err("no schema");
    assert!(matches!(error, Error::NotMigrated { .. } | Error::Transient { .. }), "{error:?}");
}
