//! The attributes of a CloudEvent whose body is its data: each a header that begins with `ce-`.

use std::borrow::Cow;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::percent_decode;
use service::problem::Problem;

use crate::translate::{object, quoted};

/// The header that every such CloudEvent has.
pub(super) const VERSION: HeaderName = HeaderName::from_static("ce-specversion");

const PREFIX: &str = "ce-";

/// The attributes as a JSON object of texts.
pub(super) fn attributes(headers: &HeaderMap) -> Result<String, Problem> {
    let names = headers.keys().filter_map(|name| Some((name.as_str().strip_prefix(PREFIX)?, name)));
    let mut attributes = Vec::new();
    for (attribute, name) in names {
        let mut given = headers.get_all(name);
        match (given.next(), given.next()) {
            (Some(value), None) => attributes.push((attribute, text(name, value)?)),
            _ => return Err(Problem::bad_request(format!("{name}: expected once, found more often"))),
        }
    }
    Ok(object(|event| attributes.iter().for_each(|(name, value)| event.raw(name, &quoted(value)))))
}

/// A value may hold other characters than headers take, each as percent-encoded UTF-8; it may be quoted besides, which is undone
/// first (HTTP binding, 3.1.3.2).
fn text(name: &HeaderName, value: &HeaderValue) -> Result<String, Problem> {
    let bytes = unquoted(value.as_bytes());
    let text = percent_decode(&bytes).decode_utf8();
    let text = text.map_err(|_| Problem::bad_request(format!("{name}: expected UTF-8, percent-encoded")))?;
    Ok(text.into_owned())
}

/// What stands in double quotes, where the whole does, without its backslashes.
fn unquoted(bytes: &[u8]) -> Cow<'_, [u8]> {
    let [b'"', inner @ .., b'"'] = bytes else { return Cow::Borrowed(bytes) };
    let mut is_escaped = false;
    let meant = inner.iter().copied().filter(|&byte| {
        is_escaped = byte == b'\\' && !is_escaped;
        !is_escaped
    });
    Cow::Owned(meant.collect())
}
