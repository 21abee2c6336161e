//! Addresses of the broker, read once and never shown with their credentials.

use std::net::IpAddr;
use std::{fmt, iter};

use lapin::uri::{AMQPScheme, AMQPUri};
use serde::Deserialize;

/// What an address may say after its `?`. How long connecting may take is a setting.
const PARAMETERS: [&str; 4] = ["auth_mechanism", "channel_max", "frame_max", "heartbeat"];

/// The addresses of one broker, tried in turn.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Addresses {
    first: Address,
    others: Vec<Address>,
}

impl Addresses {
    pub(crate) const fn first(&self) -> &Address {
        &self.first
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Address> {
        iter::once(&self.first).chain(&self.others)
    }

    /// The addresses over and over.
    pub(crate) fn in_turn(&self) -> impl Iterator<Item = Address> + Send + use<> {
        self.iter().cloned().collect::<Vec<_>>().into_iter().cycle()
    }
}

impl TryFrom<String> for Addresses {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let mut addresses = text.split(',').enumerate().map(|(index, address)| {
            Address::parse(address.trim()).map_err(|reason| AddressError { number: index + 1, reason })
        });
        let nothing = || AddressError { number: 1, reason: "expected an address, found nothing".to_owned() };
        let first = addresses.next().ok_or_else(nothing)??;
        Ok(Self { first, others: addresses.collect::<Result<_, _>>()? })
    }
}

/// Why a text is no list of addresses. It tells which of them is wrong, not what stands there: that may be a password.
#[derive(Debug, thiserror::Error)]
#[error("address {number} of the broker: {reason}")]
pub(crate) struct AddressError {
    number: usize,
    reason: String,
}

/// One address of the broker. It shows itself without credentials.
#[derive(Clone)]
pub(crate) struct Address(AMQPUri);

impl Address {
    fn parse(text: &str) -> Result<Self, String> {
        if !text.starts_with("amqp://") && !text.starts_with("amqps://") {
            return Err(
                "expected amqp://USER:PASSWORD@HOST:PORT/VHOST, addresses separated by commas".to_owned()
            );
        }
        if let Some(parameter) = unknown_parameter(text) {
            return Err(format!(
                "unknown parameter {parameter:?}: expected one of {}",
                PARAMETERS.join(", ")
            ));
        }
        let mut uri: AMQPUri = text.parse()?;
        if uri.scheme == AMQPScheme::AMQPS && !cfg!(feature = "tls") {
            // Without its TLS features lapin would speak plain text to an amqps address, password first.
            return Err("amqps needs a build with the feature tls of the crate broker".to_owned());
        }
        if uri.query.heartbeat == Some(0) {
            return Err("heartbeat=0 would hide a silent link: leave it out or give seconds".to_owned());
        }
        if let Some(host) = ipv6_literal(text) {
            // lapin reads a literal IPv6 address as localhost.
            uri.authority.host = host.to_owned();
        }
        if uri.vhost.is_empty() {
            // "amqp://host/" names the virtual host "", which nobody has.
            "/".clone_into(&mut uri.vhost);
        }
        Ok(Self(uri))
    }

    pub(crate) fn virtual_host(&self) -> &str {
        &self.0.vhost
    }

    /// The host, if passwords and events would go there in plain text over a network.
    pub(crate) fn plaintext_host(&self) -> Option<&str> {
        let host = self.0.authority.host.as_str();
        let local = host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
        (self.0.scheme == AMQPScheme::AMQP && !local).then_some(host)
    }

    /// The address with what the settings say where it says nothing itself.
    pub(crate) fn uri(&self, heartbeat_s: u16) -> AMQPUri {
        let mut uri = self.0.clone();
        uri.query.heartbeat.get_or_insert(heartbeat_s);
        uri
    }
}

/// What lapin would pass over in silence.
fn unknown_parameter(text: &str) -> Option<&str> {
    let (_, query) = text.split_once('?')?;
    let mut names = query.split('&').map(|pair| pair.split('=').next().unwrap_or(pair));
    names.find(|name| !PARAMETERS.contains(name))
}

fn ipv6_literal(text: &str) -> Option<&str> {
    let (_, after) = text.split_once("://")?;
    let authority = after.split(['/', '?']).next()?;
    let (_, literal) = authority.rsplit_once('[')?;
    literal.split_once(']').map(|(host, _)| host)
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AMQPUri { scheme, authority, vhost, .. } = &self.0;
        write!(f, "{scheme}://{}:{}/{}", authority.host, authority.port, vhost.replace('/', "%2f"))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
