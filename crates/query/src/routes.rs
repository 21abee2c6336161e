//! Every path on one screen.

use actix_web::web::{self, ServiceConfig, get};
use actix_web::{HttpRequest, HttpResponse};
use service::problem::Problem;
use utoipa::OpenApi;

use crate::endpoints::{applications, errors, events, pipeline, receipts, sessions};
use crate::openapi::pages;

/// Registers paths and gathers what their handlers say of themselves: a handler without `#[utoipa::path]` does not
/// compile. Each takes GET (and HEAD) and says so to everything else.
macro_rules! reads {
    ($($path:literal => $module:ident::$handler:ident,)+) => {
        /// Every path that is answered, as the OpenAPI document spells it. What its pages load is not among them.
        pub const PATHS: &[&str] = &[$($path),+];

        /// What the document says of them.
        #[derive(OpenApi)]
        #[openapi(paths($($module::$handler),+))]
        pub(crate) struct Reads;

        pub(crate) fn configure(config: &mut ServiceConfig) {
            config
                $(.service(read!($path, $module::$handler)))+
                .service(read!("/swagger/{file}", pages::file))
                .service(read!("/redoc/{file}", pages::file))
                .default_service(web::to(nothing));
        }
    };
}

macro_rules! read {
    ($path:literal, $handler:path) => {
        web::resource($path)
            .route(get().to($handler))
            .route(web::head().to($handler))
            .default_service(web::to(refuse))
    };
}

reads! {
    "/api/events" => events::list,
    "/api/events/{id}" => events::one,
    "/api/events/{id}/receipt" => receipts::one,
    "/api/sessions" => sessions::list,
    "/api/sessions/{session_id}" => sessions::one,
    "/api/sessions/{session_id}/events" => sessions::events,
    "/api/errors" => errors::list,
    "/api/errors/{id}" => errors::one,
    "/api/applications" => applications::list,
    "/api/pipeline" => pipeline::state,
    "/openapi.json" => pages::document,
    "/swagger" => pages::swagger,
    "/redoc" => pages::redoc,
}

async fn refuse() -> Result<HttpResponse, Problem> {
    Err(Problem::method_not_allowed("GET, HEAD"))
}

async fn nothing(_: HttpRequest) -> Result<HttpResponse, Problem> {
    Err(Problem::not_found("there is nothing at this address"))
}
