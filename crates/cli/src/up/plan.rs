//! Which ports and addresses the parts get, and what each service is told.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use anyhow::{Context, Result};
use serde::Deserialize;
use service::settings::Settings;
use stack::ports;

use super::set_up::{Logins, Users};
use crate::local::Local;

/// The ports that private servers are tried on first: RabbitMQ's own, and one that no system Postgres has.
const BROKER_PORT: u16 = 5672;
const DATABASE_PORT: u16 = 54320;

/// Where everything listens.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) gateway: SocketAddr,
    pub(crate) gateway_health: SocketAddr,
    pub(crate) query: SocketAddr,
    pub(crate) query_health: SocketAddr,
    pub(crate) consumers_health: Vec<SocketAddr>,
    pub(crate) database_port: u16,
    pub(crate) broker_port: u16,
    /// What was wanted and taken, for people.
    pub(crate) moved: Vec<String>,
}

#[derive(Deserialize)]
struct Listeners {
    listen: SocketAddr,
    health_listen: SocketAddr,
}

#[derive(Deserialize)]
struct HealthListener {
    health_listen: SocketAddr,
}

impl Plan {
    /// Takes the addresses of the settings, and free ports near by where theirs are taken.
    pub(crate) fn make(settings: &Settings, consumers: u16) -> Result<Self> {
        let gateway: Listeners = settings.section("gateway")?;
        let query: Listeners = settings.section("query")?;
        let consumer: HealthListener = settings.section("consumer")?;
        let mut choice = Choice::default();
        let mut plan = Self {
            gateway: choice.near(gateway.listen, "the gateway")?,
            gateway_health: choice.near(gateway.health_listen, "the gateway's health")?,
            query: choice.near(query.listen, "the query service")?,
            query_health: choice.near(query.health_listen, "the query service's health")?,
            consumers_health: Vec::new(),
            database_port: choice.port(DATABASE_PORT)?,
            broker_port: choice.port(BROKER_PORT)?,
            moved: Vec::new(),
        };
        let mut wanted = consumer.health_listen;
        for number in 1..=consumers {
            let address = choice.near(wanted, &format!("the health of consumer {number}"))?;
            plan.consumers_health.push(address);
            wanted.set_port(address.port().checked_add(1).context("no port is left for another consumer")?);
        }
        plan.moved = choice.moved;
        Ok(plan)
    }
}

/// Chooses ports that are free, and chooses none twice: nobody listens yet on those that were chosen before.
#[derive(Default)]
struct Choice {
    chosen: BTreeSet<u16>,
    moved: Vec<String>,
}

impl Choice {
    fn near(&mut self, wanted: SocketAddr, what: &str) -> Result<SocketAddr> {
        let port = self.port(wanted.port())?;
        if port != wanted.port() {
            self.moved.push(format!("port {} is taken: {what} gets {port}", wanted.port()));
        }
        Ok(SocketAddr::new(wanted.ip(), port))
    }

    fn port(&mut self, wanted: u16) -> Result<u16> {
        let first = if wanted == 0 { ports::free()? } else { wanted };
        let port = (first..=u16::MAX)
            .find(|port| !self.chosen.contains(port) && ports::is_free(*port))
            .with_context(|| format!("no port from {wanted} on is free"))?;
        self.chosen.insert(port);
        Ok(port)
    }
}

/// What each kind of service is told through its environment.
pub(crate) struct Environments<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) logins: &'a Logins,
    pub(crate) broker: &'a Users,
    pub(crate) local: &'a Local,
}

impl Environments<'_> {
    pub(crate) fn gateway(&self) -> BTreeMap<String, String> {
        variables([
            ("EYE__STORE__URL", self.logins.gateway.clone()),
            ("EYE__BROKER__URL", self.broker.gateway.clone()),
            ("EYE__GATEWAY__LISTEN", self.plan.gateway.to_string()),
            ("EYE__GATEWAY__HEALTH_LISTEN", self.plan.gateway_health.to_string()),
            ("EYE__KEYS__SNAPSHOT_FILE", self.local.path("gateway-keys.json").display().to_string()),
        ])
    }

    pub(crate) fn query(&self) -> BTreeMap<String, String> {
        variables([
            ("EYE__STORE__URL", self.logins.query.clone()),
            ("EYE__QUERY__LISTEN", self.plan.query.to_string()),
            ("EYE__QUERY__HEALTH_LISTEN", self.plan.query_health.to_string()),
            ("EYE__KEYS__SNAPSHOT_FILE", self.local.path("query-keys.json").display().to_string()),
        ])
    }

    pub(crate) fn consumer(&self, health: SocketAddr) -> BTreeMap<String, String> {
        variables([
            ("EYE__STORE__URL", self.logins.consumer.clone()),
            ("EYE__BROKER__URL", self.broker.consumer.clone()),
            ("EYE__CONSUMER__HEALTH_LISTEN", health.to_string()),
        ])
    }
}

fn variables<const N: usize>(pairs: [(&str, String); N]) -> BTreeMap<String, String> {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
