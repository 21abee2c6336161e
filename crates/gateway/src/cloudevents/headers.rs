//! The attributes of a CloudEvent whose body is its data: each a header that begins with `ce-`.

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

/// A value may hold other characters than headers take, each as percent-encoded UTF-8.
fn text(name: &HeaderName, value: &HeaderValue) -> Result<String, Problem> {
    let text = percent_decode(value.as_bytes()).decode_utf8();
    let text = text.map_err(|_| Problem::bad_request(format!("{name}: expected UTF-8, percent-encoded")))?;
    Ok(text.into_owned())
}
