//! Brokers and databases that are away: waited for, and nothing turns into an error because of them.

use std::slice::from_ref;

use broker::Queue;

use crate::running::{Program, Running, stop_drained};
use crate::scene::{
    Scene, event, events, own_broker, own_server, shared_broker, shared_server, until_new_queues_are_kept,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_frozen_is_waited_for() {
    let (server, _directory) = own_server();
    let scene = Scene::set_on(&shared_broker(), &server.url("postgres"));
    let consumer = Running::start(&scene, &[]);
    let first = event();
    scene.send(from_ref(&first)).await;
    scene.stored(from_ref(&first)).await;

    server.freeze();
    let mut sent = events(20);
    for some in sent.chunks(2) {
        scene.send(some).await;
    }
    scene.waiting(Queue::Events, 0).await;
    consumer.not_ready("store").await;
    server.thaw();
    sent.push(first);
    scene.stored(&sent).await;
    consumer.ready().await;
    stop_drained(consumer, &scene).await;
    scene.settled().await;
    assert_eq!(scene.look_up("SELECT count(*) FROM errors"), ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_killed_is_waited_for_and_the_outage_is_logged_once() {
    let (mut server, _directory) = own_server();
    let scene = Scene::set_on(&shared_broker(), &server.url("postgres"));
    let mut program = Program::start(&scene, &[]);
    let mut sent = events(2);
    scene.send(&sent).await;
    scene.stored(&sent).await;

    server.kill();
    let more = events(20);
    for some in more.chunks(1) {
        scene.send(some).await;
    }
    program.logs("waiting for the database").await;
    // Over several tries of both workers.
    program.logs_often("batch not written: trying again", 4).await;
    tokio::task::block_in_place(|| server.restart().unwrap());
    sent.extend(more);
    scene.stored(&sent).await;
    program.logs("no longer waiting for the database").await;
    assert_eq!(program.count("waiting for the database"), 1, "{:?}", program.log());
    assert_eq!(program.count("no longer waiting for the database"), 1, "{:?}", program.log());
    program.stop();
    scene.settled().await;
    assert_eq!(scene.look_up("SELECT count(*) FROM errors"), ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_outage_costs_each_delivery_one_life() {
    let (mut server, _directory) = own_server();
    let scene = Scene::set_on(&shared_broker(), &server.url("postgres"));
    let consumer = Running::start(&scene, &[("park_after_ms", "300"), ("retry_interval_max_ms", "50")]);
    let mut sent = events(1);
    scene.send(&sent).await;
    scene.stored(&sent).await;

    server.kill();
    let more = events(6);
    for some in more.chunks(1) {
        scene.send(some).await;
    }
    consumer.not_ready("broker").await;
    scene.waiting(Queue::Events, 6).await;
    let (subscription, deliveries) = scene.take(Queue::Events, 6).await;
    let counts: Vec<_> = deliveries.iter().map(broker::Delivery::delivery_count).collect();
    assert!(counts.iter().all(|count| *count <= 1), "given back {counts:?} times");
    subscription.close().await;
    tokio::task::block_in_place(|| server.restart().unwrap());
    sent.extend(more);
    scene.stored(&sent).await;
    consumer.ready().await;
    stop_drained(consumer, &scene).await;
    scene.settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_frozen_for_long_makes_consumers_give_back_what_they_hold() {
    let (server, _directory) = own_server();
    let scene = Scene::set_on(&shared_broker(), &server.url("postgres"));
    let consumer = Running::start(&scene, &[("park_after_ms", "300")]);
    let mut sent = events(1);
    scene.send(&sent).await;
    scene.stored(&sent).await;

    server.freeze();
    let more = events(6);
    for some in more.chunks(1) {
        scene.send(some).await;
    }
    // What a worker has begun to write may still be committed, and comes again all the same.
    consumer.not_ready("broker").await;
    scene.waiting(Queue::Events, 6).await;
    server.thaw();
    sent.extend(more);
    scene.stored(&sent).await;
    consumer.ready().await;
    stop_drained(consumer, &scene).await;
    scene.settled().await;
    assert_eq!(scene.look_up("SELECT sum(event_count) FROM sessions"), ["7"]);
    assert_eq!(scene.look_up("SELECT count(*) FROM errors"), ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_to_the_database_that_stays_silent_is_given_up_and_each_event_stored_once() {
    let mut scene = Scene::set();
    let link = scene.put_a_link_before_the_store();
    // What the database must have answered by then, and 5 s more.
    scene.set_variable("EYE__STORE__STATEMENT_TIMEOUT_MS", "1000");
    let consumer = Running::start(&scene, &[]);
    let mut sent = events(1);
    scene.send(&sent).await;
    scene.stored(&sent).await;

    link.strand();
    let more = events(20);
    for some in more.chunks(2) {
        scene.send(some).await;
    }
    sent.extend(more);
    scene.stored(&sent).await;
    consumer.ready().await;
    stop_drained(consumer, &scene).await;
    scene.settled().await;
    assert_eq!(scene.look_up("SELECT sum(event_count) FROM sessions"), ["21"]);
    assert_eq!(scene.look_up("SELECT count(*) FROM errors"), ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_answers_and_still_fails_is_waited_for_and_nothing_is_given_back() {
    let scene = Scene::set();
    let consumer = Running::start(&scene, &[("park_after_ms", "100")]);
    let sent = events(5);
    scene.execute("ALTER TABLE events RENAME TO hidden");
    scene.send(&sent).await;
    scene.waiting(Queue::Events, 0).await;
    consumer.ready().await;
    scene.execute("ALTER TABLE hidden RENAME TO events");
    scene.stored(&sent).await;
    consumer.stop().await;
    scene.settled().await;
    assert_eq!(scene.look_up("SELECT count(*) FROM errors"), ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_waits_for_the_schema_that_it_was_built_for() {
    let mut scene = Scene::set_without_schema(&shared_broker(), &shared_server());
    let consumer = Running::start(&scene, &[]);
    consumer.not_ready("store").await;
    scene.migrate();
    let sent = events(2);
    scene.send(&sent).await;
    scene.stored(&sent).await;
    consumer.ready().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_away_is_waited_for_and_found_again() {
    let (mut broker, _directory) = own_broker();
    let scene = Scene::set_on(&broker.amqp_url(), &shared_server());
    tokio::task::block_in_place(|| broker.stop());
    let consumer = Running::start(&scene, &[]);
    consumer.not_ready("broker").await;
    tokio::task::block_in_place(|| broker.restart().unwrap());
    consumer.ready().await;
    let mut sent = events(2);
    scene.send(&sent).await;
    scene.stored(&sent).await;

    until_new_queues_are_kept().await;
    broker.kill();
    consumer.not_ready("broker").await;
    tokio::task::block_in_place(|| broker.restart().unwrap());
    let more = events(2);
    scene.send(&more).await;
    sent.extend(more);
    scene.stored(&sent).await;
    consumer.ready().await;
}
