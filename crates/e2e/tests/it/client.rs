//! An application with crate `client`, through an outage of the broker.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ::client::{Client, Event, EventId, Settings};
use serde_json::json;
use tokio::time::{Instant, interval};

use crate::pipeline::{Part, Pipeline};

/// How long the broker is away.
const OUTAGE: Duration = Duration::from_secs(30);
/// An application that is used: one event every so often, before, during and after the outage.
const EVENT_INTERVAL: Duration = Duration::from_millis(10);
/// How long everything may take to be safe after the broker is back.
const RECOVERY: Duration = Duration::from_secs(60);

/// Submits an event an interval for so long; enters each before it is submitted.
async fn submit(client: &Client, sent: &mut HashMap<EventId, u64>, duration: Duration) {
    let (begun, mut ticks) = (Instant::now(), interval(EVENT_INTERVAL));
    while begun.elapsed() < duration {
        ticks.tick().await;
        let number = sent.len() as u64;
        let event = Event::builder(format!("session {}", number % 50), "page interaction", "pageview")
            .data(&json!({"number": number}))
            .build()
            .expect("an event");
        sent.insert(event.id(), number);
        client.submit(event).await.expect("taken");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_outage_of_the_broker_loses_nothing_that_an_application_submits() {
    let mut pipeline = Pipeline::start().await;
    let api = pipeline.api().clone();
    let given_back = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&given_back);
    let mut settings = Settings::new(api.gateway.as_str(), api.write_key.as_str());
    settings.flush_interval = Duration::from_millis(100);
    let client =
        settings.on_undelivered(move |undelivered| kept.lock().expect("no panic").extend(undelivered));
    let client = Client::start(client).expect("the client starts");

    let mut sent = HashMap::new();
    // RabbitMQ 3.10 loses a quorum queue whose node is killed within a second after the queue was made.
    submit(&client, &mut sent, Duration::from_secs(3)).await;
    client.flush().await;
    let before = client.statistics();
    assert_eq!((before.accepted, before.undelivered), (sent.len() as u64, 0));

    pipeline.kill(Part::Broker);
    submit(&client, &mut sent, OUTAGE).await;
    let during = client.statistics();
    assert!(during.retries > before.retries && during.buffered_events > 1_000, "{during:?}");
    tokio::task::block_in_place(|| pipeline.start_again(Part::Broker));
    submit(&client, &mut sent, Duration::from_secs(1)).await;
    let after = client.shutdown(RECOVERY).await;
    assert_eq!((after.accepted, after.undelivered), (sent.len() as u64, 0), "{}", pipeline.logs());
    assert_eq!(*given_back.lock().expect("no panic"), []);

    pipeline.wait_until_quiet().await;
    let mut stored = HashMap::new();
    for event in api.read_all("/api/events").await {
        let id = event["id"].as_str().and_then(EventId::parse).expect("an id");
        let number = event["data"]["number"].as_u64().expect("a number");
        assert_eq!(stored.insert(id, number), None, "{id} is stored twice");
    }
    assert_eq!(stored, sent);
    assert_eq!(api.read_all("/api/errors").await, Vec::<serde_json::Value>::new());
    println!("{} events, {} requests, {} of them again", sent.len(), after.requests, after.retries);
    pipeline.stop_services();
}
