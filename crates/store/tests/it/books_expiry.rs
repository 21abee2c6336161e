//! What retention ends is booked, and so is what stood in the tables before there were books.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use chrono::Utc;
use diesel::connection::SimpleConnection as _;
use event::{EventId, MessageId, ReceivedAt};
use store::books::HourRange;
use store::housekeeping::merge_counts;
use store::intake::{Contents, Fragment, Message};
use store::retention::expire;

use crate::books::{ledger, rejected};
use crate::ground::{Ending, Ground, Sample, connect, judged, message, persist, sample};

fn month() -> NonZeroU32 {
    NonZeroU32::new(30).expect("not 0")
}

/// An event that occurred and was received so many days ago.
fn old(session: &str, days: i64) -> Sample {
    let at = Utc::now() - chrono::TimeDelta::days(days);
    let mut sample = sample().session(session).with("timestamp", at.to_rfc3339());
    sample.received_at = ReceivedAt::from_micros(at.timestamp_micros());
    sample
}

/// The past in one partition that is expired.
fn cut_the_past(ground: &Ground) {
    ground.execute(
        "ALTER TABLE events DETACH PARTITION events_past; DROP TABLE events_past; DO $$ BEGIN EXECUTE format(\
         'CREATE TABLE events_old PARTITION OF events FOR VALUES FROM (%L) TO (%L)', now() - interval '400 days', now() - interval '200 days'); \
         END $$",
    );
}

#[test]
fn what_expires_is_booked_at_each_step() {
    let ground = Ground::new();
    cut_the_past(&ground);
    let samples: Vec<_> = (0..1_500).map(|number| old(&format!("s-{}", number % 70), 300)).collect();
    ground.write_events(judged(&samples));
    let resolved = old("r", 50);
    ground.write_events(vec![rejected(&resolved), rejected(&old("r", 50)), old("r", 40).judged()]);
    ground.write_events(vec![resolved.judged(), rejected(&old("young", 2))]);
    let taken =
        |ground: &Ground| ground.store.compare_books(HourRange::default(), |_| ()).expect("compare").taken;
    assert_eq!(taken(&ground), 1_505);
    for step in ["detached", "counted", "counted", "dropped"] {
        ground.assert_books_agree();
        assert_eq!(ground.ask("SELECT step FROM eye_expire_partition(30)"), step);
    }
    ground.assert_books_agree();
    expire(&ground.store, month(), Duration::from_secs(60), |_| ()).expect("expire");
    ground.assert_books_agree();
    let compared = ground.store.compare_books(HourRange::default(), |_| ()).expect("compare");
    assert_eq!((compared.taken, compared.expired, compared.stored), (1_505, 1_503, 0));
    assert_eq!((compared.duplicate, compared.rejected), (1, 1));
    assert_eq!((ground.count("events"), ground.count("rejected_events")), (0, 1));
    ledger(&ground);
}

/// A comparison locks what is expiring, and reads it then: a step that holds the one and waits for the other would have both wait.
#[test]
fn a_step_that_waits_for_a_comparison_holds_nothing_that_it_reads() {
    let ground = Ground::new();
    cut_the_past(&ground);
    ground.write_events(vec![old("s", 300).judged()]);
    let step = || ground.ask("SELECT step FROM eye_expire_partition(30)");
    assert_eq!((step(), step()), ("detached".to_owned(), "counted".to_owned()));
    let mut comparing = connect(&ground.url);
    comparing
        .batch_execute("BEGIN; LOCK TABLE expiring_partitions IN SHARE MODE; SET LOCAL lock_timeout = '1ms'")
        .expect("lock what is expiring");
    thread::scope(|scope| {
        let dropping = scope.spawn(step);
        ground.until_somebody_waits();
        comparing.batch_execute("SELECT FROM expired_events_old; COMMIT").expect("read what is detached");
        // Where the machine is slow it gave up waiting.
        let found = dropping.join().expect("no panic");
        assert!(["dropped", "blocked"].contains(&found.as_str()), "{found}");
    });
    expire(&ground.store, month(), Duration::from_secs(60), |_| ()).expect("expire");
    assert_eq!(ground.count("expiring_partitions"), 0);
    ground.assert_books_agree();
}

