//! How far the consumers are, told to the store each second.

use broker::Queue;

use crate::running::Running;
use crate::scene::{RECEIVED_AT, Scene, events, until};

/// Longer than any test.
const NEVER_MS: &str = "3600000";

const HELD: &str = "SELECT coalesce(extract(epoch FROM oldest_received_at)::bigint::text, 'none') || ' ' || deliveries_held \
                    FROM consumer_reports ORDER BY reported_at";
const QUEUES: &str = "SELECT split_part(queue, '.', 3) || ' ' || ready_messages || ' ' || subscriptions \
                      FROM queue_measurements ORDER BY queue";

#[tokio::test(flavor = "multi_thread")]
async fn the_store_knows_what_waits_and_how_old_it_is() {
    let scene = Scene::set();
    let consumer = Running::start(&scene, &[("flush_interval_ms", NEVER_MS)]);
    until("nothing is held", || scene.look_up(HELD) == ["none 0"]).await;
    until("both queues are empty", || scene.look_up(QUEUES) == [" 0 1", "dead 0 1"]).await;

    for some in events(4).chunks(2) {
        scene.send(some).await;
    }
    let held = format!("{} 2", RECEIVED_AT / 1_000_000);
    until("two messages are held", || scene.look_up(HELD) == [held.as_str()]).await;
    consumer.measures("eye_queue_ready_messages").await;
    consumer.measures("eye_consumer_oldest_event_age_seconds").await;

    consumer.stop().await;
    assert_eq!(
        scene.look_up("SELECT host FROM consumer_reports"),
        [""; 0],
        "a consumer that stops leaves no report"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_seen_by_consumers_that_do_not_take_it() {
    let scene = Scene::set();
    let first =
        Running::start(&scene, &[("deliveries_bytes_max", "1048576"), ("flush_interval_ms", NEVER_MS)]);
    until("it reports", || scene.look_up(HELD).len() == 1).await;
    scene.execute("ALTER TABLE events RENAME TO events_away");
    for some in events(5).chunks(1) {
        scene.send(some).await;
    }
    // One is held by whoever tries to write it; the others wait.
    until("four messages wait", || scene.look_up(QUEUES) == [" 4 1", "dead 0 1"]).await;
    scene.waiting(Queue::Events, 4).await;
    scene.execute("ALTER TABLE events_away RENAME TO events");
    until("all are written", || scene.look_up("SELECT count(*)::text FROM events") == ["5"]).await;
    until("none waits", || scene.look_up(QUEUES) == [" 0 1", "dead 0 1"]).await;
    first.stop().await;
}
