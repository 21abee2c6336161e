//! Consumers that write at the same time.

use std::sync::{Arc, Barrier};
use std::thread;

use serde_json::json;
use store::intake::{Message, Outcome, Taken};

use crate::ground::{Ground, Sample, judged, message, sample};

/// Writes each batch in a thread of its own, all at once.
fn write_at_once(ground: &Arc<Ground>, batches: Vec<Vec<Message<'static>>>) -> Vec<Vec<Taken>> {
    let barrier = Arc::new(Barrier::new(batches.len()));
    let write = |batch: Vec<Message<'static>>| {
        let (ground, barrier) = (Arc::clone(ground), Arc::clone(&barrier));
        thread::spawn(move || {
            let mut writer = ground.writer();
            barrier.wait();
            writer.write(&batch).expect("write")
        })
    };
    let threads: Vec<_> = batches.into_iter().map(write).collect();
    threads.into_iter().map(|thread| thread.join().expect("a writer")).collect()
}

fn outcomes(taken: &[Vec<Taken>]) -> Vec<Outcome> {
    let of = |taken: &Taken| match taken {
        Taken::Now(outcomes) => outcomes.clone(),
        Taken::Before => Vec::new(),
    };
    taken.iter().flatten().flat_map(of).collect()
}

fn many(count: usize) -> Vec<Sample> {
    (0..count).map(|n| sample().session(&format!("s-{}", n % 50))).collect()
}

#[test]
fn the_same_events_in_opposite_order_are_stored_once() {
    let ground = Arc::new(Ground::new());
    for _ in 0..5 {
        let forth = many(300);
        let back: Vec<_> = forth.iter().rev().cloned().collect();
        let batches = [&forth, &back, &forth, &back].map(|batch| vec![message(judged(batch))]);
        let outcomes = outcomes(&write_at_once(&ground, batches.into()));
        let stored = outcomes.iter().filter(|outcome| **outcome == Outcome::Stored).count();
        let duplicate = outcomes.iter().filter(|outcome| **outcome == Outcome::Duplicate).count();
        assert_eq!((stored, duplicate), (300, 900));
    }
    assert_eq!(ground.count("events"), 1_500);
    ground.assert_sessions_agree();
    ground.assert_books_agree();
}

#[test]
fn messages_delivered_to_several_consumers_are_taken_by_one() {
    let ground = Arc::new(Ground::new());
    let messages: Vec<_> = (0..20).map(|_| message(judged(&many(5)))).collect();
    let reversed: Vec<_> = messages.iter().rev().cloned().collect();
    let taken = write_at_once(&ground, vec![messages.clone(), reversed, messages]);
    let now = taken.iter().flatten().filter(|taken| matches!(taken, Taken::Now(_))).count();
    assert_eq!((now, ground.count("events"), ground.count("taken_messages")), (20, 100, 20));
    ground.assert_sessions_agree();
    ground.assert_books_agree();
}

#[test]
fn of_conflicting_events_in_several_consumers_one_wins() {
    let ground = Arc::new(Ground::new());
    for _ in 0..5 {
        let event = sample();
        let versions = (0..4).map(|n| event.clone().data(json!({ "version": n })));
        let batches = versions.map(|version| vec![message(judged(&[version]))]).collect();
        let mut outcomes = outcomes(&write_at_once(&ground, batches));
        outcomes.sort_by_key(|outcome| *outcome != Outcome::Stored);
        assert_eq!(outcomes, [Outcome::Stored, Outcome::Rejected, Outcome::Rejected, Outcome::Rejected]);
    }
    ground.assert_sessions_agree();
    ground.assert_books_agree();
}

#[test]
fn the_same_rejections_in_several_consumers_are_kept_once() {
    let ground = Arc::new(Ground::new());
    let wrong: Vec<_> = many(100).into_iter().map(|sample| sample.with("extra", 1)).collect();
    let back: Vec<_> = wrong.iter().rev().cloned().collect();
    let batches = [&wrong, &back, &wrong].map(|batch| vec![message(judged(batch))]);
    let outcomes = outcomes(&write_at_once(&ground, batches.into()));
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::Rejected).count(), 100);
    assert_eq!((ground.count("rejected_events"), ground.count("errors")), (100, 100));
}

#[test]
fn event_types_that_are_new_to_several_consumers_are_made_once() {
    let ground = Arc::new(Ground::new());
    let typed = |n: usize| sample().with("category", format!("c-{n}")).with("name", format!("n-{}", n % 7));
    let batch = |reversed: bool| {
        let mut batch: Vec<_> = (0..100).map(typed).collect();
        if reversed {
            batch.reverse();
        }
        vec![message(judged(&batch))]
    };
    let batches = [false, true, false, true].map(batch);
    let outcomes = outcomes(&write_at_once(&ground, batches.into()));
    assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Stored), "{outcomes:?}");
    assert_eq!((ground.count("event_types"), ground.count("events")), (100, 400));
}
