//! The ground that tests of events stand on: a database and a queue of their own, and a consumer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use broker::envelope::{Contents, Envelope};
use broker::{Delivery, Inspector, Queue, Subscription};
use event::{
    ApplicationId, EventId, EventType, Judgement, MessageId, ReceivedAt, Registry, Rules, RunId, Schema,
    Submitted, judge_typed,
};
use serde_json::{Value, json};
use service::settings::Settings;
use stack::{RabbitMq, testing};
use store::Store;
use store::intake::{self, Message, Outcome, Taken, Writer};
use tokio::sync::watch;
use uuid::Uuid;

use crate::command::{Eye, stderr, stdout};

/// How long anything may take that ought to come about.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Ground {
    pub(crate) url: String,
    pub(crate) queue: String,
    pub(crate) store: Store,
}

/// An event that breaks no common rule, unlike every other.
pub(crate) fn event(data: Value) -> Value {
    json!({
        "id": Uuid::now_v7(), "session_id": "s-1", "category": "checkout", "name": "paid", "data": data,
        "timestamp": "2026-10-01T09:15:27.243860Z",
    })
}

/// The broker of all tests.
pub(crate) fn rabbitmq() -> &'static RabbitMq {
    let definitions: Value = serde_json::from_str(broker::policies_json()).expect("JSON");
    testing::rabbitmq(&definitions["policies"])
}

fn id_of(event: &Value) -> EventId {
    event["id"].as_str().and_then(EventId::parse).unwrap_or_else(EventId::fresh)
}

impl Ground {
    /// Applications `shop` and `blog`, and a queue that no other test uses.
    pub(crate) fn new(name: &str) -> Self {
        let settings =
            store::testing::fresh_database(&testing::postgres().url("postgres")).expect("make a database");
        let store = Store::new(&settings).expect("make a store");
        for application in ["shop", "blog"] {
            store.create_application(application).expect("register an application");
        }
        Self { url: store::testing::url(&settings), queue: format!("eye.test-{name}"), store }
    }

    /// Settings of the broker, as every process reads them.
    pub(crate) fn broker(&self) -> broker::Settings {
        let variables =
            [("EYE__BROKER__URL", rabbitmq().amqp_url()), ("EYE__BROKER__QUEUE", self.queue.clone())];
        let variables = variables.into_iter().map(|(name, value)| (name.to_owned(), value));
        Settings::from(None, variables).and_then(|settings| settings.section("broker")).expect("settings")
    }

