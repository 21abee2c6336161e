//! The header `Authorization`: `Bearer KEY` or `Token KEY`.

use actix_web::http::header::{AUTHORIZATION, HeaderMap};

use super::{ApiKey, KeyError};

const SCHEMES: [&str; 2] = ["bearer", "token"];

/// The one key that the headers hold.
pub(super) fn key(headers: &HeaderMap) -> Result<ApiKey, KeyError> {
    let mut given = headers.get_all(AUTHORIZATION);
    let header = given.next().ok_or(KeyError::Missing)?;
    if given.next().is_some() {
        return Err(KeyError::Several);
    }
    let header = header.to_str().map_err(|_| KeyError::Unknown)?.trim();
    let (scheme, key) = header.split_once(' ').ok_or(KeyError::Missing)?;
    if !SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return Err(KeyError::Missing);
    }
    ApiKey::parse(key.trim_start()).ok_or(KeyError::Unknown)
}
