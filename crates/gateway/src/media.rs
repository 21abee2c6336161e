//! What a request says that its body is: `Content-Type` and `Content-Encoding`, each at most once.

use actix_web::http::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};
use service::body;
use service::problem::Problem;

/// How a body is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Identity,
    Gzip,
    Zstd,
}

/// How a body with these headers is packed; anything else than what the contract lists is a 415.
pub(crate) fn coding(headers: &HeaderMap) -> Result<Coding, Problem> {
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
