//! Where a call's key stands: in the header, else in the body, else in the address.

use actix_web::HttpRequest;
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use service::keys::{ApiKey, Caller, KeyError, Scope};
use service::problem::Problem;

use crate::accept::Gateway;

/// Whose key it is that asks for its settings, which are no secret: a browser tells no origin where page and gateway have the same.
pub(super) async fn owner(gateway: &Gateway, key: &ApiKey) -> Result<Caller, Problem> {
    let caller = gateway.keys.caller(key).await?;
    if caller.scopes.contains(Scope::Write) { Ok(caller) } else { Err(KeyError::Scope(Scope::Write).into()) }
}

/// The key in the header `Authorization`: as the user's name of `Basic`, or after `Bearer`. None where the header is left out, is of
/// another scheme, or names nobody.
pub(super) fn in_header(headers: &HeaderMap) -> Result<Option<ApiKey>, Problem> {
    let mut given = headers.get_all(AUTHORIZATION);
    let Some(header) = given.next() else { return Ok(None) };
    if given.next().is_some() {
        return Err(KeyError::Several.into());
    }
    let header = header.to_str().map_err(|_| KeyError::Unknown)?.trim();
    let Some((scheme, value)) = header.split_once(' ') else { return Ok(None) };
    let text = if scheme.eq_ignore_ascii_case("basic") {
        let decoded = STANDARD.decode(value.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let text = decoded.ok_or(KeyError::Unknown)?;
        text.split(':').next().unwrap_or_default().to_owned()
    } else if scheme.eq_ignore_ascii_case("bearer") {
        value.trim().to_owned()
    } else {
        return Ok(None);
    };
    if text.is_empty() {
        return Ok(None);
    }
    Ok(Some(ApiKey::parse(&text).ok_or(KeyError::Unknown)?))
}

/// The key in the address, as `writeKey`. Keys hold nothing that addresses escape.
pub(super) fn in_query(request: &HttpRequest) -> Option<ApiKey> {
    ApiKey::parse(request.query_string().split('&').find_map(|pair| pair.strip_prefix("writeKey="))?)
}

/// 401, with where a key may stand.
pub(super) fn missing() -> Problem {
    Problem::unauthorized(
        "no key that could be one of ours: it is the SDK's write key, sent as the user of Authorization: Basic, \
         as Authorization: Bearer, or as writeKey in the body or the address",
    )
}
