//! What consumers do now and then.

use std::slice::from_ref;
use std::sync::{Mutex, mpsc};

use broker::Queue;
use event::Submitted;

use crate::running::{After, Running};
use crate::scene::{Scene, event, events, ids, until};

const OLD: &str = "INSERT INTO taken_messages (message_id, event_count, taken_at) \
                   VALUES (gen_random_uuid(), 7, now() - interval '8 days')";

/// Drops the last partition that was made ahead: the next round of housekeeping makes it again.
async fn a_round(scene: &Scene) {
    let latest = "SELECT max(inhrelid::regclass::text) FROM pg_inherits \
                  WHERE inhparent = 'events'::regclass AND inhrelid::regclass::text ~ '^events_[0-9]'";
    let name = scene.look_up(latest).remove(0);
    scene.execute(&format!("DROP TABLE {name}"));
    until("the partition is made again", || scene.look_up(latest) == [name.as_str()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_are_made_and_old_messages_forgotten_once_the_queue_was_empty() {
    let scene = Scene::set();
    scene.execute(OLD);
    let _consumer = Running::start(&scene, &[("housekeeping_interval_ms", "50")]);
    a_round(&scene).await;
    until("it is forgotten", || scene.look_up("SELECT count(*) FROM taken_messages") == ["0"]).await;
    let sent = event();
    scene.send(from_ref(&sent)).await;
    scene.stored(&[sent]).await;
    a_round(&scene).await;
    assert_eq!(scene.look_up("SELECT count(*) FROM taken_messages"), ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_forgotten_while_the_queue_may_hold_an_older_message() {
    let scene = Scene::set();
    scene.execute(OLD);
    let sent = events(3);
    for some in sent.chunks(1) {
        scene.send(some).await;
    }
    // One delivery at a time, which waits: the others stay in the queue.
    let (open, gate) = Gate::new();
    let judge = After(move |_: &Submitted<'_>| gate.pass());
    let changes = [("housekeeping_interval_ms", "50"), ("deliveries_bytes_max", "1")];
    let _consumer = Running::start_with(&scene, &changes, judge);
    scene.waiting(Queue::Events, 2).await;
    a_round(&scene).await;
    a_round(&scene).await;
    assert_eq!(scene.look_up("SELECT count(*) FROM taken_messages"), ["1"]);

    drop(open);
    scene.stored(&sent).await;
    until("it is forgotten", || scene.look_up("SELECT count(*) FROM taken_messages") == ["3"]).await;
}

/// How many events there are of each type and application, by their rows and by what was merged into the counts.
const STORED: &str = "SELECT concat_ws(' ', event_type_id, application_id, count(*)) FROM events \
                      GROUP BY event_type_id, application_id ORDER BY 1";
const MERGED: &str = "SELECT concat_ws(' ', event_type_id, application_id, events) FROM event_totals \
                      WHERE event_type_id > 0 AND application_id > 0 ORDER BY 1";

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_counts_are_merged_while_nothing_is_written() {
    let scene = Scene::set();
    let _consumer = Running::start(&scene, &[("housekeeping_interval_ms", "50")]);
    let sent = events(3);
    scene.send(&sent).await;
    scene.stored(&sent).await;
    scene.settled().await;
    // What a writer leaves behind that wrote once more and stopped.
    scene.execute(
        "INSERT INTO events (occurred_at, received_at, application_id, event_type_id, id, session_id, data) \
         SELECT now(), now(), application_id, type, gen_random_uuid(), 's', '{\"n\": 1}' \
         FROM (SELECT DISTINCT application_id FROM events) AS a, generate_series(1, 5) AS type",
    );
    until("all is merged", || scene.look_up("SELECT count(*) FROM event_count_changes") == ["0"]).await;
    assert_eq!(scene.look_up(STORED).len(), 5);
    assert_eq!(scene.look_up(MERGED), scene.look_up(STORED));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_older_than_the_retention_goes_where_one_is_set_and_stays_where_none_is() {
    let mut scene = Scene::set();
    let old = events(3);
    {
        let consumer = Running::start(&scene, &[("housekeeping_interval_ms", "50")]);
        scene.send(&old).await;
        scene.stored(&old).await;
        a_round(&scene).await;
        a_round(&scene).await;
        assert_eq!(scene.stored_ids().len(), 3, "off by default");
        consumer.stop().await;
    }
    scene.set_variable("EYE__STORE__RETENTION_DAYS", "365");
    // Of two consumers one does it.
    let consumers = [(); 2].map(|()| Running::start(&scene, &[("housekeeping_interval_ms", "50")]));
    let mut young = event();
    young["timestamp"] = "2026-01-01T00:00:00Z".into();
    // Migrations make a partition of all that is past, which goes when this month does.
    scene.execute(
        "ALTER TABLE events DETACH PARTITION events_past; \
         CREATE TABLE events_2021 PARTITION OF events FOR VALUES FROM ('2021-01-01 00:00:00+00') TO ('2022-01-01 00:00:00+00'); \
         INSERT INTO events SELECT * FROM events_past",
    );
    scene.send(from_ref(&young)).await;
    until("what is old went, and what is young came", || {
        // Where a writer was in the way, a partition is asked for again a minute later.
        scene.execute("UPDATE expiry_attempts SET blocked_at = '-infinity' WHERE blocked_at > '-infinity'");
        scene.stored_ids() == ids(from_ref(&young))
    })
    .await;
    until("sessions follow", || scene.look_up("SELECT count(*) FROM sessions") == ["1"]).await;
    until("the books know", || scene.look_up("SELECT sum(events) FROM expired_counts") == ["3"]).await;
    for consumer in consumers {
        consumer.stop().await;
    }
}

/// Lets nobody pass until what opens it is dropped, at the latest with the test that failed.
struct Gate(Mutex<mpsc::Receiver<()>>);

impl Gate {
    fn new() -> (mpsc::Sender<()>, Self) {
        let (open, opened) = mpsc::channel();
        (open, Self(Mutex::new(opened)))
    }

    fn pass(&self) {
        // Nothing is ever sent: an error means that it is open.
        self.0.lock().unwrap().recv().unwrap_err();
    }
}
