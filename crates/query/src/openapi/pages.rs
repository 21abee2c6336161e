//! The document, Swagger UI and Redoc as they are served: without a key, and with no request to another host.
//!
//! Addresses in the pages begin with `../`, which leads to the same place from `/swagger` and from `/swagger/`.
//! Swagger UI comes from its crate. Redoc is the bundle of npm's `redoc` 2.5.4, packed, with one change: the address of
//! a logo that it would fetch from its makers' host is `data:,`.

use std::sync::LazyLock;

use actix_web::http::header::{
    self, AcceptEncoding, ContentEncoding, ETag, Encoding, EntityTag, Header, IfNoneMatch,
};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpMessage, HttpRequest, HttpResponse};
use flate2::read::GzDecoder;
use service::problem::Problem;
use sha2::{Digest, Sha256};

use crate::settings::QuerySettings;

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

/// For what may change with the next start.
const ASK_AGAIN: &str = "no-cache";

/// For what changes with a release: a day, then it is asked for by its tag.
const A_DAY: &str = "public, max-age=86400";

/// What a page may do: show and ask what is here, and nothing elsewhere. Both pages write styles while they run; Redoc
/// searches in a worker that it makes of its own text.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      connect-src 'self'; worker-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static SWAGGER: LazyLock<File> = LazyLock::new(|| page(include_str!("pages/swagger.html")));
static REDOC: LazyLock<File> = LazyLock::new(|| page(include_str!("pages/redoc.html")));

/// What the pages load, by its address.
static FILES: LazyLock<Vec<(&str, File)>> = LazyLock::new(|| {
    let plain = |kind, text: &'static str| File::new(kind, A_DAY, Bytes::from_static(text.as_bytes()));
    let redoc = Bytes::from_static(include_bytes!("pages/redoc.standalone.js.gz"));
    let licence = include_str!("pages/redoc.standalone.js.LICENSE.txt");
    let mut files = vec![
        ("/swagger/start.js", plain(SCRIPT, include_str!("pages/swagger.js"))),
        ("/redoc/redoc.standalone.js", File::new(SCRIPT, A_DAY, redoc).packed()),
        ("/redoc/redoc.standalone.js.LICENSE.txt", plain(TEXT, licence)),
    ];
    files.extend(swagger_file("/swagger/swagger-ui.css", "swagger-ui.css", STYLE));
    files.extend(swagger_file("/swagger/swagger-ui-bundle.js", "swagger-ui-bundle.js", SCRIPT));
    files
});

/// The document as it is served.
pub(crate) struct Document(File);

impl Document {
    /// Writes the document of a service with these settings.
    ///
    /// # Errors
    /// It can't be written as JSON.
    pub(crate) fn write(settings: &QuerySettings) -> serde_json::Result<Self> {
        let text = serde_json::to_vec(&super::describe(settings))?;
        Ok(Self(File::new("application/json", ASK_AGAIN, Bytes::from(text))))
    }
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
    document.0.answer(&request)
}

/// Swagger UI.
///
/// To read, and to try requests with a key. Trying to send needs the proxy that has both services at one origin.
#[utoipa::path(
    get,
    path = "/swagger",
    tag = "Documentation",
    operation_id = "showSwagger",
    security(()),
    responses((status = 200, description = "The page", body = String, content_type = "text/html")),
)]
pub(crate) async fn swagger(request: HttpRequest) -> Result<HttpResponse, Problem> {
    SWAGGER.answer(&request)
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
    REDOC.answer(&request)
}

/// What a page loads.
pub(crate) async fn file(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let found = FILES.iter().find(|(address, _)| *address == request.path());
    let (_, file) = found.ok_or_else(|| Problem::not_found("there is nothing at this address"))?;
    file.answer(&request)
}

/// A file in memory.
struct File {
    kind: &'static str,
    caching: &'static str,
    content: Bytes,
    /// Whether the content is packed by gzip.
    is_packed: bool,
    /// Whether it is a page, and bound by the policy.
    is_page: bool,
    tag: String,
}

impl File {
    fn new(kind: &'static str, caching: &'static str, content: Bytes) -> Self {
        let digest = Sha256::digest(&content);
        let tag = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Self { kind, caching, content, is_packed: false, is_page: false, tag }
    }

    fn packed(self) -> Self {
        Self { is_packed: true, ..self }
    }

    fn answer(&self, request: &HttpRequest) -> Result<HttpResponse, Problem> {
        // Weak, since it is the same for the packed and the unpacked content.
        let tag = EntityTag::new_weak(self.tag.clone());
        let is_known = is_known(request, &tag);
        let mut answer = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
        answer.insert_header(ETag(tag)).insert_header((header::CACHE_CONTROL, self.caching));
        if self.is_packed {
            answer.insert_header((header::VARY, "Accept-Encoding"));
        }
        if is_known {
            return Ok(answer.finish());
        }
        answer.content_type(self.kind).insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"));
        if self.is_page {
            answer.insert_header((header::CONTENT_SECURITY_POLICY, POLICY));
            answer.insert_header((header::REFERRER_POLICY, "no-referrer"));
        }
        if !self.is_packed {
            return Ok(answer.body(self.content.clone()));
        }
        if takes_gzip(request) {
            return Ok(answer.insert_header(ContentEncoding::Gzip).body(self.content.clone()));
        }
        Ok(answer.body(unpacked(&self.content)?))
    }
}

fn page(text: &'static str) -> File {
    File { is_page: true, ..File::new(HTML, ASK_AGAIN, Bytes::from_static(text.as_bytes())) }
}

/// A file of Swagger UI's crate. A test asks for each of them.
fn swagger_file(address: &'static str, name: &str, kind: &'static str) -> Option<(&'static str, File)> {
    let file = utoipa_swagger_ui::serve(name, std::sync::Arc::default()).ok().flatten()?;
    let plain = File::new(kind, A_DAY, Bytes::from(file.bytes.into_owned()));
    Some((address, if file.gzpipped { plain.packed() } else { plain }))
}

/// Whether the client has this already.
fn is_known(request: &HttpRequest, tag: &EntityTag) -> bool {
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Items(known)) => known.iter().any(|known| known.weak_eq(tag)),
        Ok(IfNoneMatch::Any) => request.headers().contains_key(header::IF_NONE_MATCH),
        Err(_) => false,
    }
}

fn takes_gzip(request: &HttpRequest) -> bool {
    let known = [Encoding::gzip(), Encoding::identity()];
    let wanted = request.get_header::<AcceptEncoding>();
    wanted.and_then(|wanted| wanted.negotiate(known.iter())) == Some(Encoding::gzip())
}

fn unpacked(packed: &[u8]) -> Result<Vec<u8>, Problem> {
    let mut content = Vec::new();
    std::io::copy(&mut GzDecoder::new(packed), &mut content).map_err(|error| {
        tracing::error!(%error, "a file of the documentation can't be unpacked");
        Problem::new(actix_web::http::StatusCode::INTERNAL_SERVER_ERROR, "the file can't be read")
    })?;
    Ok(content)
}
