//! Every path on one screen.

use actix_web::web::{self, ServiceConfig, get, post};
use actix_web::{HttpRequest, HttpResponse};
use service::problem::Problem;
use utoipa::OpenApi;

use crate::dashboard;
use crate::endpoints::{
    applications, counts, error_summary, errors, event_types, events, export, funnel, funnel_sessions,
    ledger, pipeline, receipts, session_counts, sessions, stream, validate, values,
};
use crate::openapi::pages;

/// Registers paths and gathers what their handlers say of themselves: a handler without `#[utoipa::path]` does not
/// compile. Each takes one method (and HEAD, where that is GET) and says so to everything else.
macro_rules! paths {
    ($($method:ident $path:literal => $module:ident::$handler:ident,)+) => {
        /// Every path that is answered with its method, as the OpenAPI document spells them. What its pages load is not
        /// among them, nor is the dashboard, which is for people.
        pub const PATHS: &[(&str, &str)] = &[$((stringify!($method), $path)),+];

        /// What the document says of them.
        #[derive(OpenApi)]
        #[openapi(paths($($module::$handler),+))]
        pub(crate) struct Described;

        pub(crate) fn configure(config: &mut ServiceConfig) {
            config
                $(.service(answered!($method $path, $module::$handler)))+
                .service(answered!(get "/swagger/{file}", pages::file))
                .service(answered!(get "/redoc/{file}", pages::file))
                .service(answered!(get "/assets/{file}", dashboard::file))
                .default_service(web::to(nothing));
            for page in dashboard::PAGES {
                config.service(answered!(get *page, dashboard::page));
            }
        }
    };
}

macro_rules! answered {
    (get $path:expr, $handler:path) => {
        web::resource($path)
            .route(get().to($handler))
            .route(web::head().to($handler))
            .default_service(web::to(refuse))
    };
    (post $path:literal, $handler:path) => {
        web::resource($path).route(post().to($handler)).default_service(web::to(refuse_but_post))
    };
}

paths! {
    get "/api/events" => events::list,
    get "/api/events/export" => export::all,
    get "/api/events/stream" => stream::watch,
    get "/api/events/{id}" => events::one,
    get "/api/events/{id}/receipt" => receipts::one,
    get "/api/sessions" => sessions::list,
    get "/api/sessions/{session_id}" => sessions::one,
    get "/api/sessions/{session_id}/events" => sessions::events,
    get "/api/errors" => errors::list,
    get "/api/errors/summary" => error_summary::summary,
    get "/api/errors/{id}" => errors::one,
    get "/api/event-types" => event_types::list,
    get "/api/event-types/{category}/{name}" => event_types::one,
    get "/api/counts" => counts::list,
    get "/api/counts/sessions" => session_counts::one,
    get "/api/values" => values::list,
    get "/api/funnel" => funnel::one,
    get "/api/funnel/sessions" => funnel_sessions::list,
    get "/api/applications" => applications::list,
    get "/api/ledger" => ledger::list,
    get "/api/pipeline" => pipeline::state,
    post "/api/validate" => validate::judge,
    get "/openapi.json" => pages::document,
    get "/swagger" => pages::swagger,
    get "/redoc" => pages::redoc,
}

async fn refuse() -> Result<HttpResponse, Problem> {
    Err(Problem::method_not_allowed("GET, HEAD"))
}

async fn refuse_but_post() -> Result<HttpResponse, Problem> {
    Err(Problem::method_not_allowed("POST"))
}

async fn nothing(_: HttpRequest) -> Result<HttpResponse, Problem> {
    Err(Problem::not_found("there is nothing at this address"))
}
