//! A database and a queue of a test's own, and verbs for what tests do with them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use broker::envelope::{Builder, RequestContext, Source, Version};
use broker::{Delivery, Message, Publisher, Queue, Subscription};
use event::{ApplicationId, EventId, ReceivedAt, RunId};
use serde_json::{Value, json};
use service::settings::Settings;
use stack::faults::Proxy;
use stack::{Postgres, RabbitMq};
use store::Store;
use store::testing::{sql, with_database};
use tempfile::TempDir;
use tokio::time::{Instant, sleep, timeout};

/// How long anything may take that ought to come about soon.
pub(crate) const SOON: Duration = Duration::from_secs(60);

pub(crate) const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// When the events of the tests are received, in microseconds since 1970: in 2026.
pub(crate) const RECEIVED_AT: i64 = 1_790_000_000_000_000;

pub(crate) const REQUEST_ID: &str = "0199c3a0-0000-7000-8000-000000000001";
pub(crate) const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn policies() -> Value {
    let definitions: Value = serde_json::from_str(broker::policies_json()).unwrap();
    definitions["policies"].clone()
}

pub(crate) fn shared_broker() -> String {
    stack::testing::rabbitmq(&policies()).amqp_url()
}

pub(crate) fn shared_server() -> String {
    stack::testing::postgres().url("postgres")
}

/// A broker of a test's own, to be disturbed. The directory goes last.
pub(crate) fn own_broker() -> (RabbitMq, TempDir) {
    let directory = stack::testing::directory().unwrap();
    let options = stack::rabbitmq::Options { policies: policies(), ..Default::default() };
    (RabbitMq::start(directory.path(), &options).unwrap(), directory)
}

/// Waits until a broker that is killed keeps its new queues: RabbitMQ 3.10 notes a quorum queue in the directory of its
/// logs only after half a second, nothing that can be asked tells when, and without the note the queue never comes back.
pub(crate) async fn until_new_queues_are_kept() {
    sleep(Duration::from_secs(2)).await;
}

/// A database server of a test's own, to be disturbed. The directory goes last.
pub(crate) fn own_server() -> (Postgres, TempDir) {
    let directory = stack::testing::directory().unwrap();
    let options = stack::postgres::Options { unsafe_but_fast: true, ..Default::default() };
    (Postgres::start(directory.path(), options).unwrap(), directory)
}

/// Where a test plays.
pub(crate) struct Scene {
    /// The database, for its superuser.
    database: String,
    /// The login of consumers, which may do no more than their role.
    login: String,
    variables: BTreeMap<String, String>,
    publisher: Publisher,
    pub(crate) application: ApplicationId,
    run: RunId,
}

impl Scene {
    /// On the servers that all tests share which leave them in peace.
    pub(crate) fn set() -> Self {
        Self::set_on(&shared_broker(), &shared_server())
    }

    pub(crate) fn set_on(broker: &str, server: &str) -> Self {
        let mut scene = Self::set_without_schema(broker, server);
        scene.migrate();
        scene
    }

