//! Section `broker` of the settings.

use std::num::{NonZeroU16, NonZeroU32};
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

use crate::address::{Address, Addresses};
use crate::authorities::Authorities;
use crate::envelope::Version;
use crate::error::Error;
use crate::management::ManagementUrls;

/// The longest name a queue may have: AMQP allows 255 bytes, and the dead letters' queue adds a suffix.
const QUEUE_NAME_BYTES_MAX: usize = 200;

/// Where the broker is and how it is used: section `broker` of the settings, checked when it is read.
///
/// Neither its `Debug` nor any error tells user names or passwords.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, remote = "Self")]
pub struct Settings {
    url: Addresses,
    /// Hosts that may be spoken to in plain text although they are on another machine.
    #[serde(deserialize_with = "names")]
    plaintext_hosts: Vec<String>,
    tls_ca_file: Authorities,
    #[serde(deserialize_with = "queue_name")]
    queue: String,
    replicas: NonZeroU32,
    management_url: ManagementUrls,
    connect_timeout_ms: NonZeroU32,
    heartbeat_s: NonZeroU16,
    reconnect_interval_max_ms: NonZeroU32,
    messages_in_flight_max: NonZeroU16,
    envelope_version: Version,
}

impl<'de> Deserialize<'de> for Settings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // What serde derives for the fields; then what holds between them.
        Self::deserialize(deserializer)?.checked().map_err(de::Error::custom)
    }
}

impl Settings {
    /// How many members the queue of events must have before a gateway may call itself ready. AMQP does not tell a
    /// queue's members, so this crate can't check it; whoever asks the broker's management interface does.
    pub fn replicas(&self) -> u32 {
        self.replicas.get()
    }

    /// Where the management interface is.
    pub const fn management_urls(&self) -> &ManagementUrls {
        &self.management_url
    }

    /// The virtual host in which the queues are: that of the first address.
    pub fn virtual_host(&self) -> &str {
        self.url.first().virtual_host()
    }

    /// The same for another address, such as that of another user.
    ///
    /// # Errors
    /// The address is none.
    pub fn with_url(self, url: &str) -> Result<Self, Error> {
        let url = Addresses::try_from(url.to_owned()).map_err(|error| Error::Permanent(error.to_string()))?;
        Self { url, ..self }.checked().map_err(Error::Permanent)
    }

    fn checked(self) -> Result<Self, String> {
        let allowed = |host: &str| self.plaintext_hosts.iter().any(|name| name == host);
        let over_a_network = self.url.iter().filter_map(Address::plaintext_host).find(|host| !allowed(host));
        if let Some(host) = over_a_network {
            return Err(format!(
                "url: expected amqps:// for {host}, which is on another machine: everybody between could read passwords and events. \
                 Where the network is trusted, name the host in plaintext_hosts"
            ));
        }
        Ok(self)
    }

    /// The version in which gateways write envelopes: one that every consumer of the queue reads.
    pub const fn envelope_version(&self) -> Version {
        self.envelope_version
    }

    /// Where the broker is, for logs: its addresses without logins.
    pub fn place(&self) -> String {
        self.url.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
    }

    pub(crate) fn addresses(&self) -> &Addresses {
        &self.url
    }

    /// The name of the queue of events.
    pub fn queue(&self) -> &str {
        &self.queue
    }

    /// Whom TLS trusts besides those that the system does.
    pub(crate) const fn authorities(&self) -> &Authorities {
        &self.tls_ca_file
    }

    /// How long one attempt to connect may take, topology included.
    pub(crate) fn connect_timeout(&self) -> Duration {
        milliseconds(self.connect_timeout_ms)
    }

    pub(crate) fn heartbeat_s(&self) -> u16 {
        self.heartbeat_s.get()
    }

    /// The longest pause between two attempts to connect. A [`crate::Publisher`] keeps to it by itself; whoever opens
    /// subscriptions has to.
    pub fn reconnect_interval_max(&self) -> Duration {
        milliseconds(self.reconnect_interval_max_ms)
    }

    pub(crate) fn messages_in_flight_max(&self) -> usize {
        usize::from(self.messages_in_flight_max.get())
    }
}

fn names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok(text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect())
}

fn milliseconds(count: NonZeroU32) -> Duration {
    Duration::from_millis(u64::from(count.get()))
}

fn queue_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    if name.is_empty() || name.len() > QUEUE_NAME_BYTES_MAX || name.starts_with("amq.") {
        return Err(de::Error::custom(format_args!(
            "expected the name of a queue: 1 to {QUEUE_NAME_BYTES_MAX} bytes that do not begin with \"amq.\""
        )));
    }
    Ok(name)
}
