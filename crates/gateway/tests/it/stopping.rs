//! The end of a gateway.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use stack::faults::Proxy;
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::gateway::{Answer, Gateway, PATIENCE, Surroundings, broker_url};
use crate::process::Process;
use crate::raw::{Raw, head, status};
use crate::waiting::until;

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_stops_under_load_loses_nothing_that_it_accepted() {
    let mut gateway = Gateway::start().await;
    let accepted_so_far = Arc::new(AtomicUsize::new(0));
    let senders: Vec<_> =
        (0..16).map(|_| tokio::spawn(send(request(&gateway), Arc::clone(&accepted_so_far)))).collect();
    until("the load is on", PATIENCE, async || accepted_so_far.load(Ordering::Relaxed) > 500).await;
    gateway.begin_to_stop();
    let mut accepted = Vec::new();
    for sender in senders {
        accepted.extend(sender.await.unwrap());
    }
    let around = gateway.stopped().await;
    let messages = around.queue.take(accepted.len()).await;
    let found: HashSet<Uuid> =
        messages.iter().flat_map(|message| &message.events).map(|event| event.id).collect();
    let lost = accepted.iter().filter(|id| !found.contains(id)).count();
    assert_eq!(lost, 0, "of {} accepted", accepted.len());
}

fn request(gateway: &Gateway) -> reqwest::RequestBuilder {
    let body = json!([{}, {}]).to_string();
    gateway.request().header("content-type", "application/json").body(body)
}

/// Sends until it is refused; gives what was accepted.
async fn send(request: reqwest::RequestBuilder, accepted_so_far: Arc<AtomicUsize>) -> Vec<Uuid> {
    let mut accepted = Vec::new();
    while let Ok(response) = request.try_clone().unwrap().send().await {
        let answer = Answer::read(response).await;
        assert_eq!(answer.status, 202, "{}", answer.body);
        accepted_so_far.fetch_add(2, Ordering::Relaxed);
        accepted.extend(answer.ids());
    }
    accepted
}

#[tokio::test(flavor = "multi_thread")]
async fn a_started_request_is_finished_and_new_connections_are_refused() {
    let mut gateway = Gateway::start().await;
    let mut started = Raw::connect(&gateway).await;
    started.send((head(&gateway, "Content-Length: 2\r\n") + "{").as_bytes()).await;
    // Only a request whose head was read has started.
    until("the body is being read", PATIENCE, async || {
        gateway.health("/metrics").await.1.contains("eye_gateway_reading_bytes 1")
    })
    .await;
    gateway.begin_to_stop();
    until("it is not ready", PATIENCE, async || {
        let (status, body) = gateway.ready().await;
        status == 503 && body["failing"]["running"] == json!("stopping")
    })
    .await;
    let port = gateway.port();
    until("new connections are refused", PATIENCE, async || {
        TcpStream::connect(("127.0.0.1", port)).await.is_err()
    })
    .await;
    started.send(b"}").await;
    assert_eq!(status(&started.answer().await), 202);
    gateway.stopped().await.queue.events(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_it_leaves_a_gateway_is_not_ready_and_answers_all_the_same_and_its_answers_end_their_connections()
 {
    let mut gateway = Gateway::start_with(&[("GATEWAY__LEAVE_AFTER_MS", "5000")]).await;
    let mut known = Raw::connect(&gateway).await;
    let request = head(&gateway, "Content-Length: 2\r\n") + "{}";
    known.send(request.as_bytes()).await;
    let before = known.answer().await;
    assert!(!before.to_lowercase().contains("connection: close"), "{before}");
    gateway.begin_to_stop();
    until("it is not ready", PATIENCE, async || gateway.ready().await.0 == 503).await;
    let mut new = Raw::connect(&gateway).await;
    for connection in [&mut known, &mut new] {
        connection.send(request.as_bytes()).await;
        let answer = connection.answer().await;
        assert_eq!(status(&answer), 202, "{answer}");
        assert!(answer.to_lowercase().contains("connection: close"), "{answer}");
    }
    let mut refused = Raw::connect(&gateway).await;
    refused.send(b"GET /api/events HTTP/1.1\r\nHost: eye\r\n\r\n").await;
    let answer = refused.answer().await;
    assert_eq!(status(&answer), 405, "{answer}");
    assert!(answer.to_lowercase().contains("connection: close"), "{answer}");
    gateway.stopped().await.queue.events(3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_and_endless_requests_do_not_hold_up_the_end() {
    let mut gateway = Gateway::start_with(&[("GATEWAY__SHUTDOWN_TIMEOUT_S", "1")]).await;
    let idle = Raw::connect(&gateway).await;
    let mut endless = Raw::connect(&gateway).await;
    endless.send(head(&gateway, "Content-Length: 1000\r\n").as_bytes()).await;
    assert_eq!(gateway.post("{}").await.status, 202);
    gateway.begin_to_stop();
    tokio::time::timeout(Duration::from_secs(8), gateway.stopped()).await.expect("it stops soon");
    drop((idle, endless));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_under_load_ends_within_10_seconds_also_when_nobody_answers_it() {
    let directory = stack::testing::directory().unwrap();
    let options = stack::postgres::Options { unsafe_but_fast: true, ..Default::default() };
    let server = stack::Postgres::start(directory.path(), options).unwrap();
    let link = Proxy::before(&broker_url()).unwrap();
    let mut around = Surroundings::on(&link.through(&broker_url()), &server);
    let key = around.key(service::keys::Scope::Write);
    let process = Process::start_alone(&mut around, key);
    process.until_it_accepts().await;
    server.freeze();
    link.silence();
    let senders: Vec<_> = (0..20).map(|_| tokio::spawn(process.request().body("{}").send())).collect();
    // The keys are read every 5 s: that reading hangs by then.
    tokio::time::sleep(Duration::from_secs(6)).await;
    let late: Vec<_> = (0..20).map(|_| tokio::spawn(process.request().body("{}").send())).collect();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let begun = Instant::now();
    tokio::task::block_in_place(|| process.terminate());
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    for sender in senders.into_iter().chain(late) {
        if let Ok(answer) = sender.await.unwrap() {
            assert_eq!(answer.status().as_u16(), 503);
        }
    }
    server.thaw();
}
