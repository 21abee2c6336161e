//! What the gateway has put on its queue.

use std::collections::BTreeMap;
use std::time::Duration;

use broker::envelope::{Confirmed, Contents, Envelope};
use broker::{Headers, Subscription};
use service::settings::Settings;
use tokio::time::timeout;
use uuid::Uuid;

use crate::gateway::PATIENCE;

/// How long the queue must give nothing to be called empty.
const QUIET: Duration = Duration::from_millis(300);

/// The queue of one gateway.
pub(crate) struct Queue {
    settings: broker::Settings,
}

/// One message, read.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) headers: Headers,
    pub(crate) gateway: Option<String>,
    pub(crate) requests: Vec<(String, Option<String>)>,
    pub(crate) events: Vec<Event>,
    /// What was wrong, where it is a parse error.
    pub(crate) parse_error: Option<String>,
    /// What the gateway has seen confirmed, where it is a report for the books.
    pub(crate) confirmed: Option<Vec<Confirmed>>,
}

/// One event of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) id: Uuid,
    pub(crate) received_at: i64,
    pub(crate) bytes: Vec<u8>,
    pub(crate) request: usize,
}

impl Queue {
    pub(crate) fn new(url: &str, name: &str) -> Self {
        let variables = [("EYE__BROKER__URL", url), ("EYE__BROKER__QUEUE", name)];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let settings = Settings::from(None, variables.into_iter()).unwrap();
        Self { settings: settings.section("broker").unwrap() }
    }

    /// Takes messages until they hold so many events, and then all that is left; reports for the books are not among them.
    pub(crate) async fn take(&self, events: usize) -> Vec<Message> {
        let messages = self.take_all(events).await.into_iter();
        messages.filter(|message| message.confirmed.is_none()).collect()
    }

    /// Takes reports until one of them tells of so many events of an application, and gives what was told last of each hour.
    pub(crate) async fn confirmed(&self, application: i32, events: u64) -> Vec<Confirmed> {
        let mut subscription =
            Subscription::open(&self.settings, broker::Queue::Events, 1_000).await.unwrap();
        let mut told = BTreeMap::new();
        while told.values().map(|confirmed: &Confirmed| confirmed.events).sum::<u64>() < events {
            let delivery =
                timeout(PATIENCE, subscription.next()).await.expect("a report").expect("a delivery");
            let message = read(delivery.headers().clone(), delivery.body());
            for confirmed in message.confirmed.into_iter().flatten() {
                assert_eq!(message.headers.event_count, Some(0));
                if confirmed.application.get() == application {
                    told.insert(confirmed.hour, confirmed);
                }
            }
            delivery.ack().await.unwrap();
        }
        subscription.close().await;
        told.into_values().collect()
    }

    async fn take_all(&self, events: usize) -> Vec<Message> {
        let mut subscription =
            Subscription::open(&self.settings, broker::Queue::Events, 1_000).await.unwrap();
        let mut messages: Vec<Message> = Vec::new();
        loop {
            let count: usize = messages.iter().map(|message| message.events.len()).sum();
            let patience = if count < events { PATIENCE } else { QUIET };
            match timeout(patience, subscription.next()).await {
                Ok(Some(delivery)) => {
                    messages.push(read(delivery.headers().clone(), delivery.body()));
                    delivery.ack().await.unwrap();
                }
                Ok(None) => panic!("the subscription ended"),
                Err(_) if count < events => panic!("{count} of {events} events are on the queue"),
                Err(_) => break,
            }
        }
        subscription.close().await;
        messages
    }

    /// Takes exactly so many events.
    pub(crate) async fn events(&self, count: usize) -> Vec<Event> {
        let events: Vec<Event> =
            self.take(count).await.into_iter().flat_map(|message| message.events).collect();
        assert_eq!(events.len(), count);
        events
    }

    pub(crate) async fn assert_empty(&self) {
        let left = self.take(0).await;
        assert!(left.is_empty(), "{left:?}");
    }
}

fn read(headers: Headers, body: &[u8]) -> Message {
    let envelope = Envelope::read(body).unwrap();
    assert_eq!((headers.run, headers.application), (Some(envelope.run()), Some(envelope.application())));
    let gateway = envelope.gateway().map(str::to_owned);
    let requests = envelope.requests().iter();
    let requests =
        requests.map(|request| (request.request_id.clone(), request.traceparent.clone())).collect();
    let (carried, parse_error, confirmed) = match envelope.into_contents() {
        Contents::Events(carried) => (carried, None, None),
        Contents::ParseError { detail, carried } => (vec![carried], Some(detail), None),
        Contents::Confirmed(confirmed) => (Vec::new(), None, Some(confirmed)),
    };
    let events = carried.into_iter().map(|event| Event {
        id: event.id.into(),
        received_at: event.received_at.as_micros(),
        bytes: event.bytes.to_vec(),
        request: event.request,
    });
    Message { headers, gateway, requests, events: events.collect(), parse_error, confirmed }
}
