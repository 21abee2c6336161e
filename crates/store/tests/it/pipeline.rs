//! How far the consumers are, as they tell.

use chrono::{DateTime, Utc};
use store::pipeline::{self, ConsumerReport, QueueMeasurement};
use uuid::Uuid;

use crate::ground::Ground;

fn report(oldest_received_at: Option<&str>) -> ConsumerReport {
    let time = |text: &str| -> DateTime<Utc> { text.parse().expect("a time") };
    ConsumerReport {
        consumer_id: Uuid::now_v7(),
        host: "host".to_owned(),
        started_at: time("2026-11-01T00:00:00Z"),
        deliveries_held: 1,
        oldest_received_at: oldest_received_at.map(time),
    }
}

fn queue(name: &str, ready_messages: i64) -> QueueMeasurement {
    QueueMeasurement { queue: name.to_owned(), ready_messages, subscriptions: 2 }
}

#[test]
fn a_report_takes_the_place_of_the_one_before() {
    let ground = Ground::new();
    let mut first = report(Some("2026-11-01T00:00:01Z"));
    pipeline::report(&ground.store, &first, &[queue("b", 5), queue("a", 0)]).expect("report");
    first.deliveries_held = 7;
    first.oldest_received_at = None;
    pipeline::report(&ground.store, &first, &[queue("a", 3)]).expect("report");

    let seen = pipeline::look(&ground.store).expect("look");
    let queues: Vec<_> = seen.queues.iter().map(|(queue, _)| queue.clone()).collect();
    assert_eq!(queues, [queue("a", 3), queue("b", 5)]);
    let consumers: Vec<_> = seen.consumers.iter().map(|(report, _)| report.clone()).collect();
    assert_eq!(consumers, [first]);
    assert!(seen.queues[0].1 > seen.queues[1].1, "each queue has the time of its own last look");
}

#[test]
fn the_oldest_event_is_the_oldest_that_any_consumer_holds() {
    let ground = Ground::new();
    assert_eq!(pipeline::look(&ground.store).expect("look").oldest_received_at(), None);
    let times = [Some("2026-11-01T00:00:05Z"), Some("2026-11-01T00:00:02Z"), None];
    for oldest in times {
        pipeline::report(&ground.store, &report(oldest), &[]).expect("report");
    }
    let oldest = pipeline::look(&ground.store).expect("look").oldest_received_at();
    assert_eq!(oldest, report(times[1]).oldest_received_at);
}

#[test]
fn a_consumer_that_is_silent_or_has_left_is_not_counted() {
    let ground = Ground::new();
    let (silent, left, gone) = (report(None), report(None), report(None));
    for each in [&silent, &left, &gone] {
        pipeline::report(&ground.store, each, &[]).expect("report");
    }
    let age = |id: Uuid, interval: &str| {
        ground.execute(&format!(
            "UPDATE consumer_reports SET reported_at = now() - interval '{interval}' WHERE consumer_id = '{id}'"
        ));
    };
    age(silent.consumer_id, "1 minute");
    age(gone.consumer_id, "2 hours");
    pipeline::withdraw(&ground.store, left.consumer_id).expect("withdraw");
    assert_eq!(pipeline::look(&ground.store).expect("look").consumers, []);
    assert_eq!(pipeline::forget_silent(&ground.store), Ok(1));
    assert_eq!(ground.ask("SELECT count(*)::text FROM consumer_reports"), "1");
}
