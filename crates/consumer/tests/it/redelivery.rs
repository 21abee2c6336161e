//! A message that is delivered again changes nothing.

use std::slice::from_ref;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use event::Submitted;

use crate::running::{After, Program, Running};
use crate::scene::{Scene, event, events, own_broker, shared_server, until, until_new_queues_are_kept};

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_comes_again_changes_nothing() {
    let scene = Scene::set();
    let _consumer = Running::start(&scene, &[]);
    let mut sent = events(3);
    sent[2]["name"] = serde_json::json!("");
    let message = scene.message(&sent);
    for _ in 0..3 {
        scene.publish(&message).await;
    }
    let last = event();
    scene.send(from_ref(&last)).await;
    scene.settled().await;
    scene.stored(&[sent[0].clone(), sent[1].clone(), last]).await;
    assert_eq!(scene.look_up("SELECT count(*) FROM errors"), ["1"]);
    assert_eq!(scene.look_up("SELECT sum(event_count) FROM sessions"), ["3"]);
    assert_eq!(scene.look_up("SELECT count(*) FROM taken_messages"), ["2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_whose_acknowledgement_was_lost_is_not_stored_again() {
    let (broker, _directory) = own_broker();
    let scene = Scene::set_on(&broker.amqp_url(), &shared_server());
    let sent = event();
    scene.send(from_ref(&sent)).await;
    until_new_queues_are_kept().await;
    // Killed between delivery and commit: the commit succeeds, the acknowledgement can't.
    let judged = Arc::new(AtomicU32::new(0));
    let broker = Arc::new(Mutex::new(broker));
    let (counted, killed) = (Arc::clone(&judged), Arc::clone(&broker));
    let consumer = Running::start_with(
        &scene,
        &[],
        After(move |_: &Submitted<'_>| {
            if counted.fetch_add(1, Ordering::Relaxed) == 0 {
                killed.lock().expect("the broker").kill();
            }
        }),
    );
    scene.stored(from_ref(&sent)).await;
    tokio::task::block_in_place(|| broker.lock().expect("the broker").restart().expect("it starts again"));
    until("it is delivered again", || judged.load(Ordering::Relaxed) == 2).await;
    consumer.stop().await;
    scene.settled().await;
    assert_eq!(scene.stored_ids().len(), 1);
    assert_eq!(scene.look_up("SELECT sum(event_count) FROM sessions"), ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn consumers_that_are_killed_leave_nothing_undone_and_nothing_done_twice() {
    let scene = Scene::set();
    let mut sent = Vec::new();
    for _ in 0..10 {
        let mut program = Program::start(&scene, &[]);
        let some = events(50);
        for few in some.chunks(5) {
            scene.send(few).await;
        }
        sent.extend(some);
        until("some of it is stored", || scene.stored_ids().len() > sent.len() - 50).await;
        program.kill();
    }
    let _consumer = Running::start(&scene, &[]);
    scene.stored(&sent).await;
    scene.settled().await;
    assert_eq!(scene.look_up("SELECT sum(event_count) FROM sessions"), ["500"]);
    assert_eq!(scene.look_up("SELECT sum(event_count) FROM taken_messages"), ["500"]);
    assert_eq!(scene.look_up("SELECT count(*) FROM errors"), ["0"]);
}
