//! Bodies of requests: what they say that they are, and how they are read.

mod incoming;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName};
use event::body::Format;

pub use self::incoming::Incoming;
use crate::problem::Problem;

/// What a body with these headers is. Anything else than what the contract lists is a 415.
///
/// # Errors
/// That 415.
pub fn format(headers: &HeaderMap) -> Result<Format, Problem> {
    let refused = || unsupported("Content-Type must be application/json or application/x-ndjson, in UTF-8");
    let kind = media_type(headers, refused)?.ok_or_else(refused)?;
    if kind.eq_ignore_ascii_case("application/json") {
        Ok(Format::Json)
    } else if kind.eq_ignore_ascii_case("application/x-ndjson") {
        Ok(Format::Ndjson)
    } else {
        Err(refused())
    }
}

/// The media type that the headers tell, in whatever case, without its parameters; none where nothing is told.
///
/// # Errors
/// A 415 where it is told twice, and what `refused` gives where a parameter makes it another than UTF-8.
pub fn media_type(headers: &HeaderMap, refused: impl FnOnce() -> Problem) -> Result<Option<&str>, Problem> {
    let Some(text) = only(headers, &CONTENT_TYPE)? else { return Ok(None) };
    let mut parts = text.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default();
    if parts.all(is_harmless) { Ok(Some(kind)) } else { Err(refused()) }
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

/// How a body with these headers is packed, in the words of HTTP; empty where nothing is said of it.
///
/// # Errors
/// A 415 where it is told twice.
pub fn coding(headers: &HeaderMap) -> Result<&str, Problem> {
    Ok(only(headers, &CONTENT_ENCODING)?.unwrap_or_default().trim())
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

/// 415: not what is read here.
pub fn unsupported(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail)
}

/// 413: more bytes than a body may have.
pub fn too_large(bytes_max: usize) -> Problem {
    payload_too_large(format!("a body may have at most {bytes_max} bytes, after decompression"))
}

/// 413: too much for one request.
pub fn payload_too_large(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
}

/// 408: the body took too long.
pub fn too_slow() -> Problem {
    Problem::new(StatusCode::REQUEST_TIMEOUT, "the body took too long to arrive")
}
