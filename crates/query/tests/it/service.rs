//! The running service, and verbs for those who ask it.

use std::time::{Duration, Instant};

use actix_web::rt;
use query::Application;
use reqwest::header::{HeaderMap, ORIGIN};
use reqwest::{Client, Method, StatusCode};
use serde_json::Value;
use service::keys::Scope;
use service::settings::Settings;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::ground::{Ground, SHOP};

/// How long anything may take that ought to come about soon.
pub(crate) const SOON: Duration = Duration::from_secs(60);

const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// A service that answers; it ends with the test.
pub(crate) struct Service {
    pub(crate) address: String,
    pub(crate) health_address: String,
    /// A key of the shop that reads everything.
    pub(crate) key: String,
    stop: oneshot::Sender<()>,
    running: JoinHandle<anyhow::Result<()>>,
}

/// Names and values of a query string, not yet escaped.
pub(crate) type Parameters<'a> = [(&'a str, &'a str)];

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Service {
    pub(crate) async fn start(ground: &Ground) -> Self {
        Self::start_with(ground, &[]).await
    }

    /// With changed settings, such as `("QUERY__PAGE_ITEMS_MAX", "5")`.
    pub(crate) async fn start_with(ground: &Ground, changes: &[(&str, &str)]) -> Self {
        let key = ground.key(SHOP, &[Scope::Read], false);
        Self::start_on(&ground.login_url, key, changes).await
    }

    /// On a database that may be away.
    pub(crate) async fn start_on(url: &str, key: String, changes: &[(&str, &str)]) -> Self {
        let variables =
            [("STORE__URL", url), ("QUERY__LISTEN", "127.0.0.1:0"), ("QUERY__HEALTH_LISTEN", "127.0.0.1:0")];
        let variables = variables.iter().chain(changes);
        let variables = variables.map(|(name, value)| (format!("EYE__{name}"), (*value).to_owned()));
        let settings = Settings::from(None, variables).expect("settings");
        let application = Application::build(&settings).expect("build the service");
        let address = format!("http://127.0.0.1:{}", application.port());
        let health_address = format!("http://127.0.0.1:{}", application.health_port());
        let (stop, stopped) = oneshot::channel::<()>();
        let running = rt::spawn(application.run_until_stopped(async {
            // An error means that the test has ended.
            drop(stopped.await);
        }));
        Self { address, health_address, key, stop, running }
    }

    /// Asks with the key that reads everything.
    pub(crate) async fn get(&self, path: &str, parameters: &Parameters<'_>) -> Answer {
        self.get_as(&self.key, path, parameters).await
    }

    pub(crate) async fn get_as(&self, key: &str, path: &str, parameters: &Parameters<'_>) -> Answer {
        let query: Vec<String> =
            parameters.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
        self.raw(Method::GET, &format!("{path}?{}", query.join("&")), Some(key)).await
    }

    /// Asks as it is written.
    pub(crate) async fn raw(&self, method: Method, target: &str, key: Option<&str>) -> Answer {
        let mut request = Client::new().request(method, format!("{}{target}", self.address));
        if let Some(key) = key {
            request = request.bearer_auth(key);
        }
        Answer::read(request).await
    }

    /// Asks as a page of an origin does.
    pub(crate) async fn get_from(&self, origin: &str, key: &str, path: &str) -> Answer {
        let request = Client::new().get(format!("{}{path}", self.address));
        Answer::read(request.header(ORIGIN, origin).bearer_auth(key)).await
    }

    /// The items of a list, of which the whole must be on one page.
    pub(crate) async fn items(&self, path: &str, parameters: &Parameters<'_>) -> Vec<Value> {
        self.get(path, parameters).await.items()
    }

    /// One member of each item of a list.
    pub(crate) async fn list(&self, path: &str, parameters: &Parameters<'_>, member: &str) -> Vec<String> {
        members(&self.items(path, parameters).await, member)
    }

    /// Waits until `/ready` answers so.
    pub(crate) async fn wait_until_ready_is(&self, status: StatusCode) {
        let begun = Instant::now();
        while self.health("/ready").await.status != status {
            assert!(begun.elapsed() < SOON, "/ready is not {status} after {SOON:?}");
            rt::time::sleep(LOOK_INTERVAL).await;
        }
    }

    /// Waits until the list answers, as a client does that is told to ask again.
    pub(crate) async fn wait_for_items(&self, path: &str) -> Vec<Value> {
        let begun = Instant::now();
        loop {
            let answer = self.get(path, &[]).await;
            if answer.status != StatusCode::SERVICE_UNAVAILABLE {
                return answer.items();
            }
            assert!(begun.elapsed() < SOON, "{} after {SOON:?}", answer.text);
            rt::time::sleep(LOOK_INTERVAL).await;
        }
    }

    pub(crate) async fn health(&self, path: &str) -> Answer {
        Answer::read(Client::new().get(format!("{}{path}", self.health_address))).await
    }

    /// Tells it to stop, and gives what it ends with.
    /// Waits until it measures this. All services of a process measure together.
    pub(crate) async fn measures(&self, line: &str) {
        let begun = Instant::now();
        while !self.health("/metrics").await.text.contains(line) {
            assert!(begun.elapsed() < SOON, "{line} did not come about in {SOON:?}");
            rt::time::sleep(LOOK_INTERVAL).await;
        }
    }

    pub(crate) fn stop(self) -> JoinHandle<anyhow::Result<()>> {
        drop(self.stop);
        self.running
    }
}

impl Answer {
    pub(crate) async fn read(request: reqwest::RequestBuilder) -> Self {
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status(), response.headers().clone());
        // It would come for ever.
        let goes_on = headers.get("content-type").is_some_and(|kind| kind == "text/event-stream");
        let text = if goes_on { String::new() } else { response.text().await.expect("a body") };
        Self { status, headers, text }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// What a 200 holds.
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text);
        self.json()
    }

    /// The items of a list that is no longer than one page.
    pub(crate) fn items(&self) -> Vec<Value> {
        let page = self.ok();
        assert_eq!(page["next_cursor"], Value::Null, "the list goes on");
        page["items"].as_array().expect("items").clone()
    }

    /// A problem of RFC 9457 with this status; its detail.
    pub(crate) fn problem(&self, status: u16) -> String {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["status"], status);
        for member in ["type", "title", "request_id"] {
            assert!(problem[member].is_string(), "{member} is missing: {problem}");
        }
        problem["detail"].as_str().expect("a detail").to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }
}

/// Looks again and again until something is found.
pub(crate) async fn look_again<T>(what: &str, look: impl AsyncFn() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(begun.elapsed() < SOON, "in vain for {SOON:?}: {what}");
        rt::time::sleep(LOOK_INTERVAL).await;
    }
}

/// One member of each item.
pub(crate) fn members(items: &[Value], member: &str) -> Vec<String> {
    items.iter().map(|item| item[member].as_str().expect("a text").to_owned()).collect()
}

/// A text as it stands in a URL: everything but letters and digits escaped.
pub(crate) fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
