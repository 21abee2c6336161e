//! Counts are what is stored, at every moment, whatever writes, merges and ends it.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use chrono::{DateTime, Utc};
use store::counts::{EventCount, Grain, Grouping};
use store::events::EventFilter;
use store::housekeeping::merge_counts;
use store::{Error, retention};

use crate::ground::{
    BLOG, Ending, Ground, SHOP, Sample, WRONG_COUNTS, ask, judged, message, persist, sample,
};

fn at(time: &str) -> DateTime<Utc> {
    time.parse().expect("a time")
}

/// Events of two types and two applications around the beginning of a day.
fn stored() -> Ground {
    let ground = Ground::new();
    let times = [
        "2026-09-30T23:44:59.999999Z",
        "2026-09-30T23:45:00Z",
        "2026-10-01T00:00:00Z",
        "2026-10-01T10:20:00Z",
    ];
    let samples: Vec<_> = times
        .iter()
        .flat_map(|time| {
            [sample().with("timestamp", *time), sample().with("timestamp", *time).with("name", "click")]
        })
        .chain([sample().application(BLOG).with("timestamp", times[3])])
        .collect();
    ground.write_events(judged(&samples));
    ground
}

/// Each count as a line.
fn counts(ground: &Ground, filter: &EventFilter, grain: Grain, grouping: Grouping) -> Vec<String> {
    let line = |EventCount { start, category, name, application, events }: EventCount| {
        let groups = [category, name, application].into_iter().flatten().map(|group| format!(" {group}"));
        format!("{}{} {events}", start.format("%dT%H:%M"), groups.collect::<String>())
    };
    let counts = ground.store.event_counts(filter, grain, grouping).expect("count");
    counts.counts.into_iter().map(line).collect()
}

#[test]
fn counts_are_the_same_before_and_after_they_are_merged() {
    let ground = stored();
    let (all, none) = (EventFilter::default(), Grouping::default());
    let click = EventFilter { names: vec!["click".to_owned()], ..EventFilter::default() };
    let blog = EventFilter { applications: vec!["blog".to_owned()], ..click.clone() };
    let ranged = EventFilter {
        from: Some(at("2026-09-30T23:45:00Z")),
        to: Some(at("2026-10-01T10:30:00Z")),
        ..EventFilter::default()
    };
    let by_name = Grouping { name: true, application: true, ..none };
    for _ in 0..2 {
        let count = |filter, grain, grouping| counts(&ground, filter, grain, grouping);
        assert_eq!(
            count(&all, Grain::Quarter, none),
            ["30T23:30 2", "30T23:45 2", "01T00:00 2", "01T10:15 3"]
        );
        assert_eq!(count(&all, Grain::Hour, none), ["30T23:00 4", "01T00:00 2", "01T10:00 3"]);
        assert_eq!(count(&all, Grain::Day, none), ["30T00:00 4", "01T00:00 5"]);
        assert_eq!(count(&click, Grain::Day, none), ["30T00:00 2", "01T00:00 2"]);
        assert_eq!(count(&blog, Grain::Day, none), [""; 0]);
        assert_eq!(
            count(&all, Grain::Day, by_name),
            [
                "30T00:00 click shop 2",
                "30T00:00 pageview shop 2",
                "01T00:00 click shop 2",
                "01T00:00 pageview blog 1",
                "01T00:00 pageview shop 2"
            ]
        );
        // A day does not fit: its parts are told.
        assert_eq!(count(&ranged, Grain::Day, none), ["30T23:45 2", "01T00:00 2", "01T10:15 3"]);
        ground.assert_counts_agree();
        merge_counts(&ground.store).expect("merge");
    }
    assert_eq!(ground.count("event_count_changes"), 0);
}

#[test]
fn a_quarter_that_lies_in_the_range_in_part_is_not_counted() {
    let ground = stored();
    let range = |from: &str, to: &str| EventFilter {
        from: Some(at(from)),
        to: Some(at(to)),
        ..EventFilter::default()
    };
    let ranges = [
        (range("2026-10-01T00:00:00.000001Z", "2026-10-01T10:29:59Z"), vec![]),
        (range("2026-10-01T00:00:00Z", "2026-10-01T10:29:59Z"), vec!["01T00:00 2"]),
        (range("2026-10-01T10:30:00Z", "2026-10-01T10:00:00Z"), vec![]),
    ];
    for (filter, expected) in ranges {
        assert_eq!(counts(&ground, &filter, Grain::Quarter, Grouping::default()), expected, "{filter:?}");
    }
}

