//! Addresses as SDKs put them together: with a slash at the end, or with two where a host's ends in one.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Uri;
use actix_web::http::uri::PathAndQuery;
use actix_web::middleware::Next;

/// The addresses that this holds for, and what is beneath them. All others are taken as they are.
const BASES: [&str; 4] = ["/v1", "/beacon", "/sourceConfig", "/rsaMetrics"];

/// The middleware (`wrap(from_fn(one_slash))`) that takes such an address for the one that is meant. Nothing is redirected:
/// an SDK would not send the body again.
///
/// # Errors
/// What the service behind it fails with.
pub(crate) async fn one_slash<B: MessageBody>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    if let Some(meant) = meant(request.uri()) {
        request.match_info_mut().get_mut().update(&meant);
        request.head_mut().uri = meant;
    }
    next.call(request).await
}

/// The address that is meant; none where it is the one that is given, or not one of these.
fn meant(given: &Uri) -> Option<Uri> {
    let path = given.path();
    if !path.contains("//") && !path.ends_with('/') {
        return None;
    }
    let steps: Vec<_> = path.split('/').filter(|step| !step.is_empty()).collect();
    let path = format!("/{}", steps.join("/"));
    let is_beneath =
        |base: &str| path.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if !BASES.into_iter().any(is_beneath) {
        return None;
    }
    let whole = match given.query() {
        Some(query) => format!("{path}?{query}"),
        None => path,
    };
    let mut parts = given.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(whole).ok()?);
    Uri::from_parts(parts).ok()
}
