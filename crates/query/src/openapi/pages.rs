//! The document, Swagger UI and Redoc, which the crate `documentation` serves.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use documentation::Document;
use service::problem::Problem;

use crate::settings::QuerySettings;

/// Writes the document of a service with these settings.
///
/// # Errors
/// It can't be written as JSON.
pub(crate) fn write(settings: &QuerySettings) -> serde_json::Result<Document> {
    serde_json::to_vec(&super::describe(settings)).map(Document::new)
}

/// This document.
///
/// OpenAPI 3.1, of both services.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "Documentation",
    operation_id = "getDocument",
    security(()),
    responses((status = 200, description = "The document", body = Object, content_type = "application/json")),
)]
pub(crate) async fn document(
    request: HttpRequest,
    document: Data<Document>,
) -> Result<HttpResponse, Problem> {
    document.answer(&request)
}

/// Swagger UI.
///
/// To read, and to try requests with a key. Trying both to send and to ask needs the proxy that has both services at one
/// origin.
#[utoipa::path(
    get,
    path = "/swagger",
    tag = "Documentation",
    operation_id = "showSwagger",
    security(()),
    responses((status = 200, description = "The page", body = String, content_type = "text/html")),
)]
pub(crate) async fn swagger(request: HttpRequest) -> Result<HttpResponse, Problem> {
    documentation::swagger(&request)
}

/// Redoc.
///
/// To read.
#[utoipa::path(
    get,
    path = "/redoc",
    tag = "Documentation",
    operation_id = "showRedoc",
    security(()),
    responses((status = 200, description = "The page", body = String, content_type = "text/html")),
)]
pub(crate) async fn redoc(request: HttpRequest) -> Result<HttpResponse, Problem> {
    documentation::redoc(&request)
}

/// What a page loads.
pub(crate) async fn file(request: HttpRequest) -> Result<HttpResponse, Problem> {
    documentation::file(&request)
}
