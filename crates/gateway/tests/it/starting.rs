//! The real process, started before what it needs.

use std::time::Duration;

use serde_json::Value;
use service::keys::Scope;
use stack::{Postgres, RabbitMq, postgres, rabbitmq};

use crate::gateway::{Answer, Surroundings};
use crate::process::Process;

/// Long enough for many attempts: the broker is tried again after a second at most, the database every second.
const MANY_ATTEMPTS: Duration = Duration::from_secs(6);

fn count(log: &str, message: &str) -> usize {
    let records = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    records.filter(|record| record["message"].as_str().is_some_and(|text| text.starts_with(message))).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_alone_says_once_what_it_waits_for_and_works_when_it_is_there() {
    let (directory, broker_directory) =
        (stack::testing::directory().unwrap(), stack::testing::directory().unwrap());
    let options = postgres::Options { unsafe_but_fast: true, ..Default::default() };
    let mut server = Postgres::start(directory.path(), options).unwrap();
    let mut broker = RabbitMq::start(broker_directory.path(), &rabbitmq::Options::default()).unwrap();
    let mut around = Surroundings::on(&broker.amqp_url(), &server);
    let key = around.key(Scope::Write);
    tokio::task::block_in_place(|| {
        server.stop();
        broker.stop();
    });
    let process = Process::start_alone(&mut around, key);
    tokio::time::sleep(MANY_ATTEMPTS).await;
    // Not a 401: nobody can tell yet whose key it is.
    Answer::of(process.request().body("{}")).await.assert_problem(503, "alone");
    tokio::task::block_in_place(|| server.restart().unwrap());
    tokio::time::sleep(MANY_ATTEMPTS).await;
    Answer::of(process.request().body("{}")).await.assert_problem(503, "without a broker");
    tokio::task::block_in_place(|| broker.restart().unwrap());
    process.until_it_accepts().await;
    let log = process.terminate();
    for message in [
        "waiting for the database, to read the keys",
        "no longer waiting for the database, to read the keys",
        "broker link can't be had yet",
        "broker link up",
    ] {
        assert_eq!(count(&log, message), 1, "{message}: {log}");
    }
    for address in [format!("127.0.0.1:{}/", server.port()), format!("amqp://127.0.0.1:{}/", broker.port())] {
        assert!(log.contains(&address), "{address}: {log}");
    }
}
