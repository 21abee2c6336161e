//! A gateway that listens, with an application that may send to it, and a queue and a database of its own.

use std::sync::LazyLock;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use service::keys::{ApiKey, Browser, Scope};
use service::settings::Settings;
use store::Store;
use store::keys::NewKey;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::queue::Queue;
use crate::waiting::until;

/// How long anything may take that is not under test.
pub(crate) const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

static POLICIES: LazyLock<Value> = LazyLock::new(|| {
    let definitions: Value = serde_json::from_str(broker::policies_json()).unwrap();
    definitions["policies"].clone()
});

/// The address of the tests' broker.
pub(crate) fn broker_url() -> String {
    stack::testing::rabbitmq(&POLICIES).amqp_url()
}

/// What a gateway needs around it.
pub(crate) struct Surroundings {
    pub(crate) store: Store,
    pub(crate) queue: Queue,
    variables: Vec<(String, String)>,
}

impl Surroundings {
    /// A fresh database with one application, and a queue that nobody else uses.
    pub(crate) fn new() -> Self {
        Self::with_broker(&broker_url())
    }

    pub(crate) fn with_broker(url: &str) -> Self {
        Self::on(url, stack::testing::postgres())
    }

    /// On servers of the test's own.
    pub(crate) fn on(url: &str, server: &stack::Postgres) -> Self {
        let database = store::testing::fresh_database(&server.url("postgres")).unwrap();
        let store = Store::new(&database).unwrap();
        store.create_application("shop").unwrap();
        let queue = format!("eye.test.{}", Uuid::new_v4().simple());
        let mut surroundings = Self { store, queue: Queue::new(url, &queue), variables: Vec::new() };
        surroundings.set("BROKER__URL", url);
        surroundings.set("BROKER__QUEUE", &queue);
        surroundings.set("STORE__URL", &store::testing::url(&database));
        surroundings.set("GATEWAY__LISTEN", "127.0.0.1:0");
        surroundings.set("GATEWAY__HEALTH_LISTEN", "127.0.0.1:0");
        surroundings
    }

    /// Sets a setting, by the part of its variable after `EYE__`.
    pub(crate) fn set(&mut self, setting: &str, value: &str) {
        self.variables.push((format!("EYE__{setting}"), value.to_owned()));
    }

    pub(crate) fn variables(&self) -> &[(String, String)] {
        &self.variables
    }

    pub(crate) fn settings(&self) -> Settings {
        Settings::from(None, self.variables.iter().cloned()).unwrap()
    }

    pub(crate) fn key(&self, scope: Scope) -> ApiKey {
        self.key_of("shop", scope)
    }

    pub(crate) fn key_of(&self, application: &str, scope: Scope) -> ApiKey {
        self.make_key(application, scope, None)
    }

    /// One for web pages of these origins.
    pub(crate) fn page_key(&self, origins: &[&str], events_per_second_max: Option<u32>) -> ApiKey {
        let origins = origins.iter().map(|&origin| origin.to_owned()).collect();
        self.make_key("shop", Scope::Write, Some(&Browser { origins, events_per_second_max }))
    }

    fn make_key(&self, application: &str, scope: Scope, browser: Option<&Browser>) -> ApiKey {
        let key = ApiKey::generate().unwrap();
        let new = NewKey {
            application_name: application,
            digest: *key.digest().as_bytes(),
            hint: key.hint(),
            scopes: [scope].into_iter().collect(),
            own: false,
            expires_at: None,
            browser,
        };
        self.store.create_key(&new).unwrap().unwrap();
        key
    }
}

/// A running gateway.
pub(crate) struct Gateway {
    pub(crate) around: Surroundings,
    pub(crate) key: ApiKey,
    pub(crate) client: Client,
    port: u16,
    health_port: u16,
    stop: Option<oneshot::Sender<()>>,
    ended: JoinHandle<anyhow::Result<()>>,
}

impl Gateway {
    /// One that is ready.
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    pub(crate) async fn start_with(settings: &[(&str, &str)]) -> Self {
        let mut around = Surroundings::new();
        settings.iter().for_each(|(setting, value)| around.set(setting, value));
        let gateway = Self::start_in(around);
        gateway.until_ready().await;
        gateway
    }

