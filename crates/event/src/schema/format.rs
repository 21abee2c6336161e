//! The formats of `format`, which are checked: the standard leaves that open, but whoever writes one expects it.

mod address;
mod moment;

use std::net::{Ipv4Addr, Ipv6Addr};

/// The formats that are checked. Others are refused: they would check nothing.
const FORMATS: [(&str, Check); 12] = [
    ("date-time", moment::is_date_time),
    ("date", moment::is_date),
    ("time", moment::is_time),
    ("duration", moment::is_duration),
    ("email", address::is_email),
    ("hostname", address::is_host),
    ("ipv4", |text| text.parse::<Ipv4Addr>().is_ok()),
    ("ipv6", |text| text.parse::<Ipv6Addr>().is_ok()),
    ("uuid", |text| text.len() == uuid::fmt::Hyphenated::LENGTH && uuid::Uuid::try_parse(text).is_ok()),
    ("uri", address::is_uri),
    ("uri-reference", address::is_uri_reference),
    ("json-pointer", is_pointer),
];

/// Whether a text has a format.
type Check = fn(&str) -> bool;

/// A format that is checked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Format {
    name: &'static str,
    check: Check,
}

impl Format {
    /// The format of a name; none where it is not checked.
    pub(super) fn find(name: &str) -> Option<Self> {
        FORMATS.iter().find(|(known, _)| *known == name).map(|&(name, check)| Self { name, check })
    }

    /// The names of all, for messages.
    pub(super) fn names() -> String {
        FORMATS.map(|(name, _)| name).join(", ")
    }

    pub(super) const fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn is_match(&self, text: &str) -> bool {
        (self.check)(text)
    }
}

/// RFC 6901.
fn is_pointer(text: &str) -> bool {
    let escaped = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    escaped && (text.is_empty() || text.starts_with('/'))
}
