//! Of which web pages a key may be.

use url::{ParseError, Url};

/// The most characters of an origin. A host has 253 at most.
const CHARACTERS_MAX: usize = 255;

/// The origin of web pages, as browsers send it (RFC 6454, section 6.2): scheme, host, and a port that is not the scheme's
/// own, in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin(String);

/// A text that is no origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected an origin as browsers send it, such as https://shop.example or http://localhost:8080; found {found:?}, {fault}"
)]
pub struct OriginError {
    found: String,
    fault: String,
}

impl Origin {
    /// Takes an origin in the one way in which browsers write it: requests are compared with it letter by letter.
    ///
    /// # Errors
    /// What was expected, and where that can be told what to write instead.
    pub fn parse(text: &str) -> Result<Self, OriginError> {
        match fault(text) {
            None => Ok(Self(text.to_owned())),
            Some(fault) => Err(OriginError { found: text.to_owned(), fault }),
        }
    }

    /// As browsers send it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Origin> for String {
    fn from(origin: Origin) -> Self {
        origin.0
    }
}

/// What is wrong with a text, and what to write instead.
fn fault(text: &str) -> Option<String> {
    if text.trim().is_empty() {
        return Some("which is empty".to_owned());
    }
    let scheme = text.split_once("://").map(|(scheme, _)| scheme.trim().to_ascii_lowercase());
    if text == "null" || scheme.as_deref() == Some("file") {
        return Some(
            "which stands for files and sandboxed frames, anybody's: serve the page over http".to_owned(),
        );
    }
    if text.contains('*') {
        return Some("which is not one: list each origin by itself, a * stands for none".to_owned());
    }
    if text.contains(',') {
        return Some("which is a list: give --origin once for each".to_owned());
    }
    if text.chars().count() > CHARACTERS_MAX {
        return Some(format!("of more than {CHARACTERS_MAX} characters"));
    }
    if scheme.is_some_and(|scheme| !matches!(scheme.as_str(), "http" | "https")) {
        return Some("whose scheme must be http or https".to_owned());
    }
    match written_by_browsers(text) {
        Ok(origin) if origin == text => None,
        Ok(origin) => Some(format!("write {origin} instead")),
        Err(fault) => Some(fault.to_owned()),
    }
}

/// The origin of the pages at an address, also where its scheme was left out; else what of it is wrong.
fn written_by_browsers(text: &str) -> Result<String, &'static str> {
    let local = ["localhost", "127.0.0.1", "[::1]"].iter().any(|host| text.starts_with(host));
    let address = match text.contains("://") {
        true => Url::parse(text),
        false if local => Url::parse(&format!("http://{text}")),
        false => Url::parse(&format!("https://{text}")),
    };
    match address {
        Ok(address) if address.port() == Some(0) => Err("whose port is 0, which nobody has"),
        Ok(address) => Ok(address.origin().ascii_serialization()),
        Err(ParseError::InvalidPort) => Err("whose port is no number, or over 65535"),
        Err(ParseError::EmptyHost) => Err("which names no host"),
        Err(_) => Err("whose host can't be the name of one"),
    }
}