    /// The command, told where all of it is; only what replays events needs a broker.
    pub(crate) fn eye(&self, arguments: &[&str]) -> Eye {
        let eye = Eye::new().env("EYE__STORE__URL", &self.url).env("EYE__STORE__CONNECT_TIMEOUT_MS", "10000");
        let eye = if arguments.contains(&"replay") {
            eye.env("EYE__BROKER__URL", &rabbitmq().amqp_url()).env("EYE__BROKER__QUEUE", &self.queue)
        } else {
            eye
        };
        eye.args(arguments)
    }

    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let output = self.eye(arguments).args(&["--output", "json"]).run();
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        serde_json::from_str(&stdout(&output)).expect("JSON")
    }

    pub(crate) fn text(&self, arguments: &[&str]) -> String {
        let output = self.eye(arguments).run();
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        stdout(&output)
    }

    pub(crate) fn refusal(&self, arguments: &[&str]) -> String {
        let output = self.eye(arguments).run();
        assert!(!output.status.success(), "{arguments:?}: {}", stdout(&output));
        stderr(&output)
    }

    /// The rows of a query of one column, joined by a space.
    pub(crate) fn ask(&self, sql: &str) -> String {
        store::testing::sql::look_up(&self.url, sql).expect("an answer").join(" ")
    }

    pub(crate) fn execute(&self, sql: &str) {
        store::testing::sql::execute(&self.url, sql).expect("done");
    }

    /// What is registered at this moment.
    pub(crate) fn registry(&self) -> Registry {
        let (revision, types) = self.store.registered_event_types().expect("types");
        let ids: Vec<i64> = types.iter().map(|each| each.id).collect();
        let schemas: HashMap<i64, String> = self.store.schemas(&ids).expect("schemas").into_iter().collect();
        let mut registry = Registry::default();
        for each in types {
            let schema = Arc::new(Schema::compile(&schemas[&each.id]).expect("a schema"));
            let event_type = EventType { version: each.version, mode: each.mode, schema };
            registry.insert(each.category, each.name, event_type);
        }
        revision.strict().for_each(|each| registry.restrict(each));
        registry
    }

    /// Sets the schema of the type of [`event`].
    pub(crate) fn set_type(&self, schema: &Value) -> Value {
        let output = self
            .eye(&[
                "type",
                "set",
                "--category",
                "checkout",
                "--name",
                "paid",
                "--schema",
                "-",
                "--output",
                "json",
            ])
            .input(&schema.to_string())
            .run();
        assert!(output.status.success(), "{}", stderr(&output));
        serde_json::from_str(&stdout(&output)).expect("JSON")
    }

    /// Judges events by what is registered and writes what comes of it, as consumers do with what a gateway received.
    pub(crate) fn receive(&self, application: &str, events: &[Value]) -> Vec<Outcome> {
        let found = self.store.find_application(application).expect("an answer").expect("an application");
        let sent: Vec<(EventId, String)> =
            events.iter().map(|event| (id_of(event), event.to_string())).collect();
        let (registry, rules) = (self.registry(), Rules::default());
        let judgements = sent.iter().zip(0..).map(|((id, text), number)| {
            let received_at = ReceivedAt::from_micros(1_793_491_200_000_000 + number);
            let submitted = Submitted { application: found.id, id: *id, received_at, bytes: text.as_bytes() };
            judge_typed(&submitted, &rules, &registry)
        });
        write(&self.store, MessageId::fresh(), found.id, false, judgements.collect())
    }

    /// How many messages wait in the queue.
    pub(crate) fn messages(&self) -> u64 {
        let settings = self.broker();
        runtime().block_on(async move {
            let mut inspector = Inspector::new(&settings);
            let found = inspector.look(Queue::Events).await.expect("a queue");
            inspector.close().await;
            u64::from(found.ready_messages)
        })
    }

    /// Waits until something is so.
    pub(crate) fn until(&self, what: &str, mut look: impl FnMut(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !look(self) {
            assert!(Instant::now() < deadline, "in vain: {what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Takes what comes through the queue until it is dropped, and judges it by what is registered now.
    pub(crate) fn consumer(&self) -> Consumer {
        let (stop, stopped) = watch::channel(());
        let (store, settings, registry) = (self.store.clone(), self.broker(), self.registry());
        let taken = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&taken);
        let thread = std::thread::spawn(move || {
            runtime().block_on(async move {
                let mut subscription =
                    Subscription::open(&settings, Queue::Events, 1).await.expect("a subscription");
                let mut stopped = stopped;
                loop {
                    tokio::select! {
                        delivery = subscription.next() => {
                            let delivery = delivery.expect("a delivery");
                            seen.lock().expect("no panic").push(take(&store, &registry, &delivery));
                            delivery.ack().await.expect("settled");
                        }
                        _ = stopped.changed() => break,
                    }
                }
                subscription.close().await;
            });
        });
        Consumer { stop: Some(stop), thread: Some(thread), taken }
    }
}

/// A message that a consumer took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) run: RunId,
    pub(crate) application: ApplicationId,
    pub(crate) replay: bool,
    pub(crate) events: usize,
    pub(crate) bytes: usize,
}

pub(crate) struct Consumer {
    stop: Option<watch::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    taken: Arc<Mutex<Vec<Seen>>>,
}

impl Consumer {
    pub(crate) fn taken(&self) -> Vec<Seen> {
        self.taken.lock().expect("no panic").clone()
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().map(JoinHandle::join);
        if !std::thread::panicking() {
            assert!(matches!(ended, Some(Ok(()))), "the consumer failed");
        }
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn take(store: &Store, registry: &Registry, delivery: &Delivery) -> Seen {
    let envelope = Envelope::read(delivery.body()).expect("an envelope");
    let (run, application, replay) = (envelope.run(), envelope.application(), envelope.is_replay());
    let Contents::Events(carried) = envelope.into_contents() else { panic!("no events") };
    let rules = Rules::default();
    let judgements: Vec<_> = carried
        .iter()
        .map(|carried| {
            let (id, received_at, bytes) = (carried.id, carried.received_at, carried.bytes);
            judge_typed(&Submitted { application, id, received_at, bytes }, &rules, registry)
        })
        .collect();
    let id = delivery.headers().message_id.expect("an id");
    assert_eq!(delivery.headers().event_count.map(|count| count as usize), Some(judgements.len()));
    let bytes = carried.iter().map(|carried| carried.bytes.len()).sum();
    let seen = Seen { run, application, replay, events: judgements.len(), bytes };
    write(store, id, application, replay, judgements);
    seen
}

fn write(
    store: &Store,
    id: MessageId,
    application: ApplicationId,
    replay: bool,
    judgements: Vec<Judgement<'_>>,
) -> Vec<Outcome> {
    let message = Message {
        id,
        run: Some(RunId::fresh()),
        application: Some(application),
        event_count: u32::try_from(judgements.len()).expect("a small batch"),
        replay,
        contents: intake::Contents::Events(judgements),
    };
    match Writer::new(store.clone()).write(&[message]).expect("write").remove(0) {
        Taken::Now(outcomes) => outcomes,
        Taken::Before => Vec::new(),
    }
}
