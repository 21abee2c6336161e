//! Whom TLS trusts besides those that the system does.

use std::{fmt, fs};

use serde::Deserialize;

/// Certificates of authorities, read from a file when the settings are; none where the file's name is empty.
#[derive(Clone, Default, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Authorities(Option<String>);

impl Authorities {
    /// The certificates, in PEM.
    pub(crate) fn pem(&self) -> Option<String> {
        self.0.clone()
    }
}

impl TryFrom<String> for Authorities {
    type Error = String;

    fn try_from(file: String) -> Result<Self, Self::Error> {
        if file.is_empty() {
            return Ok(Self(None));
        }
        let pem =
            fs::read_to_string(&file).map_err(|error| format!("tls_ca_file: cannot read {file}: {error}"))?;
        if !pem.contains("-----BEGIN CERTIFICATE-----") {
            return Err(format!("tls_ca_file: expected certificates in PEM in {file}, found none"));
        }
        Ok(Self(Some(pem)))
    }
}

impl fmt::Debug for Authorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "the system's, and those of a file" } else { "the system's" })
    }
}
