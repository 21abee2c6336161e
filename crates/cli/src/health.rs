//! Asking a service how it is.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use chrono::{DateTime, Utc};
use reqwest::header::DATE;
use serde::Deserialize;
use serde_json::Value;

/// How long a service may take to say how it is.
const PATIENCE: Duration = Duration::from_secs(3);

/// What a service says of itself.
#[derive(Debug)]
pub(crate) struct Health {
    pub(crate) is_ready: bool,
    /// What it waits for, one a line; empty where it is ready.
    pub(crate) failing: Vec<String>,
    /// The service's clock, to the second.
    pub(crate) clock: Option<DateTime<Utc>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    failing: serde_json::Map<String, Value>,
}

/// Asks the health listener of a service whether it is ready.
///
/// # Errors
/// It does not answer.
pub(crate) fn ask(listener: SocketAddr) -> Result<Health> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let client = reqwest::Client::builder().timeout(PATIENCE).build()?;
        let answer = client.get(format!("http://{listener}/ready")).send().await?;
        let is_ready = answer.status().is_success();
        let date = answer.headers().get(DATE).and_then(|date| date.to_str().ok());
        let clock = date.and_then(|date| DateTime::parse_from_rfc2822(date).ok()).map(|date| date.to_utc());
        let Body { failing } = serde_json::from_slice(&answer.bytes().await?).unwrap_or_default();
        let failing = failing.iter().map(|(check, reason)| match reason {
            Value::String(reason) => format!("{check}: {reason}"),
            other => format!("{check}: {other}"),
        });
        Ok(Health { is_ready, failing: failing.collect(), clock })
    })
}

/// Whether a service says that it is ready.
pub(crate) fn is_ready(listener: SocketAddr) -> bool {
    ask(listener).is_ok_and(|health| health.is_ready)
}
