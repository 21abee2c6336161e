//! Every address of the gateway.

use actix_web::web::{Payload, ServiceConfig, post, resource, route};
use actix_web::{HttpRequest, HttpResponse};
use service::body::Incoming;
use service::problem::Problem;

use crate::submit::submit;

/// One address, with and without a trailing slash; neither redirects.
const EVENTS: [&str; 2] = ["/api/events", "/api/events/"];

pub(crate) fn configure(routes: &mut ServiceConfig) {
    routes.service(resource(EVENTS).route(post().to(submit)).default_service(route().to(method_not_allowed)));
    routes.default_service(route().to(not_found));
}

async fn method_not_allowed(request: HttpRequest, payload: Payload) -> Result<HttpResponse, Problem> {
    Incoming::new(payload, request.headers()).release();
    Err(Problem::method_not_allowed("POST"))
}

async fn not_found(request: HttpRequest, payload: Payload) -> Result<HttpResponse, Problem> {
    Incoming::new(payload, request.headers()).release();
    Err(Problem::not_found("there is nothing here; events go to POST /api/events"))
}