#[test]
fn what_is_not_counted_is_refused() {
    let ground = Ground::new();
    let filters = [
        EventFilter { session_ids: vec!["s".to_owned()], ..EventFilter::default() },
        EventFilter { received_from: Some(at("2026-10-01T00:00:00Z")), ..EventFilter::default() },
        EventFilter { received_to: Some(at("2026-10-01T00:00:00Z")), ..EventFilter::default() },
    ];
    for filter in filters {
        let outcome = ground.store.event_counts(&filter, Grain::Day, Grouping::default());
        assert!(matches!(outcome, Err(Error::Permanent { .. })), "{filter:?}: {outcome:?}");
    }
}

#[test]
fn types_and_applications_have_their_totals() {
    let ground = stored();
    ground.write_events(judged(&[sample().with("extra", 1).with("other", 1), sample().with("name", "")]));
    let types: Vec<i32> = ground
        .ask("SELECT string_agg(id::text, ' ') FROM event_types ORDER BY 1")
        .split(' ')
        .map(|id| id.parse().expect("a number"))
        .collect();
    for _ in 0..2 {
        let sum = |application| -> u64 {
            ground.store.type_totals(&types, application).expect("totals").values().sum()
        };
        assert_eq!((sum(None), sum(Some(SHOP)), sum(Some(BLOG)), sum(Some(99))), (9, 8, 1, 0));
        let applications = ground.store.count_by_application(None, None, 10).expect("count").rows;
        let applications: Vec<_> =
            applications.iter().map(|a| (a.name.as_str(), a.event_count, a.error_count)).collect();
        assert_eq!(applications, [("blog", 1, 0), ("shop", 8, 3)]);
        merge_counts(&ground.store).expect("merge");
    }
}

#[test]
fn what_operators_delete_is_no_longer_counted() {
    let ground = stored();
    ground.write_events(judged(&[sample().with("name", "")]));
    merge_counts(&ground.store).expect("merge");
    ground.execute("DELETE FROM events WHERE application_id = 2; DELETE FROM rejected_events");
    ground.assert_counts_agree();
    merge_counts(&ground.store).expect("merge");
    ground.assert_counts_agree();
    ground.execute("DELETE FROM events");
    merge_counts(&ground.store).expect("merge");
    assert_eq!(ground.count("event_counts"), 0, "rows of nothing go");
    ground.write_events(judged(&[sample()]));
    ground.execute("TRUNCATE events, sessions, errors, rejected_events");
    ground.assert_counts_agree();
}

#[test]
fn events_that_move_into_a_new_partition_are_counted_once() {
    let ground = Ground::new();
    ground.execute(
        "INSERT INTO events (occurred_at, received_at, application_id, event_type_id, id, session_id, data) \
         SELECT now() + make_interval(months => m), now(), 1, 1, gen_random_uuid(), 's', '{\"n\": 1}' \
         FROM generate_series(0, 8) AS m",
    );
    assert_eq!(store::housekeeping::make_partitions(&ground.store, 7), Ok(4));
    ground.assert_counts_agree();
    merge_counts(&ground.store).expect("merge");
    ground.assert_counts_agree();
}

#[test]
fn what_was_stored_before_the_counts_is_counted() {
    let ground = stored();
    ground.write_events(judged(&[sample().with("name", "")]));
    let down = include_str!("../../../../migrations/2026-11-24-000008_counts/down.sql");
    let up = include_str!("../../../../migrations/2026-11-24-000008_counts/up.sql");
    ground.execute(&format!("BEGIN; {down} COMMIT; BEGIN; {up} COMMIT"));
    ground.assert_counts_agree();
    assert_eq!(ground.count("event_count_changes"), 0);
    assert_eq!(ground.count("event_counts"), 14);
}

