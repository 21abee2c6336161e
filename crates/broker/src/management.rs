//! Where the broker tells what AMQP does not, such as how many members a queue has. Whoever asks speaks HTTP, so this crate does not.

use std::fmt;

use serde::Deserialize;

/// Addresses of the management interface, tried in turn; none where nobody needs it. They show themselves without logins.
#[derive(Clone, Default, Deserialize)]
#[serde(try_from = "String")]
pub struct ManagementUrls(Vec<String>);

impl ManagementUrls {
    /// The addresses: `http://USER:PASSWORD@HOST:PORT`.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl TryFrom<String> for ManagementUrls {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let addresses = text.split(',').map(str::trim).filter(|address| !address.is_empty());
        let addresses = addresses.enumerate().map(|(index, address)| match address.strip_prefix("http://") {
            Some(rest) if !rest.is_empty() => Ok(address.trim_end_matches('/').to_owned()),
            // Not what stands there: that may be a password.
            _ => Err(format!(
                "address {} of the management interface: expected http://USER:PASSWORD@HOST:PORT",
                index + 1
            )),
        });
        addresses.collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Debug for ManagementUrls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} addresses", self.0.len())
    }
}
