//! What consumers do now and then.

use std::slice::from_ref;
use std::sync::{Arc, Condvar, Mutex};

use broker::Queue;
use event::Submitted;

use crate::running::{After, Running};
use crate::scene::{Scene, event, events, until};

const OLD: &str = "INSERT INTO taken_messages (message_id, event_count, taken_at) \
                   VALUES (gen_random_uuid(), 7, now() - interval '8 days')";

/// Drops the last partition that was made ahead: the next round of housekeeping makes it again.
async fn a_round(scene: &Scene) {
    let latest = "SELECT max(inhrelid::regclass::text) FROM pg_inherits \
                  WHERE inhparent = 'events'::regclass AND inhrelid <> 'events_default'::regclass";
    let name = scene.look_up(latest).remove(0);
    scene.execute(&format!("DROP TABLE {name}"));
    until("the partition is made again", || {
        let f = scene.look_up(latest);
        eprintln!("{f:?} {name}");
        f == [name.clone()]
    })
    .await;
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
    let gate = Arc::new((Mutex::new(false), Condvar::new()));
    let waiting = Arc::clone(&gate);
    let judge = After(move |_: &Submitted<'_>| {
        let (open, changed) = &*waiting;
        drop(changed.wait_while(open.lock().unwrap(), |open| !*open).unwrap());
    });
    let changes = [("housekeeping_interval_ms", "50"), ("deliveries_bytes_max", "1")];
    let _consumer = Running::start_with(&scene, &changes, judge);
    scene.waiting(Queue::Events, 2).await;
    a_round(&scene).await;
    a_round(&scene).await;
    assert_eq!(scene.look_up("SELECT count(*) FROM taken_messages"), ["1"]);

    *gate.0.lock().unwrap() = true;
    gate.1.notify_all();
    scene.stored(&sent).await;
    until("it is forgotten", || scene.look_up("SELECT count(*) FROM taken_messages") == ["3"]).await;
}
