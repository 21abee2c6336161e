//! Who sends, and what it was told.

use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep};

use super::row::{Outcome, Row};
use crate::pipeline::{Api, PATIENCE, Pipeline};
use crate::wire::{Answer, Request, Wire};

/// Within which a revoked key is refused.
const REVOKED_WITHIN: Duration = Duration::from_secs(10);
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// The services, and keys of every kind.
#[derive(Clone)]
pub(super) struct Scene {
    pub(super) api: Api,
    /// Of another application.
    pub(super) blog_key: String,
    /// Of an application that may send one event a second, and has sent many.
    pub(super) noisy_key: String,
    pub(super) revoked_key: String,
    pub(super) expired_key: String,
    /// Of an application that may send registered event types only.
    pub(super) strict_key: String,
    /// When the event types of the tables are in force.
    pub(super) types_in_force_at: Instant,
}

/// A request that was accepted, and what must become of its events.
pub(super) struct Accepted {
    pub(super) why: String,
    pub(super) application: &'static str,
    pub(super) events: Vec<(String, Outcome)>,
}

impl Scene {
    pub(super) async fn set(pipeline: &Pipeline) -> Self {
        let key = |application: &str, more: &[&str]| {
            let made = pipeline.eye(&[&["key", "create", application, "--scope", "write"], more].concat());
            (made["key"].as_str().expect("a key").to_owned(), made["id"].to_string())
        };
        for application in ["blog", "noisy", "strict"] {
            pipeline.eye(&["app", "create", application]);
        }
        pipeline.eye(&["app", "limit", "noisy", "1"]);
        pipeline.eye(&["app", "strict", "strict", "on"]);
        let types_in_force_at = super::schema::register(pipeline);
        let soon = chrono::Utc::now() + Duration::from_secs(2);
        let (expired_key, _) = key("shop", &["--expires", &soon.to_rfc3339()]);
        let (revoked_key, revoked_id) = key("shop", &[]);
        let (blog_key, _) = key("blog", &[]);
        let (noisy_key, _) = key("noisy", &[]);
        let (strict_key, _) = key("strict", &[]);
        let scene = Self {
            api: pipeline.api().clone(),
            blog_key,
            noisy_key,
            revoked_key,
            expired_key,
            strict_key,
            types_in_force_at,
        };
        scene.wait_until_open().await;
        // Known to the gateway before it is revoked.
        scene.wait_for(&scene.revoked_key, 400, PATIENCE).await;
        pipeline.eye(&["key", "revoke", &revoked_id]);
        scene.wait_for(&scene.revoked_key, 401, REVOKED_WITHIN).await;
        scene.wait_for(&scene.expired_key, 401, PATIENCE).await;
        scene
    }

    /// Sends the many events of the noisy application, once the gateway has all that it needs.
    async fn wait_until_open(&self) {
        let event = json!({
            "session_id": "noise", "category": "c", "name": "n", "data": {"a": 1}, "timestamp": "2021-01-01 00:00:00",
        });
        self.api.by(&self.noisy_key).submit(&vec![event; super::books::NOISE].into()).await;
    }

    /// Waits until a request without events is answered so.
    async fn wait_for(&self, key: &str, status: u16, patience: Duration) {
        let request = self.post_by(&format!("Bearer {key}"));
        let deadline = Instant::now() + patience;
        loop {
            let found = Wire::to(&self.api.gateway).exchange(&request).await.status;
            if found == status {
                return;
            }
            assert!(Instant::now() < deadline, "expected {status} within {patience:?}, found {found}");
            sleep(LOOK_INTERVAL).await;
        }
    }

    /// A request to send events, still without any.
    pub(super) fn post(&self) -> Request {
        self.post_by(&format!("Bearer {}", self.api.write_key))
    }

    /// The same with another `Authorization`.
    pub(super) fn post_by(&self, authorization: &str) -> Request {
        self.post_untyped().header("Authorization", authorization).header("Content-Type", "application/json")
    }

    /// The same without its headers.
    pub(super) fn post_untyped(&self) -> Request {
        Request::new("POST", "/api/events")
    }

    /// A request to send events that are not plain JSON.
    pub(super) fn post_as(&self, headers: &[(&str, &str)]) -> Request {
        let request = self.post_untyped().header("Authorization", &format!("Bearer {}", self.api.write_key));
        headers.iter().fold(request, |request, (name, value)| request.header(name, value))
    }
}

impl Accepted {
    /// Takes the ids that the answer tells.
    pub(super) fn read(row: &Row, answer: &Answer) -> Result<Self, String> {
        let told = answer.json();
        let ids: Vec<_> = told["ids"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|id| id.as_str())
            .map(str::to_owned)
            .collect();
        if answer.status != 202 || told["accepted"] != ids.len() || ids.len() != row.outcomes.len() {
            let expected = row.outcomes.len();
            return Err(format!("expected a 202 with {expected} ids, found {}: {told}", answer.status));
        }
        let events = ids.into_iter().zip(row.outcomes.iter().cloned()).collect();
        Ok(Self { why: row.why.clone(), application: row.application, events })
    }
}
