//! By whose names the services use the servers.

use std::collections::HashMap;
use std::process::Command;

use stack::{Postgres, RabbitMq};
use uuid::Uuid;

use crate::service::{program, told};

/// A service, its login in the database and its user on the broker, where it has one.
const SERVICES: [(&str, &str, Option<&str>); 3] = [
    ("GATEWAY", "eye_gateway_login", Some("eye_gateway")),
    ("CONSUMER", "eye_consumer_login", Some("eye_consumer")),
    ("QUERY", "eye_query_login", None),
];

/// The passwords of logins by which each service can do its own job only.
#[derive(Debug)]
pub(crate) struct Logins([String; 3]);

impl Logins {
    /// Makes the logins as an operator does; the broker has a management interface.
    pub(crate) fn provision(store: &Postgres, broker: &RabbitMq) -> Self {
        let passwords = SERVICES.map(|_| Uuid::new_v4().simple().to_string());
        let mut command = Command::new(program("eye"));
        command
            .arg("provision")
            .env("EYE__STORE__URL", store.url("postgres"))
            .env("EYE__BROKER__URL", broker.amqp_url())
            .env("EYE_BROKER_MANAGEMENT_URL", broker.management_url().expect("a management interface"));
        for ((service, ..), password) in SERVICES.iter().zip(&passwords) {
            command.env(format!("EYE_{service}_PASSWORD"), password);
        }
        told(command).unwrap_or_else(|told| panic!("eye provision: {told}"));
        Self(passwords)
    }

    /// Has a service use its own, by whichever way it reaches the servers.
    pub(crate) fn give(&self, environment: &mut HashMap<String, String>) {
        for ((service, login, user), password) in SERVICES.iter().zip(&self.0) {
            if !environment.contains_key(&format!("EYE__{service}__HEALTH_LISTEN")) {
                continue;
            }
            replace(environment, "EYE__STORE__URL", &format!("{login}:{password}"));
            match user {
                Some(user) => replace(environment, "EYE__BROKER__URL", &format!("{user}:{password}")),
                None => drop(environment.remove("EYE__BROKER__URL")),
            }
        }
    }
}

/// Puts another login into an address.
fn replace(environment: &mut HashMap<String, String>, variable: &str, login: &str) {
    let Some(address) = environment.get_mut(variable) else { return };
    let told = address.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?.1)));
    let (scheme, place) = told.expect("an address with a login");
    *address = format!("{scheme}://{login}@{place}");
}
