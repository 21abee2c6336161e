//! The section `[store]` of the settings.

mod plaintext;

use std::num::NonZeroU32;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, de};

use crate::Error;

/// How long a connection may be idle before the kernel probes its peer, how far apart the probes are and how many may
/// stay unanswered: a database that was cut off without a word is noticed within 20 s.
const KEEPALIVE: [(&str, &str); 3] =
    [("keepalives_idle", "5"), ("keepalives_interval", "5"), ("keepalives_count", "3")];

/// How long sent bytes may stay unacknowledged, in milliseconds: the same for a connection that is in use.
const TCP_USER_TIMEOUT_MS: &str = "20000";

/// Where a database listens whose address names no port.
const DEFAULT_PORT: u16 = 5432;

/// Where the database is, and what it may cost.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, remote = "Self")]
pub struct Settings {
    /// libpq address of the database: `postgres://USER:PASSWORD@HOST:PORT/DATABASE`; several hosts are tried in turn.
    url: SecretString,
    /// Hosts that may be spoken to in plain text although they are on another machine.
    #[serde(deserialize_with = "names")]
    plaintext_hosts: Vec<String>,
    /// The most connections that one process opens.
    pool_connections_max: u32,
    /// How long one attempt to connect may take, and how long a caller waits for a connection of the pool.
    connect_timeout_ms: u64,
    /// How long one statement may take before the database ends it.
    statement_timeout_ms: u64,
    /// Months for which partitions are made ahead.
    partitions_ahead_months: u32,
    /// How old events, rejected events and errors become; 0: as old as time.
    #[serde(deserialize_with = "retention_days")]
    retention_days: u32,
    /// By which name the database's own views show the connections.
    #[serde(skip, default = "default_process_name")]
    process_name: String,
    /// By which name metrics show the pool.
    #[serde(skip, default = "default_pool_name")]
    pool_name: &'static str,
}

/// The longest retention that is told from none.
pub(crate) const RETENTION_DAYS_MAX: u32 = 36_500;

fn retention_days<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    match u32::deserialize(deserializer)? {
        days if days <= RETENTION_DAYS_MAX => Ok(days),
        days => Err(de::Error::custom(format_args!(
            "retention_days must be from 1 to {RETENTION_DAYS_MAX}, or 0 for no end, found {days}"
        ))),
    }
}

fn default_process_name() -> String {
    "eye".to_owned()
}

const fn default_pool_name() -> &'static str {
    "main"
}

fn names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok(text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect())
}

impl<'de> Deserialize<'de> for Settings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // What serde derives for the fields; then what holds between them.
        let settings = Self::deserialize(deserializer)?;
        let hosts = plaintext::hosts(settings.url.expose_secret());
        if let Some(host) = hosts.iter().find(|host| !settings.plaintext_hosts.contains(host)) {
            return Err(de::Error::custom(format_args!(
                "url: expected sslmode=verify-full (or verify-ca, or require) for {host}, which is on another machine: everybody between \
                 could read passwords and events. Where the network is trusted, name the host in plaintext_hosts"
            )));
        }
        Ok(settings)
    }
}

impl Settings {
    /// Settings for a database, with defaults that suit a single process (a command, a test).
    pub fn for_url(url: impl Into<String>) -> Self {
        Self {
            url: SecretString::from(url.into()),
            plaintext_hosts: Vec::new(),
            pool_connections_max: 4,
            connect_timeout_ms: 3_000,
            statement_timeout_ms: 30_000,
            partitions_ahead_months: 3,
            retention_days: 0,
            process_name: default_process_name(),
            pool_name: default_pool_name(),
        }
    }

    /// The same with another limit for each statement.
    #[must_use]
    pub fn with_statement_timeout(mut self, timeout: Duration) -> Self {
        self.statement_timeout_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        self
    }

    /// The same with another size of the pool.
    #[must_use]
    pub fn with_connections_max(mut self, connections_max: u32) -> Self {
        self.pool_connections_max = connections_max;
        self
    }

    /// The same with the name by which the database's own views show the connections, such as `eye-query`.
    #[must_use]
    pub fn with_process_name(mut self, name: impl Into<String>) -> Self {
        self.process_name = name.into();
        self
    }

    /// The same with the name by which metrics show the pool, of a process that has several.
    #[must_use]
    pub const fn with_pool_name(mut self, name: &'static str) -> Self {
        self.pool_name = name;
        self
    }

    pub(crate) const fn pool_name(&self) -> &'static str {
        self.pool_name
    }

    /// Months for which partitions are made ahead.
    pub fn partitions_ahead_months(&self) -> u32 {
        self.partitions_ahead_months
    }

    /// Where the database is, for logs: host, port and name, without a login.
    pub fn place(&self) -> String {
        let url = self.url.expose_secret();
        let (_, address) = url.split_once("://").unwrap_or(("", url));
        let (address, _) = address.split_once('?').unwrap_or((address, ""));
        // A password may hold an @ that was not escaped.
        let (_, place) = address.rsplit_once('@').unwrap_or(("", address));
        place.to_owned()
    }

    /// For how many days events, rejected events and errors are kept; none: for ever.
    pub fn retention_days(&self) -> Option<NonZeroU32> {
        NonZeroU32::new(self.retention_days)
    }

    /// The most connections that one process opens; at least one.
    pub(crate) fn connections_max(&self) -> u32 {
        self.pool_connections_max.max(1)
    }

    pub(crate) fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms.max(1))
    }

    pub(crate) fn statement_timeout(&self) -> Duration {
        Duration::from_millis(self.statement_timeout_ms)
    }

    /// The address as it was given, for whoever must look for it in texts of others.
    pub(crate) fn url(&self) -> &SecretString {
        &self.url
    }

    /// The ports of the database, where the address says so and libpq's default where it does not.
    pub(crate) fn ports(&self) -> Vec<u16> {
        let url = self.url.expose_secret();
        let place = self.place();
        let (named, _) = place.split_once('/').unwrap_or((&place, ""));
        let named = named.split(',').map(|host| host.rsplit_once(':').map_or("", |(_, port)| port));
        let (_, query) = url.split_once('?').unwrap_or((url, ""));
        let given =
            query.split('&').filter_map(|pair| pair.strip_prefix("port=")).flat_map(|ports| ports.split(','));
        named.chain(given).map(|port| port.parse().unwrap_or(DEFAULT_PORT)).collect()
    }

    /// The address with what makes libpq notice a server that is gone; parameters that it names itself stay.
    pub(crate) fn address(&self) -> Result<SecretString, Error> {
        let url = self.url.expose_secret();
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(Error::permanent("the store's url does not begin with postgres://"));
        }
        // libpq counts whole seconds, and takes less than two for two.
        let connect_timeout_s = self.connect_timeout_ms.div_ceil(1000).max(2).to_string();
        let mut wanted = vec![
            ("application_name", self.process_name.as_str()),
            ("connect_timeout", &connect_timeout_s),
            ("tcp_user_timeout", TCP_USER_TIMEOUT_MS),
        ];
        wanted.extend(KEEPALIVE);
        let (_, query) = url.split_once('?').unwrap_or((url, ""));
        let given: Vec<&str> =
            query.split('&').filter_map(|pair| pair.split_once('=')).map(|(key, _)| key).collect();
        let mut address = url.to_owned();
        let mut separator = if url.contains('?') { '&' } else { '?' };
        for (key, value) in wanted.into_iter().filter(|(key, _)| !given.contains(key)) {
            address.extend([separator.to_string().as_str(), key, "=", value]);
            separator = '&';
        }
        Ok(SecretString::from(address))
    }
}