#[test]
fn what_stood_in_the_tables_before_there_were_books_is_booked() {
    let ground = Ground::new();
    cut_the_past(&ground);
    let samples: Vec<_> = (0..1_200).map(|number| old(&format!("s-{}", number % 70), 300)).collect();
    ground.write_events(judged(&samples));
    let copied = sample();
    ground.write_events(vec![sample().judged(), copied.judged(), rejected(&sample()), rejected(&copied)]);
    let fragment = |bytes: &'static [u8]| Fragment {
        id: EventId::fresh(),
        received_at: sample().received_at,
        detail: "for a test".to_owned(),
        bytes,
    };
    let id = MessageId::fresh();
    let unread = Fragment { id: EventId::from(*id.as_uuid()), ..fragment(b"?") };
    let unreadable =
        Message { id, event_count: 3, contents: Contents::Unreadable(unread), ..message(Vec::new()) };
    let broken =
        Message { event_count: 0, contents: Contents::ParseError(fragment(b"{")), ..message(Vec::new()) };
    ground.write(&[unreadable, broken]);
    // A later migration would count the partition to its end.
    ground.execute(include_str!("../../../../migrations/2026-11-25-000012_identity/down.sql"));
    for _ in 0..2 {
        ground.execute("SELECT eye_expire_partition(30)");
    }
    let down = include_str!("../../../../migrations/2026-11-25-000011_books/down.sql");
    let up = include_str!("../../../../migrations/2026-11-25-000011_books/up.sql");
    ground.execute(&format!("BEGIN; {down} COMMIT; BEGIN; {up} COMMIT"));
    let booked = ground
        .ask("SELECT concat_ws(' ', sum(taken), sum(stored), sum(duplicate), sum(rejected)) FROM books");
    assert_eq!(booked, "1206 1202 0 4");
    assert_eq!(ground.ask("SELECT sum(events)::text FROM expired_counts"), "1000");
    ground.execute(include_str!("../../../../migrations/2026-11-25-000012_identity/up.sql"));
    let compared = ground.store.compare_books(HourRange::default(), |_| ()).expect("compare");
    assert_eq!((compared.taken, compared.stored, compared.duplicate, compared.rejected), (1_206, 2, 0, 4));
    assert_eq!((compared.expired, ground.count("expiring_partitions")), (1_200, 0));
    ground.assert_books_agree();
    ground.write_events(vec![sample().judged()]);
    ground.assert_books_agree();
}

#[test]
fn the_books_balance_at_every_moment_while_consumers_write_and_retention_ends_what_is_old() {
    let ground = Ground::new();
    cut_the_past(&ground);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let (ground, done) = (&ground, &done);
        let ending = Ending(done);
        let writers: Vec<_> = (0..3)
            .map(|number| {
                scope.spawn(move || {
                    let mut writer = ground.writer();
                    let mut before: Vec<Sample> = Vec::new();
                    for _ in 0..15 {
                        let fresh: Vec<_> = (0..20)
                            .map(|n| old(&format!("s-{}", n % 7), [300, 150, 2][(n + number) % 3]))
                            .collect();
                        let mut judgements: Vec<_> = fresh
                            .iter()
                            .zip(0..)
                            .map(|(each, n)| if n % 4 == 0 { rejected(each) } else { each.judged() })
                            .collect();
                        judgements.extend(before.iter().step_by(3).map(Sample::judged));
                        let again = before.iter().step_by(4).map(Sample::judged).collect();
                        let batch = [message(judgements), Message { replay: true, ..message(again) }];
                        persist(|| writer.write(&batch));
                        before = fresh;
                    }
                })
            })
            .collect();
        let watcher = scope.spawn(move || {
            while !done.load(Ordering::Relaxed) {
                ground.assert_books_agree();
                persist(|| merge_counts(&ground.store));
            }
        });
        while !writers.iter().all(thread::ScopedJoinHandle::is_finished) {
            ground.execute("UPDATE expiry_attempts SET blocked_at = '-infinity'");
            persist(|| expire(&ground.store, month(), Duration::from_secs(60), |_| ()));
        }
        writers.into_iter().for_each(|writer| writer.join().expect("a writer"));
        drop(ending);
        watcher.join().expect("a watcher");
    });
    ground.assert_books_agree();
}
