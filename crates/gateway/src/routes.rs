//! Every address of the gateway.

use actix_web::web::{Data, Payload, ServiceConfig, get, head, post, resource, route};
use actix_web::{HttpRequest, HttpResponse, Resource};
use documentation::Document;
use service::body::Incoming;
use service::problem::Problem;

use crate::submit::submit;
use crate::{browser, segment};

/// One address, with and without a trailing slash; neither redirects.
const EVENTS: [&str; 2] = ["/api/events", "/api/events/"];

/// The same for web pages.
const BROWSER_EVENTS: [&str; 2] = ["/api/browser/events", "/api/browser/events/"];

pub(crate) fn configure(routes: &mut ServiceConfig) {
    routes.service(resource(EVENTS).route(post().to(submit)).default_service(route().to(only_post)));
    let from_pages = resource(BROWSER_EVENTS).route(post().to(browser::submit));
    routes.service(from_pages.default_service(route().to(only_post)));
    routes.service(page(&["/eye.js"]).route(get().to(browser::snippet)).route(head().to(browser::snippet)));
    segment::configure(routes);
    routes.service(page(&["/openapi.json"]).route(get().to(document)).route(head().to(document)));
    routes.service(page(&["/swagger", "/swagger/"]).route(get().to(swagger)).route(head().to(swagger)));
    routes.service(page(&["/redoc", "/redoc/"]).route(get().to(redoc)).route(head().to(redoc)));
    let files = &["/swagger/{file}", "/redoc/{file}"];
    routes.service(page(files).route(get().to(file)).route(head().to(file)));
    routes.default_service(route().to(not_found));
}

fn page(addresses: &[&str]) -> Resource {
    resource(addresses.to_vec()).default_service(route().to(only_get))
}

async fn document(request: HttpRequest, document: Data<Document>) -> Result<HttpResponse, Problem> {
    document.answer(&request)
}

async fn swagger(request: HttpRequest) -> Result<HttpResponse, Problem> {
    documentation::swagger(&request)
}

async fn redoc(request: HttpRequest) -> Result<HttpResponse, Problem> {
    documentation::redoc(&request)
}

async fn file(request: HttpRequest) -> Result<HttpResponse, Problem> {
    documentation::file(&request)
}

pub(crate) async fn only_post(request: HttpRequest, payload: Payload) -> Result<HttpResponse, Problem> {
    Incoming::new(payload, request.headers()).release();
    Err(Problem::method_not_allowed("POST"))
}

pub(crate) async fn only_get(request: HttpRequest, payload: Payload) -> Result<HttpResponse, Problem> {
    Incoming::new(payload, request.headers()).release();
    Err(Problem::method_not_allowed("GET, HEAD"))
}

async fn not_found(request: HttpRequest, payload: Payload) -> Result<HttpResponse, Problem> {
    Incoming::new(payload, request.headers()).release();
    Err(Problem::not_found(
        "there is nothing here; events go to POST /api/events, and /swagger describes the API",
    ))
}
