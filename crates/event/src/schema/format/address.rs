//! Addresses: of people, hosts and resources.

use std::net::Ipv6Addr;

/// The most characters of a host name (RFC 1123).
const HOST_CHARACTERS_MAX: usize = 253;

/// An address without quotes and comments: a dot-atom (RFC 5321) and a host.
pub(super) fn is_email(text: &str) -> bool {
    let Some((local, host)) = text.rsplit_once('@') else { return false };
    let is_atom = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte))
    };
    local.len() <= 64 && local.split('.').all(is_atom) && is_host(host)
}

pub(super) fn is_host(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= HOST_CHARACTERS_MAX && text.split('.').all(is_label)
}

/// RFC 3986, with its scheme.
pub(super) fn is_uri(text: &str) -> bool {
    text.split_once(':').is_some_and(|(scheme, rest)| is_scheme(scheme) && is_relative(rest))
}

/// RFC 3986, with or without a scheme.
pub(super) fn is_uri_reference(text: &str) -> bool {
    let first_segment = text.split(['/', '?', '#']).next().unwrap_or_default();
    is_uri(text) || is_relative(text) && !first_segment.contains(':')
}

fn is_scheme(text: &str) -> bool {
    let may_stand = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.bytes().all(may_stand)
}

/// Whether a text may follow a scheme.
fn is_relative(text: &str) -> bool {
    let (text, fragment) = text.split_once('#').unwrap_or((text, ""));
    let (text, query) = text.split_once('?').unwrap_or((text, ""));
    let (authority, path) = match text.strip_prefix("//") {
        None => ("", text),
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
    };
    is_authority(authority)
        && is_made_of(path, b":@/")
        && [query, fragment].iter().all(|part| is_made_of(part, b":@/?"))
}

fn is_authority(text: &str) -> bool {
    let (user, text) = text.rsplit_once('@').unwrap_or(("", text));
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => {
            (address.parse::<Ipv6Addr>().is_ok(), port.strip_prefix(':').or(port.is_empty().then_some("")))
        }
        None => {
            let (host, port) = text.rsplit_once(':').unwrap_or((text, ""));
            (is_made_of(host, b""), Some(port))
        }
    };
    host && is_made_of(user, b":") && port.is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether a text is of characters that stand for themselves anywhere in a URI, of some more, and of percent-encoded bytes.
fn is_made_of(text: &str, more: &[u8]) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let encoded = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_hexdigit());
        let fits = match byte {
            b'%' => encoded(bytes.next()) && encoded(bytes.next()),
            byte => {
                byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte) || more.contains(&byte)
            }
        };
        if !fits {
            return false;
        }
    }
    true
}
