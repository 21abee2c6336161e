//! Requests of web pages: a browser lets a page of another origin see an answer only where the answer says so (the CORS
//! protocol of WHATWG's Fetch Standard).
//!
//! A preflight holds no key, so that it is answered for every origin that is listed with any key. Whether the key of the
//! request that follows lists it is seen to where keys are.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderValue, ORIGIN, VARY,
};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use service::keys::KeyRing;

/// What a page may read of an answer besides its body.
const EXPOSED: HeaderValue = HeaderValue::from_static("Retry-After, X-Request-Id");

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST");

/// For how many seconds a browser may go by a preflight's answer.
const MAX_AGE_S: HeaderValue = HeaderValue::from_static("600");

/// The middleware that lets pages of listed origins send and see what came of it.
///
/// # Errors
/// What the service behind it fails with.
pub(crate) async fn share(
    keys: Arc<KeyRing>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let Some(origin) = request.headers().get(ORIGIN).cloned() else {
        return Ok(next.call(request).await?.map_into_boxed_body());
    };
    if is_preflight(&request) && is_listed(&keys, &origin) {
        let answer = preflight(request.headers(), origin);
        return Ok(request.into_response(answer));
    }
    let mut answer = next.call(request).await?.map_into_boxed_body();
    // Whoever is refused sees why. Not before: the request's own key may have been looked up meanwhile.
    if matches!(answer.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
        || is_listed(&keys, &origin)
    {
        let headers = answer.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        headers.append(VARY, HeaderValue::from_static("Origin"));
    }
    Ok(answer)
}

fn is_listed(keys: &KeyRing, origin: &HeaderValue) -> bool {
    origin.to_str().is_ok_and(|origin| keys.lists_origin(origin))
}

fn is_preflight(request: &ServiceRequest) -> bool {
    request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// A page may send whatever header it likes: SDKs have some of their own, and those that we read are judged then.
fn preflight(headers: &HeaderMap, origin: HeaderValue) -> HttpResponse {
    let mut answer = HttpResponse::NoContent();
    answer.insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, origin));
    answer.insert_header((ACCESS_CONTROL_ALLOW_METHODS, METHODS));
    answer.insert_header((ACCESS_CONTROL_MAX_AGE, MAX_AGE_S));
    answer.insert_header((VARY, "Origin, Access-Control-Request-Headers"));
    if let Some(wanted) = headers.get(ACCESS_CONTROL_REQUEST_HEADERS) {
        answer.insert_header((ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone()));
    }
    answer.finish()
}