    /// On a database of which nothing exists but its name.
    pub(crate) fn set_without_schema(broker: &str, server: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let login = format!("scene_{}_{number}", std::process::id());
        sql::execute(server, &format!("CREATE DATABASE {login}")).unwrap();
        sql::execute(server, &format!("CREATE ROLE {login} LOGIN PASSWORD '{login}'")).unwrap();
        let database = with_database(server, &login);
        let (_, address) = database.split_once('@').unwrap();
        let variables = BTreeMap::from(
            [
                ("EYE__BROKER__URL", broker.to_owned()),
                ("EYE__BROKER__QUEUE", format!("eye.{login}")),
                ("EYE__STORE__URL", format!("postgres://{login}:{login}@{address}")),
                ("EYE__CONSUMER__HEALTH_LISTEN", "127.0.0.1:0".to_owned()),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        let publisher = Publisher::start(&settings_of(&variables).section("broker").unwrap());
        let (application, run) = (ApplicationId::from(0), RunId::fresh());
        Self { database, login, variables, publisher, application, run }
    }

    /// Brings the database to the version of this program, with one application in it.
    pub(crate) fn migrate(&mut self) {
        let settings = store::Settings::for_url(&*self.database);
        store::migrate::run(&settings, |_| ()).unwrap();
        self.execute(&format!("GRANT eye_consumer TO {}", self.login));
        self.application = Store::new(&settings).unwrap().create_application("shop").unwrap().id;
    }

    /// Tells every consumer that is started from now on.
    pub(crate) fn set_variable(&mut self, name: &str, value: &str) {
        self.variables.insert(name.to_owned(), value.to_owned());
    }

    /// Leads every consumer that is started from now on to the database by a link that can be disturbed.
    pub(crate) fn put_a_link_before_the_store(&mut self) -> Proxy {
        let url = &self.variables["EYE__STORE__URL"];
        let link = Proxy::before(url).unwrap();
        let through = link.through(url);
        self.set_variable("EYE__STORE__URL", &through);
        link
    }

    /// What a consumer is told, with changes of section `consumer`.
    pub(crate) fn variables(&self, changes: &[(&str, &str)]) -> BTreeMap<String, String> {
        let mut variables = self.variables.clone();
        let changes = changes
            .iter()
            .map(|(name, value)| (format!("EYE__CONSUMER__{}", name.to_uppercase()), (*value).to_owned()));
        variables.extend(changes);
        variables
    }

    pub(crate) fn settings(&self, changes: &[(&str, &str)]) -> Settings {
        settings_of(&self.variables(changes))
    }

    /// The store, as operators use it.
    pub(crate) fn store(&self) -> Store {
        Store::new(&store::Settings::for_url(&*self.database)).unwrap()
    }

    pub(crate) fn broker(&self) -> broker::Settings {
        self.settings(&[]).section("broker").unwrap()
    }

    /// Runs SQL as the superuser.
    pub(crate) fn execute(&self, sql: &str) {
        sql::execute(&self.database, sql).unwrap();
    }

    /// What a query of one column gives.
    pub(crate) fn look_up(&self, sql: &str) -> Vec<String> {
        sql::look_up(&self.database, sql).unwrap()
    }

    /// Begins an envelope of one request.
    pub(crate) fn envelope<'b>(&self) -> Builder<'b> {
        let mut envelope = Builder::events(self.run, self.application);
        envelope.request(&request());
        envelope
    }

    /// A message of these events, as a gateway of another version writes it.
    pub(crate) fn message_of_version(&self, version: Version, events: &[Value]) -> Message {
        let source = Source { run: self.run, gateway: "gateway-1".into(), version };
        message_of(source, self.application, events)
    }

    /// A message of these events.
    pub(crate) fn message(&self, events: &[Value]) -> Message {
        message_of(self.run, self.application, events)
    }

    /// Publishes a message and awaits the confirm.
    pub(crate) async fn publish(&self, message: &Message) {
        let deadline = Instant::now() + SOON;
        loop {
            let copy = Message::new(message.headers().clone(), message.body().to_vec());
            match self.publisher.publish(copy, deadline).await {
                Ok(()) => return,
                Err(error) => assert!(Instant::now() < deadline, "{error}"),
            }
            sleep(LOOK_INTERVAL).await;
        }
    }

    /// Publishes events in one message.
    pub(crate) async fn send(&self, events: &[Value]) {
        self.publish(&self.message(events)).await;
    }

    /// Waits until these events are stored, and no others.
    pub(crate) async fn stored(&self, events: &[Value]) {
        let expected = ids(events);
        until("the events are stored", || self.stored_ids() == expected).await;
    }

    pub(crate) fn stored_ids(&self) -> Vec<String> {
        self.look_up("SELECT id FROM events ORDER BY id")
    }

    /// Waits until there are so many errors of this code; gives the bytes of the rejected events, sorted.
    pub(crate) async fn rejected(&self, code: &str, count: usize) -> Vec<String> {
        let inputs = format!(
            "SELECT encode(r.input, 'escape') FROM errors e JOIN rejected_events r ON r.id = e.rejected_event_id \
             WHERE e.code = '{code}' ORDER BY r.input"
        );
        until(&format!("{count} errors {code}"), || self.look_up(&inputs).len() == count).await;
        self.look_up(&inputs)
    }

    /// Waits until both queues are empty and everything is settled.
    pub(crate) async fn settled(&self) {
        for queue in [Queue::Events, Queue::Dead] {
            self.waiting(queue, 0).await;
        }
    }

    /// Waits until so many messages wait to be delivered.
    pub(crate) async fn waiting(&self, queue: Queue, count: u32) {
        let (broker, deadline) = (self.broker(), Instant::now() + SOON);
        loop {
            let depth = broker::depth(&broker, queue).await;
            if depth == Ok(count) {
                return;
            }
            assert!(Instant::now() < deadline, "expected {count} messages, found {depth:?}");
            sleep(LOOK_INTERVAL).await;
        }
    }

    /// Takes deliveries as a consumer would, with the subscription by which they came.
    pub(crate) async fn take(&self, queue: Queue, count: u16) -> (Subscription, Vec<Delivery>) {
        let mut subscription = Subscription::open(&self.broker(), queue, count).await.unwrap();
        let mut deliveries = Vec::new();
        for _ in 0..count {
            let delivery = timeout(SOON, subscription.next()).await.expect("a delivery");
            deliveries.push(delivery.expect("a link"));
        }
        (subscription, deliveries)
    }

    /// Takes one.
    pub(crate) async fn take_one(&self, queue: Queue) -> (Subscription, Delivery) {
        let (subscription, mut deliveries) = self.take(queue, 1).await;
        (subscription, deliveries.remove(0))
    }
}

fn message_of(source: impl Into<Source>, application: ApplicationId, events: &[Value]) -> Message {
    let texts: Vec<String> = events.iter().map(Value::to_string).collect();
    let mut envelope = Builder::events(source, application);
    envelope.request(&request());
    for (event, text) in events.iter().zip(&texts) {
        let id = EventId::parse(event["id"].as_str().unwrap()).unwrap();
        envelope.event(id, ReceivedAt::from_micros(RECEIVED_AT), text.as_bytes());
    }
    envelope.finish()
}

fn settings_of(variables: &BTreeMap<String, String>) -> Settings {
    Settings::from(None, variables.clone().into_iter()).unwrap()
}

/// The request by which the events of the tests came.
pub(crate) fn request() -> RequestContext {
    let traceparent = format!("00-{TRACE_ID}-00f067aa0ba902b7-01");
    RequestContext { request_id: REQUEST_ID.to_owned(), traceparent: Some(traceparent) }
}

/// A valid event.
pub(crate) fn event() -> Value {
    let id = EventId::fresh().to_string();
    json!({
        "id": id,
        "session_id": format!("session of {id}"),
        "category": "page interaction",
        "name": "pageview",
        "data": {"path": "/"},
        "timestamp": "2021-01-01 09:15:27.243860",
    })
}

pub(crate) fn events(count: usize) -> Vec<Value> {
    (0..count).map(|_| event()).collect()
}

/// The ids of events, sorted.
pub(crate) fn ids(events: &[Value]) -> Vec<String> {
    let mut ids: Vec<_> = events.iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

/// Waits until a condition holds.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + SOON;
    while !tokio::task::block_in_place(&mut holds) {
        assert!(Instant::now() < deadline, "did not come about in {SOON:?}: {what}");
        sleep(LOOK_INTERVAL).await;
    }
}
