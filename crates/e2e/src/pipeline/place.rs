//! Where the services of a pipeline listen, and what they are told.

use std::collections::HashMap;
use std::path::Path;

use stack::faults::Backend;
use stack::ports;

use super::CONSUMERS;
use crate::service::{Service, program};
use crate::ways::Ways;

/// Where services listen.
pub(super) struct Ports {
    pub(super) gateways: [Backend; 2],
    pub(super) query: u16,
}

impl Ports {
    pub(super) fn free() -> Self {
        let gateway = || Backend { port: free_port(), health_port: free_port() };
        Self { gateways: [gateway(), gateway()], query: free_port() }
    }
}

/// What every service is told.
pub(super) struct Place<'a> {
    pub(super) directory: &'a Path,
    pub(super) ways: Option<&'a Ways>,
    pub(super) settings: &'a [(&'a str, &'a str)],
}

impl Place<'_> {
    /// The gateways, the consumers, the query service, each by its own ways to the servers.
    pub(super) fn services(
        &self,
        store: &str,
        broker: &str,
        ports: &Ports,
    ) -> ([Service; 2], Vec<Service>, Service) {
        let (store, broker) = (store.to_owned(), broker.to_owned());
        let [gateways_at, consumers_at] = match self.ways {
            None => [(store.clone(), broker.clone()), (store.clone(), broker.clone())],
            Some(ways) => [
                (ways.gateway_to_store.through(&store), ways.gateway_to_broker.through(&broker)),
                (ways.consumers_to_store.through(&store), ways.consumers_to_broker.through(&broker)),
            ],
        };
        let gateway = |name: &str, Backend { port, health_port }| {
            self.service("gateway", name, &gateways_at, health_port, Some(port))
        };
        let [first, second] = ports.gateways;
        let gateways = [gateway("gateway", first), gateway("gateway-2", second)];
        let consumers = (0..CONSUMERS).map(|number| {
            self.service("consumer", &format!("consumer-{number}"), &consumers_at, free_port(), None)
        });
        let query = self.service("query", "query", &(store, broker), free_port(), Some(ports.query));
        (gateways, consumers.collect(), query)
    }

    fn service(
        &self,
        kind: &str,
        name: &str,
        at: &(String, String),
        health_port: u16,
        port: Option<u16>,
    ) -> Service {
        let section = kind.to_uppercase();
        let mut environment = HashMap::from([
            ("EYE__STORE__URL".to_owned(), at.0.clone()),
            ("EYE__BROKER__URL".to_owned(), at.1.clone()),
            (format!("EYE__{section}__HEALTH_LISTEN"), format!("127.0.0.1:{health_port}")),
        ]);
        environment
            .extend(self.settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        if let Some(port) = port {
            environment.insert(format!("EYE__{section}__LISTEN"), format!("127.0.0.1:{port}"));
            let snapshot = self.directory.join(format!("{name}-keys.json"));
            environment.insert("EYE__KEYS__SNAPSHOT_FILE".to_owned(), snapshot.display().to_string());
        }
        let log = self.directory.join(format!("{name}.log"));
        Service { program: program(&format!("eye-{kind}")), environment, log, process: None }
    }
}

/// A port that was free a moment ago.
pub(super) fn free_port() -> u16 {
    ports::free().expect("a free port")
}