/// An event that occurred so many days and minutes ago.
fn old(number: usize, days: i64, minutes: i64) -> Sample {
    let occurred = Utc::now() - chrono::TimeDelta::days(days) - chrono::TimeDelta::minutes(minutes);
    sample()
        .session(&format!("s-{}", number % 30))
        .with("timestamp", occurred.to_rfc3339())
        .with("name", format!("n-{}", number % 5))
        .application(if number.is_multiple_of(3) { BLOG } else { SHOP })
}

/// Partitions whose bounds are no bounds of days, and one whose bounds are.
fn cut_the_past(ground: &Ground) {
    ground.execute(
        "ALTER TABLE events DETACH PARTITION events_past; DROP TABLE events_past; DO $$ BEGIN \
         EXECUTE format('CREATE TABLE events_a PARTITION OF events FOR VALUES FROM (MINVALUE) TO (%L)', now() - interval '300 days'); \
         EXECUTE format('CREATE TABLE events_b PARTITION OF events FOR VALUES FROM (%L) TO (%L)', now() - interval '300 days', date_trunc('day', now() - interval '200 days', 'UTC')); \
         EXECUTE format('CREATE TABLE events_c PARTITION OF events FOR VALUES FROM (%L) TO (%L)', date_trunc('day', now() - interval '200 days', 'UTC'), date_trunc('day', now() - interval '100 days', 'UTC')); \
         END $$",
    );
}

#[test]
fn counts_are_right_at_every_moment_while_consumers_write_and_retention_ends_what_is_old() {
    let ground = Ground::new();
    cut_the_past(&ground);
    let done = AtomicBool::new(false);
    let month = NonZeroU32::new(30).expect("not 0");
    thread::scope(|scope| {
        let (ground, done) = (&ground, &done);
        let ending = Ending(done);
        let writer = |writer: usize| {
            scope.spawn(move || {
                let mut writer_of_batches = ground.writer();
                for batch in 0..25 {
                    // Each second event of a batch has been stored by it already.
                    let days = [310, 299, 250, 199, 150, 101, 60, 2];
                    let mut samples: Vec<_> = (0..20)
                        .map(|n| {
                            old(
                                n + writer,
                                days[(n + batch) % days.len()],
                                i64::try_from(n * 7).expect("small"),
                            )
                        })
                        .collect();
                    samples.extend(samples.clone().into_iter().step_by(2));
                    let messages = [message(judged(&samples))];
                    let copies = [message(judged(&samples))];
                    persist(|| writer_of_batches.write(&messages));
                    persist(|| writer_of_batches.write(&messages));
                    persist(|| writer_of_batches.write(&copies));
                }
            })
        };
        let writers: Vec<_> = (0..3).map(writer).collect();
        let merger = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                persist(|| merge_counts(&ground.store));
            }
        });
        let expirer = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                persist(|| retention::expire(&ground.store, month, Duration::from_secs(60), |_| ()));
                ground.execute("UPDATE expiry_attempts SET blocked_at = '-infinity'");
            }
        });
        let reader = scope.spawn(|| {
            let mut connection = ground.connect();
            let mut looks = 0;
            while !done.load(Ordering::Relaxed) {
                assert_eq!(ask(&mut connection, WRONG_COUNTS), "", "after {looks} looks");
                looks += 1;
            }
            looks
        });
        let results: Vec<_> = writers.into_iter().map(thread::ScopedJoinHandle::join).collect();
        drop(ending);
        results.into_iter().for_each(|result| result.expect("a writer"));
        merger.join().expect("the merger");
        expirer.join().expect("the expirer");
        assert!(reader.join().expect("the reader") > 0);
    });
    ground.execute("UPDATE expiry_attempts SET blocked_at = '-infinity'");
    retention::expire(&ground.store, month, Duration::from_secs(60), |_| ()).expect("expire");
    merge_counts(&ground.store).expect("merge");
    ground.assert_sessions_agree();
    assert_eq!(
        ground
            .ask("SELECT sum(events)::text FROM event_totals WHERE event_type_id = 0 AND application_id = 0"),
        ground.count("events").to_string()
    );
}
