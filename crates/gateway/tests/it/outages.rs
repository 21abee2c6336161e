//! The broker away, silent, blocked and full.

use std::time::{Duration, Instant};

use serde_json::json;
use stack::faults::{Peer, Proxy, Step};
use stack::{RabbitMq, rabbitmq};

use crate::gateway::{Gateway, PATIENCE, Surroundings, broker_url};
use crate::waiting::until;

/// What the contract promises of an answer.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// A gateway behind a link that can be cut.
async fn behind_a_link() -> (Gateway, Proxy) {
    let link = Proxy::before(&broker_url()).unwrap();
    let mut around = Surroundings::new();
    around.set("BROKER__URL", &link.through(&broker_url()));
    let gateway = Gateway::start_in(around);
    gateway.until_ready().await;
    (gateway, link)
}

impl Gateway {
    async fn post_takes(&self, body: &str) -> (u16, Duration) {
        let began = Instant::now();
        let answer = self.post(body).await;
        if answer.status != 202 {
            answer.assert_problem(503, "the broker");
        }
        (answer.status, began.elapsed())
    }

    async fn until_accepted(&self, patience: Duration) {
        until("events are accepted again", patience, async || self.post_takes("{}").await.0 == 202).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_broker_is_away_requests_are_refused_at_once_and_accepted_soon_after_its_return() {
    let (gateway, link) = behind_a_link().await;
    assert_eq!(gateway.post("{}").await.status, 202);
    link.cut();
    until("it is not ready", PATIENCE, async || gateway.ready().await.0 == 503).await;
    let (status, took) = gateway.post_takes("{}").await;
    assert!(status == 503 && took < Duration::from_secs(1), "{status} after {took:?}");
    assert_eq!(gateway.health("/live").await.0, 200);
    let (_, body) = gateway.ready().await;
    assert!(body["failing"]["broker"].as_str().is_some_and(|why| why.starts_with("away for")), "{body}");

    link.mend();
    gateway.until_accepted(ANSWER_MAX).await;
    gateway.until_ready().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_without_a_broker_is_a_start() {
    let link = Proxy::before(&broker_url()).unwrap();
    link.cut();
    let mut around = Surroundings::new();
    around.set("BROKER__URL", &link.through(&broker_url()));
    let gateway = Gateway::start_in(around);
    let (status, took) = gateway.post_takes("{}").await;
    assert!(status == 503 && took < ANSWER_MAX, "{status} after {took:?}");
    assert_eq!((gateway.health("/live").await.0, gateway.ready().await.0), (200, 503));
    link.mend();
    gateway.until_accepted(ANSWER_MAX).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_link_is_a_503_within_five_seconds_and_never_a_false_202() {
    let (gateway, link) = behind_a_link().await;
    link.silence();
    let sending: Vec<_> = (0..20).map(|_| gateway.post_takes("{}")).collect();
    for (status, took) in futures_util::future::join_all(sending).await {
        assert!(status == 503 && took < ANSWER_MAX, "{status} after {took:?}");
    }
    link.cut();
    link.mend();
    gateway.until_accepted(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_accepted_while_the_link_breaks_again_and_again_is_on_the_queue() {
    let (gateway, link) = behind_a_link().await;
    let mut accepted = Vec::new();
    for round in 0..8 {
        let batch = json!([{}, {}]).to_string();
        let sending: Vec<_> = (0..40).map(|_| gateway.post(batch.clone())).collect();
        let breaking = async {
            tokio::task::yield_now().await;
            link.cut();
            link.mend();
        };
        let (answers, ()) = tokio::join!(futures_util::future::join_all(sending), breaking);
        for answer in answers {
            match answer.status {
                202 => accepted.extend(answer.ids()),
                _ => answer.assert_problem(503, "the link broke"),
            }
        }
        gateway.until_accepted(PATIENCE).await;
        assert!(round < 8);
    }
    let messages = gateway.around.queue.take(accepted.len()).await;
    let found: Vec<_> = messages.iter().flat_map(|message| &message.events).map(|event| event.id).collect();
    let lost: Vec<_> = accepted.iter().filter(|id| !found.contains(id)).collect();
    assert!(lost.is_empty(), "{} of {} accepted events are lost", lost.len(), accepted.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_answers_wrongly_never_earns_a_202_and_the_next_right_one_does() {
    let ack = Step::Ack { tag: 1, multiple: false };
    let wrongly = [
        vec![Step::Await(1), Step::Return(1), ack],
        vec![Step::Await(1), Step::HalfAck(1), Step::HangUp],
        vec![Step::Await(1), Step::CloseChannel],
        vec![Step::Await(1), Step::HangUp],
        vec![Step::Await(1), Step::Nack { tag: 1, multiple: true }, Step::HangUp],
    ];
    let peer = Peer::start(wrongly.to_vec()).unwrap();
    let gateway = Gateway::start_in(Surroundings::with_broker(&peer.url()));
    // Whatever is not a 202 is a 503.
    gateway.until_accepted(PATIENCE).await;
    assert_eq!(peer.connections(), wrongly.len() + 1, "accepted without a right answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirm_that_never_comes_is_a_503_within_five_seconds() {
    let peer = Peer::start(vec![vec![Step::Await(1)]]).unwrap();
    let gateway = Gateway::start_in(Surroundings::with_broker(&peer.url()));
    gateway.until_ready().await;
    let (status, took) = gateway.post_takes("{}").await;
    assert!(status == 503 && took < ANSWER_MAX, "{status} after {took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_of_the_broker_is_a_503_at_once_and_passes_with_it() {
    let directory = stack::testing::directory().unwrap();
    let node = RabbitMq::start(directory.path(), &rabbitmq::Options::default()).unwrap();
    let gateway = Gateway::start_in(Surroundings::with_broker(&node.amqp_url()));
    gateway.until_ready().await;
    node.control(&["set_vm_memory_high_watermark", "absolute", "1"]).unwrap();
    // The broker blocks a connection when it publishes.
    until("the alarm is seen", PATIENCE, async || gateway.post_takes("{}").await.0 == 503).await;
    let (status, took) = gateway.post_takes("{}").await;
    assert!(status == 503 && took < Duration::from_secs(1), "{status} after {took:?}");
    let (_, body) = gateway.ready().await;
    assert!(body["failing"]["broker"].as_str().is_some_and(|why| why.contains("alarm")), "{body}");
    node.control(&["set_vm_memory_high_watermark", "0.6"]).unwrap();
    gateway.until_accepted(PATIENCE).await;
}
