//! A database that is lost, and its synchronous standby.

use stack::{Postgres, postgres};

use crate::running::{Running, stop_drained};
use crate::scene::{Scene, events, shared_broker};

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_takes_over_and_has_all_that_was_stored_or_waits_in_the_queue() {
    let directory = stack::testing::directory().unwrap();
    let synchronous = [("synchronous_standby_names".to_owned(), "*".to_owned())];
    let options = postgres::Options { settings: synchronous.to_vec(), ..Default::default() };
    let mut primary = Postgres::start(&directory.path().join("primary"), options).unwrap();
    let standby =
        primary.start_standby(&directory.path().join("standby"), postgres::Options::default()).unwrap();
    let scene = Scene::set_on(&shared_broker(), &primary.url_with(&standby, "postgres"));
    let consumer = Running::start(&scene, &[]);
    let mut sent = events(20);
    for some in sent.chunks(2) {
        scene.send(some).await;
    }
    scene.stored(&sent).await;

    primary.kill();
    let more = events(20);
    for some in more.chunks(2) {
        scene.send(some).await;
    }
    consumer.not_ready("store").await;
    tokio::task::block_in_place(|| standby.promote().unwrap());
    sent.extend(more);
    scene.stored(&sent).await;
    consumer.ready().await;
    stop_drained(consumer, &scene).await;
    scene.settled().await;
    assert_eq!(scene.look_up("SELECT count(*) FROM errors"), ["0"]);
}
