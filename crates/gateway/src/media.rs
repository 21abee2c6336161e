//! What a request says that its body is: `Content-Type` and `Content-Encoding`, each at most once.

use actix_web::http::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};
use event::body::Format;
use service::body;
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
        Ok(Self { format: body::format(headers)?, coding: coding(headers)? })
    }
}

fn coding(headers: &HeaderMap) -> Result<Coding, Problem> {
    let coding = body::coding(headers)?;
    if coding.is_empty() {
        Ok(Coding::Identity)
    } else if coding.eq_ignore_ascii_case("gzip") {
        Ok(Coding::Gzip)
    } else if coding.eq_ignore_ascii_case("zstd") {
        Ok(Coding::Zstd)
    } else {
        // RFC 7694: the header says which codings would do.
        Err(body::unsupported("Content-Encoding must be gzip or zstd, once, or left out")
            .header(ACCEPT_ENCODING, HeaderValue::from_static("gzip, zstd")))
    }
}
