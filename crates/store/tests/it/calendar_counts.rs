//! Counts by times of any length are what one moment saw.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use chrono::{DateTime, Utc};
use diesel::connection::SimpleConnection as _;
use store::calendar_counts::{CountsLimit, SlotCount};
use store::counts::Grouping;
use store::events::EventFilter;
use store::housekeeping::merge_counts;

use crate::ground::{Ending, Ground, Sample, judged, message, sample};

fn at(time: &str) -> DateTime<Utc> {
    time.parse().expect("a time")
}

/// Of two slots, the first is a ragged end, which is counted from the events, and the second a whole quarter of an hour.
fn of_two_slots(ground: &Ground, counts_max: usize) -> Option<[u64; 2]> {
    let (from, quarter, to) =
        (at("2026-10-01T10:05:00Z"), at("2026-10-01T10:15:00Z"), at("2026-10-01T10:30:00Z"));
    let filter = EventFilter { from: Some(from), to: Some(to), ..EventFilter::default() };
    let limit = CountsLimit { counts: counts_max, bytes: usize::MAX };
    let counts = ground.store.count_events(&filter, &[from, quarter], Grouping::default(), limit);
    let mut slots = [0; 2];
    for SlotCount { slot, events, .. } in counts.expect("count")? {
        slots[slot] += events;
    }
    Some(slots)
}

fn pair(session: &str) -> [Sample; 2] {
    ["2026-10-01T10:05:00Z", "2026-10-01T10:29:59.999999Z"]
        .map(|time| sample().session(session).with("timestamp", time))
}

#[test]
fn what_is_stored_together_is_counted_together_while_consumers_write_and_counts_are_merged() {
    let ground = Ground::new();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let (ground, done) = (&ground, &done);
        let ending = Ending(done);
        let writer = |writer: usize| {
            scope.spawn(move || {
                let mut writer_of_batches = ground.writer();
                for batch in 0..30 {
                    let messages = [message(judged(&pair(&format!("s-{writer}-{batch}"))))];
                    // Delivered twice, stored once.
                    writer_of_batches.write(&messages).expect("write");
                    writer_of_batches.write(&messages).expect("write again");
                }
            })
        };
        let writers: Vec<_> = (0..3).map(writer).collect();
        let merger = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                merge_counts(&ground.store).expect("merge");
            }
        });
        let reader = scope.spawn(|| {
            let mut before = 0;
            while !done.load(Ordering::Relaxed) {
                let [ragged, whole] = of_two_slots(ground, 2).expect("few counts");
                assert_eq!(ragged, whole);
                assert!(before <= whole, "{before}, then {whole}");
                before = whole;
            }
        });
        let results: Vec<_> = writers.into_iter().map(thread::ScopedJoinHandle::join).collect();
        drop(ending);
        results.into_iter().for_each(|result| result.expect("a writer"));
        merger.join().expect("the merger");
        reader.join().expect("the reader");
    });
    assert_eq!(of_two_slots(&ground, 2), Some([90, 90]));
}

#[test]
fn counts_over_the_number_that_is_wanted_are_not_given_in_part() {
    let ground = Ground::new();
    ground.write_events(judged(&pair("s-1")));
    for _ in 0..2 {
        assert_eq!([0, 1, 2].map(|most| of_two_slots(&ground, most)), [None, None, Some([1, 1])]);
        merge_counts(&ground.store).expect("merge");
    }
}

#[test]
fn retention_waits_for_whoever_counts() {
    let ground = Ground::new();
    ground.write_events(judged(&pair("s-1")));
    merge_counts(&ground.store).expect("merge");
    let partition = ground.ask("SELECT tableoid::regclass::text FROM events LIMIT 1");
    let mut other = ground.connect();
    other.batch_execute("BEGIN; LOCK TABLE event_counts IN ACCESS EXCLUSIVE MODE").expect("lock");
    thread::scope(|scope| {
        let counting = scope.spawn(|| of_two_slots(&ground, 2));
        ground.wait_for_lock_waits(1);
        let detach = format!("SET lock_timeout = '200ms'; ALTER TABLE events DETACH PARTITION {partition}");
        let refused = ground.connect().batch_execute(&detach).expect_err("detached while somebody counts");
        assert!(refused.to_string().contains("lock timeout"), "{refused}");
        other.batch_execute("COMMIT").expect("unlock");
        assert_eq!(counting.join().expect("counts"), Some([1, 1]));
    });
}
