//! Every path on one screen.

use actix_web::web::{self, ServiceConfig, get};
use actix_web::{HttpRequest, HttpResponse};
use service::problem::Problem;

use crate::endpoints::{applications, errors, events, receipts, sessions};

/// A path that takes GET (and HEAD) and says so to everything else.
macro_rules! read {
    ($path:literal, $handler:path) => {
        web::resource($path)
            .route(get().to($handler))
            .route(web::head().to($handler))
            .default_service(web::to(refuse))
    };
}

pub(crate) fn configure(config: &mut ServiceConfig) {
    config
        .service(read!("/api/events", events::list))
        .service(read!("/api/events/{id}", events::one))
        .service(read!("/api/events/{id}/receipt", receipts::one))
        .service(read!("/api/sessions", sessions::list))
        .service(read!("/api/sessions/{session_id}", sessions::one))
        .service(read!("/api/sessions/{session_id}/events", sessions::events))
        .service(read!("/api/errors", errors::list))
        .service(read!("/api/errors/{id}", errors::one))
        .service(read!("/api/applications", applications::list))
        .default_service(web::to(nothing));
}

async fn refuse() -> Result<HttpResponse, Problem> {
    Err(Problem::method_not_allowed("GET, HEAD"))
}

async fn nothing(_: HttpRequest) -> Result<HttpResponse, Problem> {
    Err(Problem::not_found("there is nothing at this address"))
}