    /// One that may not be ready yet.
    pub(crate) fn start_in(around: Surroundings) -> Self {
        let key = around.key(Scope::Write);
        let application = gateway::Application::build(&around.settings()).unwrap();
        let (port, health_port) = (application.port(), application.health_port());
        let (stop, stopped) = oneshot::channel();
        let ended = tokio::spawn(application.run_until_stopped(async move {
            stopped.await.ok();
        }));
        Self { around, key, client: Client::new(), port, health_port, stop: Some(stop), ended }
    }

    pub(crate) async fn until_ready(&self) {
        until("the gateway is ready", PATIENCE, async || self.ready().await.0 == 200).await;
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn address(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Asks the health listener.
    pub(crate) async fn health(&self, path: &str) -> (u16, String) {
        let address = format!("http://127.0.0.1:{}{path}", self.health_port);
        let answer = self.client.get(address).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    pub(crate) async fn ready(&self) -> (u16, Value) {
        let (status, body) = self.health("/ready").await;
        (status, serde_json::from_str(&body).unwrap())
    }

    /// A request to send events, with the application's key and no content type.
    pub(crate) fn request(&self) -> RequestBuilder {
        self.client.post(self.address("/api/events")).bearer_auth(self.key.expose())
    }

    /// The same with another key.
    pub(crate) fn request_by(&self, key: &ApiKey) -> RequestBuilder {
        self.client.post(self.address("/api/events")).bearer_auth(key.expose())
    }

    /// Sends a body as JSON.
    pub(crate) async fn post(&self, body: impl Into<Vec<u8>>) -> Answer {
        Answer::of(self.request().header(CONTENT_TYPE, "application/json").body(body.into())).await
    }

    /// Sends events that must be accepted; gives their ids.
    pub(crate) async fn submit(&self, events: &Value) -> Vec<Uuid> {
        let answer = self.post(events.to_string()).await;
        assert_eq!(answer.status, 202, "{}", answer.body);
        answer.ids()
    }

    /// Tells it to stop, and does not wait.
    pub(crate) fn begin_to_stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop.send(()).unwrap();
        }
    }

    /// Waits until it has stopped.
    pub(crate) async fn stopped(self) -> Surroundings {
        tokio::time::timeout(PATIENCE, self.ended).await.expect("it stops in time").unwrap().unwrap();
        self.around
    }
}

/// An answer that was read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) async fn of(request: RequestBuilder) -> Self {
        Self::read(request.send().await.unwrap()).await
    }

    pub(crate) async fn read(response: Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await.unwrap();
        Self { status, headers, body: serde_json::from_slice(&body).unwrap_or_default() }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn ids(&self) -> Vec<Uuid> {
        let ids: Vec<Uuid> = serde_json::from_value(self.body["ids"].clone()).unwrap();
        assert_eq!(self.body["accepted"], json!(ids.len()));
        ids
    }

    /// What every refusal must be.
    pub(crate) fn assert_problem(&self, status: u16, why: &str) {
        assert_eq!(self.status, status, "{why}: {}", self.body);
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{why}");
        assert_eq!(self.body["status"], json!(status), "{why}");
        assert!(self.body["type"].is_string() && self.body["title"].is_string(), "{why}: {}", self.body);
        assert!(
            self.body["detail"].as_str().is_some_and(|detail| !detail.is_empty()),
            "{why}: {}",
            self.body
        );
        assert_eq!(self.body["request_id"].as_str(), self.header("x-request-id"), "{why}: {}", self.body);
        let needed = match status {
            401 | 403 => Some("www-authenticate"),
            405 => Some("allow"),
            429 | 503 => Some("retry-after"),
            _ => None,
        };
        needed.inspect(|name| assert!(self.header(name).is_some(), "{why}: no {name}"));
    }
}

/// A valid event.
pub(crate) fn event() -> Value {
    json!({
        "session_id": "e2085be5-9137-4e4e-80b5-f1ffddc25423",
        "category": "page interaction",
        "name": "pageview",
        "data": { "host": "www.consumeraffairs.com", "path": "/" },
        "timestamp": "2021-01-01 09:15:27.243860",
    })
}
