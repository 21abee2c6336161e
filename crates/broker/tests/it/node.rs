//! Brokers for tests, and verbs for what tests do with them.

use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use broker::envelope::{Builder, RequestContext};
use broker::{Delivery, Message, PublishError, Publisher, Queue, Settings, Subscription};
use event::{ApplicationId, EventId, MessageId, ReceivedAt, RunId};
use lapin::options::{QueueDeleteOptions, QueuePurgeOptions};
use serde_json::{Value, json};
use stack::RabbitMq;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

/// How long anything may take that ought to come about soon.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// How many messages a publisher of the tests may have in flight.
pub(crate) const MESSAGES_IN_FLIGHT_MAX: usize = 64;

/// The policies that the crate wants on its broker.
pub(crate) fn policies() -> Value {
    let definitions: Value = serde_json::from_str(broker::policies_json()).unwrap();
    definitions["policies"].clone()
}

/// The broker that all tests share which leave it in peace.
pub(crate) fn shared() -> &'static RabbitMq {
    stack::testing::rabbitmq(&policies())
}

/// A broker of a test's own, to be disturbed.
pub(crate) struct Node {
    pub(crate) rabbitmq: RabbitMq,
    _directory: TempDir,
}

impl Node {
    pub(crate) fn start() -> Self {
        let directory = stack::testing::directory().unwrap();
        let options = stack::rabbitmq::Options { policies: policies(), ..Default::default() };
        let rabbitmq = RabbitMq::start(directory.path(), &options).unwrap();
        Self { rabbitmq, _directory: directory }
    }

    /// Does something that takes long, beside what the test's tasks do.
    pub(crate) async fn beside(mut self, work: impl FnOnce(&mut RabbitMq) + Send + 'static) -> Self {
        let working = tokio::task::spawn_blocking(move || {
            work(&mut self.rabbitmq);
            self
        });
        working.await.unwrap()
    }
}

/// Settings for queues that no other test uses.
pub(crate) fn settings(url: &str) -> Settings {
    settings_for(url, &unused_queue())
}

/// The name of a queue that no other test uses, such as the policies apply to.
pub(crate) fn unused_queue() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("eye.test-{}-{number}", std::process::id())
}

pub(crate) fn settings_for(url: &str, queue: &str) -> Settings {
    serde_json::from_value(settings_json(url, queue)).unwrap()
}

pub(crate) fn settings_json(url: &str, queue: &str) -> Value {
    json!({
        "url": url,
        "queue": queue,
        "replicas": 1,
        "management_url": "",
        "plaintext_hosts": "",
        "tls_ca_file": "",
        "connect_timeout_ms": 3000,
        "heartbeat_s": 5,
        "reconnect_interval_max_ms": 1000,
        "messages_in_flight_max": MESSAGES_IN_FLIGHT_MAX,
        "envelope_version": 2,
    })
}

/// A message of one event with these bytes.
pub(crate) fn message_of(bytes: &[u8]) -> Message {
    let mut builder = Builder::events(RunId::fresh(), ApplicationId::from(7));
    builder.request(&RequestContext { request_id: "request-1".to_owned(), traceparent: None });
    builder.event(EventId::fresh(), ReceivedAt::from_micros(1_790_000_000_000_000), bytes);
    builder.finish()
}

pub(crate) fn message() -> Message {
    message_of(br#"{"name":"pageview"}"#)
}

pub(crate) fn id_of(message: &Message) -> MessageId {
    message.headers().message_id.unwrap()
}

/// Publishes a message, with a deadline so late that what should come at once is told from what times out.
pub(crate) async fn publish(publisher: &Publisher, message: Message) -> Result<(), PublishError> {
    publisher.publish(message, Instant::now() + SOON).await
}

/// Publishes new messages until one is confirmed; gives its id.
pub(crate) async fn publish_at_last(publisher: &Publisher) -> MessageId {
    let publishing = async {
        loop {
            let message = message();
            let id = id_of(&message);
            match publish(publisher, message).await {
                Ok(()) => return id,
                Err(_) => sleep(Duration::from_millis(20)).await,
            }
        }
    };
    soon("a message is confirmed", publishing).await
}

/// Publishes without a pause until it is told to stop; gives the ids of what was confirmed.
pub(crate) async fn publish_on(publisher: Publisher, mut stop: watch::Receiver<bool>) -> Vec<MessageId> {
    let mut confirmed = Vec::new();
    while !*stop.borrow_and_update() {
        let message = message();
        let id = id_of(&message);
        let deadline = Instant::now() + Duration::from_secs(1);
        match publisher.publish(message, deadline).await {
            Ok(()) => confirmed.push(id),
            // Away is answered at once: wait for the link rather than ask again and again.
            Err(_) => drop(timeout(Duration::from_millis(50), stop.changed()).await),
        }
    }
    confirmed
}

/// The next delivery, which must come soon.
pub(crate) async fn next(subscription: &mut Subscription) -> Delivery {
    let delivery = soon("a delivery", subscription.next()).await;
    delivery.unwrap_or_else(|| panic!("no delivery: {:?}", subscription.ended()))
}

/// Opens a subscription as soon as that can be.
pub(crate) async fn subscribe(settings: &Settings, queue: Queue, prefetch: u16) -> Subscription {
    let opening = async {
        loop {
            match Subscription::open(settings, queue, prefetch).await {
                Ok(subscription) => return subscription,
                Err(error) => assert!(!error.is_permanent(), "{error}"),
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    soon("a subscription", opening).await
}

/// Takes and acknowledges all that the queue holds.
pub(crate) async fn take_all(settings: &Settings) -> Vec<MessageId> {
    let mut subscription = subscribe(settings, Queue::Events, 100).await;
    let mut ids = Vec::new();
    while let Ok(Some(delivery)) = timeout(Duration::from_secs(1), subscription.next()).await {
        ids.push(delivery.headers().message_id.unwrap());
        delivery.ack().await.unwrap();
    }
    assert_eq!(broker::depth(settings, Queue::Events).await, Ok(0));
    subscription.close().await;
    ids
}

/// Awaits what must come about soon.
pub(crate) async fn soon<T>(what: &str, coming: impl Future<Output = T>) -> T {
    timeout(SOON, coming).await.unwrap_or_else(|_| panic!("did not come about in {SOON:?}: {what}"))
}

/// Waits until a condition holds.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, holds: impl Fn() -> F) {
    let waiting = async {
        while !holds().await {
            sleep(Duration::from_millis(20)).await;
        }
    };
    soon(what, waiting).await;
}

/// A bare channel, for what the crate does not offer.
pub(crate) async fn bare_channel(url: &str) -> (lapin::Connection, lapin::Channel) {
    let connection = lapin::Connection::connect(url, lapin::ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    (connection, channel)
}

pub(crate) async fn delete_queue(url: &str, queue: &str) {
    let (_connection, channel) = bare_channel(url).await;
    channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await.unwrap();
}

pub(crate) async fn purge_queue(url: &str, queue: &str) {
    let (_connection, channel) = bare_channel(url).await;
    channel.queue_purge(queue.into(), QueuePurgeOptions::default()).await.unwrap();
}
