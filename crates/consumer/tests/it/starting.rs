//! The real program, started before what it needs.

use std::time::Duration;

use crate::running::Program;
use crate::scene::{Scene, events, own_broker, own_server, until_new_queues_are_kept};

/// Long enough for many attempts: both are tried again after a second at most.
const MANY_ATTEMPTS: Duration = Duration::from_secs(6);

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_alone_says_once_what_it_waits_for_and_works_when_it_is_there() {
    let ((mut server, _directory), (mut broker, _broker_directory)) = (own_server(), own_broker());
    let scene = Scene::set_on(&broker.amqp_url(), &server.url("postgres"));
    let sent = events(3);
    scene.send(&sent).await;
    until_new_queues_are_kept().await;
    tokio::task::block_in_place(|| {
        server.stop();
        broker.stop();
    });
    let mut consumer = Program::start(&scene, &[]);
    consumer.logs("waiting for the database").await;
    tokio::time::sleep(MANY_ATTEMPTS).await;
    tokio::task::block_in_place(|| server.restart().unwrap());
    consumer.logs("no longer waiting for the database").await;
    consumer.logs("waiting for the broker").await;
    tokio::time::sleep(MANY_ATTEMPTS).await;
    tokio::task::block_in_place(|| broker.restart().unwrap());
    scene.stored(&sent).await;
    consumer.stop();
    for what in ["the database", "the broker"] {
        for message in [format!("waiting for {what}"), format!("no longer waiting for {what}")] {
            let at_least_info: Vec<_> = consumer
                .log()
                .into_iter()
                .filter(|line| line["message"] == message.as_str() && line["level"] != "DEBUG")
                .collect();
            assert_eq!(at_least_info.len(), 1, "{at_least_info:?}");
            assert!(
                at_least_info[0]["at"]
                    .as_str()
                    .is_some_and(|at| at.contains("127.0.0.1:") && !at.contains('@'))
            );
        }
    }
}
