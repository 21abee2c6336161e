//! The two services as clients see them.

use std::collections::HashMap;
use std::time::Duration;

use reqwest::{Body, Client, Method, Response};
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::pipeline::PATIENCE;

const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// No answer takes as long as this: gateways promise 5 s.
const ANSWER_PATIENCE: Duration = Duration::from_secs(20);
const EXPORT_PATIENCE: Duration = Duration::from_secs(600);

/// Names and values of headers.
pub type Headers<'a> = [(&'a str, &'a str)];

/// The two services as clients see them.
#[derive(Clone)]
pub struct Api {
    client: Client,
    /// The gateway's address, without a path.
    pub gateway: String,
    /// The query service's.
    pub query: String,
    /// The key by which events are sent.
    pub write_key: String,
    /// The key by which they are read.
    pub read_key: String,
}

/// What came of sending once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// None: the connection ended without an answer.
    pub status: Option<u16>,
    /// From the request's beginning.
    pub took: Duration,
}

impl Api {
    /// # Panics
    /// There is no HTTP client.
    pub(crate) fn new(gateway_port: u16, query_port: u16, write_key: String, read_key: String) -> Self {
        Self {
            client: Client::builder().timeout(ANSWER_PATIENCE).build().expect("a client"),
            gateway: format!("http://127.0.0.1:{gateway_port}"),
            query: format!("http://127.0.0.1:{query_port}"),
            write_key,
            read_key,
        }
    }

    /// Posts events once, whatever comes of it.
    pub async fn submit_once(&self, events: &Value) -> Answered {
        let begun = Instant::now();
        let request = self.client.post(format!("{}/api/events", self.gateway)).bearer_auth(&self.write_key);
        let answer = async {
            let answer = request.json(events).send().await?;
            let status = answer.status().as_u16();
            // An answer that breaks off is none.
            answer.bytes().await.map(|_| status)
        };
        Answered { status: answer.await.ok(), took: begun.elapsed() }
    }

    /// Streams a file of lines, and hands each line over; tells whether the file was whole.
    pub async fn read_lines(&self, path: &str, mut take: impl FnMut(&[u8])) -> bool {
        let url = format!("{}{path}", self.query);
        let request = self.client.get(url).bearer_auth(&self.read_key).timeout(EXPORT_PATIENCE);
        let Ok(mut answer) = request.send().await else { return false };
        if !answer.status().is_success() {
            return false;
        }
        let mut rest = Vec::new();
        loop {
            match answer.chunk().await {
                Ok(Some(chunk)) => {
                    rest.extend_from_slice(&chunk);
                    let Some(end) = rest.iter().rposition(|byte| *byte == b'\n') else { continue };
                    let tail = rest.split_off(end + 1);
                    rest.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).for_each(&mut take);
                    rest = tail;
                }
                Ok(None) => return rest.is_empty(),
                Err(_) => return false,
            }
        }
    }

    /// The same for the sender with this key.
    pub fn by(&self, write_key: &str) -> Self {
        Self { write_key: write_key.to_owned(), ..self.clone() }
    }

    /// Posts events until they are accepted, as a client that honours the contract does; tells how often it tried.
    pub async fn submit(&self, events: &Value) -> u32 {
        self.submit_in(None, events).await
    }

    /// The same within a trace.
    ///
    /// # Panics
    /// They were not accepted in time, or refused as what they are not.
    pub async fn submit_in(&self, traceparent: Option<&str>, events: &Value) -> u32 {
        let deadline = Instant::now() + PATIENCE;
        let mut tries = 0;
        loop {
            tries += 1;
            let mut request =
                self.client.post(format!("{}/api/events", self.gateway)).bearer_auth(&self.write_key);
            if let Some(traceparent) = traceparent {
                request = request.header("traceparent", traceparent);
            }
            let status = request.json(events).send().await.map(|answer| answer.status().as_u16());
            match status {
                Ok(202) => return tries,
                // No answer, or one that promises nothing: the same again.
                Err(_) | Ok(429 | 500..) => {
                    assert!(Instant::now() < deadline, "not accepted within {PATIENCE:?}: {status:?}");
                    tokio::time::sleep(LOOK_INTERVAL).await;
                }
                Ok(other) => panic!("{other} for {events}"),
            }
        }
    }

    /// Posts a body once, whatever the answer is.
    ///
    /// # Panics
    /// There is none.
    pub async fn post(&self, key: &str, headers: &Headers<'_>, body: impl Into<Body>) -> Response {
        self.try_post(key, headers, body).await.expect("an answer")
    }

    /// The same where there may be none.
    ///
    /// # Errors
    /// There is none.
    pub async fn try_post(
        &self,
        key: &str,
        headers: &Headers<'_>,
        body: impl Into<Body>,
    ) -> Result<Response, reqwest::Error> {
        let url = format!("{}/api/events", self.gateway);
        let mut request = self.client.post(url).header("Authorization", key).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await
    }

    async fn get(&self, path: &str) -> Result<Response, reqwest::Error> {
        let url = format!("{}{path}", self.query);
        self.client.request(Method::GET, url).bearer_auth(&self.read_key).send().await
    }

    /// Asks once, and gives the answer's status and text.
    ///
    /// # Panics
    /// There is none.
    pub async fn look(&self, path: &str) -> (u16, String) {
        let answer = self.get(path).await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("a text"))
    }

    /// Asks until there is an answer 200.
    ///
    /// # Panics
    /// There was none in time, or it was no JSON.
    pub async fn read(&self, path: &str) -> Value {
        serde_json::from_str(&self.read_text(path).await).expect("JSON")
    }

    /// How many events of a category are counted.
    ///
    /// # Panics
    /// There was no answer in time.
    pub async fn count(&self, category: &str) -> u64 {
        let counts = self.read(&format!("/api/counts?interval=month&category={category}")).await;
        counts["items"].as_array().into_iter().flatten().filter_map(|item| item["count"].as_u64()).sum()
    }

    async fn read_text(&self, path: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.get(path).await;
            match answer {
                Ok(answer) if answer.status().is_success() => return answer.text().await.expect("a text"),
                other => assert!(Instant::now() < deadline, "{path}: {other:?}"),
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }

    /// All items of a list, page by page.
    ///
    /// # Panics
    /// A page was not to be had in time, or no JSON.
    pub async fn read_all(&self, path: &str) -> Vec<Value> {
        let items = self.read_all_as_written(path).await;
        items.iter().map(|item| serde_json::from_str(item.get()).expect("JSON")).collect()
    }

    /// The same, each item as it is written: a value would lead its numbers through a double.
    ///
    /// # Panics
    /// A page was not to be had in time, or no JSON.
    pub async fn read_all_as_written(&self, path: &str) -> Vec<Box<RawValue>> {
        let separator = if path.contains('?') { '&' } else { '?' };
        let mut items = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self.read_text(&format!("{path}{separator}limit=1000{cursor}")).await;
            let mut page: HashMap<String, Box<RawValue>> = serde_json::from_str(&page).expect("JSON");
            let found = page.remove("items").unwrap_or_else(|| panic!("{path}: no items"));
            items.extend(serde_json::from_str::<Vec<Box<RawValue>>>(found.get()).expect("a list"));
            match serde_json::from_str(page["next_cursor"].get()).expect("a cursor") {
                Some(next) => cursor = format!("&cursor={next}", next = String::as_str(&next)),
                None => return items,
            }
        }
    }
}
