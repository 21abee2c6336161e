//! The section `[gateway]`.

use std::num::{NonZeroU16, NonZeroU32, NonZeroU64, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use serde::{Deserialize, Deserializer, de};

/// Where the gateway listens and what a request may cost. Each member stands with its meaning in `defaults.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    #[serde(deserialize_with = "name")]
    name: String,
    listen: String,
    health_listen: String,
    #[serde(deserialize_with = "public_url")]
    public_url: Option<Url>,
    body_bytes_max: NonZeroUsize,
    reading_bytes_max: NonZeroUsize,
    strangers_body_bytes_max: NonZeroUsize,
    strangers_reading_bytes_max: NonZeroUsize,
    request_events_max: NonZeroUsize,
    browser_events_per_second_max: NonZeroU32,
    message_bytes_max: NonZeroUsize,
    application_messages_in_flight_max: NonZeroU16,
    head_timeout_ms: NonZeroU64,
    body_timeout_ms: NonZeroU64,
    publish_timeout_ms: NonZeroU64,
    waiting_bytes_max: NonZeroUsize,
    connections_max: NonZeroUsize,
    parse_errors_per_second_max: NonZeroU32,
    parse_error_bytes_max: usize,
    leave_after_ms: u32,
    shutdown_timeout_s: u64,
}

/// How many times as large as its body a request may become, where its calls share a context.
const TRANSLATED_TIMES_MAX: usize = 4;

/// The longest name a gateway may have.
const NAME_CHARACTERS_MAX: usize = 100;

fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    match name.chars().count() {
        0..=NAME_CHARACTERS_MAX => Ok(name),
        found => Err(de::Error::custom(format_args!(
            "name: expected at most {NAME_CHARACTERS_MAX} characters, found {found}"
        ))),
    }
}

/// An address under which others reach the gateway; none where it is left empty.
fn public_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Url>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Ok(None);
    }
    let url = Url::parse(&text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.query().is_none());
    url.map(Some).ok_or_else(|| {
        de::Error::custom(
            "public_url: expected an address such as https://events.example, found something else",
        )
    })
}

impl Settings {
    /// The address under which others reach the gateway, where it is told.
    pub(crate) const fn public_url(&self) -> Option<&Url> {
        self.public_url.as_ref()
    }

    /// What it is called; unless told otherwise, as its machine.
    pub(crate) fn name(&self) -> Arc<str> {
        if !self.name.is_empty() {
            return Arc::from(self.name.as_str());
        }
        let machine = nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned());
        Arc::from(machine.unwrap_or_default())
    }

    pub(crate) fn listen(&self) -> &str {
        &self.listen
    }

    pub(crate) fn health_listen(&self) -> &str {
        &self.health_listen
    }

    pub(crate) const fn body_bytes_max(&self) -> usize {
        self.body_bytes_max.get()
    }

    pub(crate) const fn translated_bytes_max(&self) -> usize {
        self.body_bytes_max.get().saturating_mul(TRANSLATED_TIMES_MAX)
    }

    pub(crate) const fn reading_bytes_max(&self) -> usize {
        self.reading_bytes_max.get()
    }

    pub(crate) const fn strangers_body_bytes_max(&self) -> usize {
        self.strangers_body_bytes_max.get()
    }

    pub(crate) const fn strangers_reading_bytes_max(&self) -> usize {
        self.strangers_reading_bytes_max.get()
    }

    pub(crate) const fn request_events_max(&self) -> usize {
        self.request_events_max.get()
    }

    pub(crate) const fn browser_events_per_second_max(&self) -> NonZeroU32 {
        self.browser_events_per_second_max
    }

    pub(crate) const fn message_bytes_max(&self) -> usize {
        self.message_bytes_max.get()
    }

    pub(crate) fn application_messages_in_flight_max(&self) -> usize {
        usize::from(self.application_messages_in_flight_max.get())
    }

    pub(crate) const fn head_timeout(&self) -> Duration {
        Duration::from_millis(self.head_timeout_ms.get())
    }

    pub(crate) const fn body_timeout(&self) -> Duration {
        Duration::from_millis(self.body_timeout_ms.get())
    }

    pub(crate) const fn publish_timeout(&self) -> Duration {
        Duration::from_millis(self.publish_timeout_ms.get())
    }

    pub(crate) const fn waiting_bytes_max(&self) -> usize {
        self.waiting_bytes_max.get()
    }

    pub(crate) const fn connections_max(&self) -> usize {
        self.connections_max.get()
    }

    pub(crate) const fn parse_errors_per_second_max(&self) -> NonZeroU32 {
        self.parse_errors_per_second_max
    }

    pub(crate) const fn parse_error_bytes_max(&self) -> usize {
        self.parse_error_bytes_max
    }

    pub(crate) fn leave_after(&self) -> Duration {
        Duration::from_millis(self.leave_after_ms.into())
    }

    pub(crate) const fn shutdown_timeout_s(&self) -> u64 {
        self.shutdown_timeout_s
    }
}
