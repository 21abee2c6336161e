//! What a request says that its body is: `Content-Type` and `Content-Encoding`, each at most once.

use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
};
use event::body::Format;
use service::problem::Problem;

/// How a body is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Identity,
    Gzip,
    Zstd,
}

/// What a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Media {
    pub(crate) format: Format,
    pub(crate) coding: Coding,
}

impl Media {
    /// Reads the two headers; anything else than what the contract lists is a 415.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        Ok(Self { format: format(headers)?, coding: coding(headers)? })
    }
}

fn format(headers: &HeaderMap) -> Result<Format, Problem> {
    let refused = || unsupported("Content-Type must be application/json or application/x-ndjson, in UTF-8");
    let text = only(headers, &CONTENT_TYPE)?.ok_or_else(refused)?;
    let mut parts = text.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default();
    if !parts.all(is_harmless) {
        return Err(refused());
    }
    if kind.eq_ignore_ascii_case("application/json") {
        Ok(Format::Json)
    } else if kind.eq_ignore_ascii_case("application/x-ndjson") {
        Ok(Format::Ndjson)
    } else {
        Err(refused())
    }
}

/// Whether a parameter of the type leaves the text what it is: JSON is UTF-8, whatever else is said about it.
fn is_harmless(parameter: &str) -> bool {
    match parameter.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        // A comma would begin a second type.
        _ => !parameter.contains(','),
    }
}

fn coding(headers: &HeaderMap) -> Result<Coding, Problem> {
    let coding = only(headers, &CONTENT_ENCODING)?.unwrap_or_default().trim();
    if coding.is_empty() {
        Ok(Coding::Identity)
    } else if coding.eq_ignore_ascii_case("gzip") {
        Ok(Coding::Gzip)
    } else if coding.eq_ignore_ascii_case("zstd") {
        Ok(Coding::Zstd)
    } else {
        // RFC 7694: the header says which codings would do.
        Err(unsupported("Content-Encoding must be gzip or zstd, once, or left out")
            .header(ACCEPT_ENCODING, HeaderValue::from_static("gzip, zstd")))
    }
}

fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Problem> {
    let mut given = headers.get_all(name);
    let Some(value) = given.next() else { return Ok(None) };
    let text = value.to_str().map_err(|_| unsupported(format!("{name} can't be read")))?;
    if given.next().is_some() {
        return Err(unsupported(format!("{name} is given more than once")));
    }
    Ok(Some(text))
}

fn unsupported(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail)
}
