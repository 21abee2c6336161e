//! The pages that describe the API, as both services serve them: without a key, and with no request to another host.
//!
//! # Purpose
//! One document describes the gateway and the query service. The query service, whose endpoints most of it is about,
//! writes it; this crate has the form in which it is kept ([`Document::kept`]), so that a gateway serves it without
//! knowing the query service, and Swagger UI and Redoc, which show it.
//!
//! # Modules
//! | module | holds |
//! |---|---|
//! | [`Document`] | `/openapi.json` |
//! | [`swagger`], [`redoc`], [`file`](fn@file) | the pages, and what they load |
//!
//! Addresses in the pages begin with `../`, which leads to the same place from `/swagger` and from `/swagger/`.
//! Swagger UI comes from its crate. Redoc is the bundle of npm's `redoc` 2.5.4, packed, with one change: the address of
//! a logo that it would fetch from its makers' host is `data:,`.
//!
//! # What it must not know
//! What the document says.

use std::sync::LazyLock;

use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use service::asset::{A_DAY, ASK_AGAIN, Asset, SCRIPT, STYLE, TEXT};
use service::problem::Problem;

/// What a page may do: show and ask what is here, and nothing elsewhere. Both pages write styles while they run; Redoc
/// searches in a worker that it makes of its own text.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      connect-src 'self'; worker-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The document with the default settings. A test of the query service compares it with what that service writes;
/// `make openapi` writes it anew.
const KEPT: &str = include_str!("../openapi.json");

static SWAGGER: LazyLock<Asset> = LazyLock::new(|| Asset::page(include_str!("pages/swagger.html"), POLICY));
static REDOC: LazyLock<Asset> = LazyLock::new(|| Asset::page(include_str!("pages/redoc.html"), POLICY));

/// What the pages load, by its address.
static FILES: LazyLock<Vec<(&str, Asset)>> = LazyLock::new(|| {
    let plain = |kind, text: &'static str| Asset::new(kind, A_DAY, Bytes::from_static(text.as_bytes()));
    let redoc = Bytes::from_static(include_bytes!("pages/redoc.standalone.js.gz"));
    let licence = include_str!("pages/redoc.standalone.js.LICENSE.txt");
    let mut files = vec![
        ("/swagger/start.js", plain(SCRIPT, include_str!("pages/swagger.js"))),
        ("/redoc/redoc.standalone.js", Asset::new(SCRIPT, A_DAY, redoc).packed()),
        ("/redoc/redoc.standalone.js.LICENSE.txt", plain(TEXT, licence)),
    ];
    files.extend(swagger_file("/swagger/swagger-ui.css", "swagger-ui.css", STYLE));
    files.extend(swagger_file("/swagger/swagger-ui-bundle.js", "swagger-ui-bundle.js", SCRIPT));
    files
});

/// The OpenAPI document as it is served.
pub struct Document(Asset);

impl Document {
    /// The document with this JSON text.
    pub fn new(text: impl Into<Bytes>) -> Self {
        Self(Asset::new("application/json", ASK_AGAIN, text.into()))
    }

    /// The document with the default settings.
    pub fn kept() -> Self {
        Self::new(KEPT)
    }

    /// `/openapi.json`.
    ///
    /// # Errors
    /// It can't be sent in the form that the client takes.
    pub fn answer(&self, request: &HttpRequest) -> Result<HttpResponse, Problem> {
        self.0.answer(request)
    }
}

/// `/swagger`: to read, and to try requests with a key.
///
/// # Errors
/// It can't be sent in the form that the client takes.
pub fn swagger(request: &HttpRequest) -> Result<HttpResponse, Problem> {
    SWAGGER.answer(request)
}

/// `/redoc`: to read.
///
/// # Errors
/// It can't be sent in the form that the client takes.
pub fn redoc(request: &HttpRequest) -> Result<HttpResponse, Problem> {
    REDOC.answer(request)
}

/// What a page loads, by the request's path.
///
/// # Errors
/// There is nothing at this path.
pub fn file(request: &HttpRequest) -> Result<HttpResponse, Problem> {
    let found = FILES.iter().find(|(address, _)| *address == request.path());
    let (_, file) = found.ok_or_else(|| Problem::not_found("there is nothing at this address"))?;
    file.answer(request)
}

/// A file of Swagger UI's crate. A test asks for each of them.
fn swagger_file(address: &'static str, name: &str, kind: &'static str) -> Option<(&'static str, Asset)> {
    let file = utoipa_swagger_ui::serve(name, std::sync::Arc::default()).ok().flatten()?;
    let plain = Asset::new(kind, A_DAY, Bytes::from(file.bytes.into_owned()));
    Some((address, if file.gzpipped { plain.packed() } else { plain }))
}
