//! A file in memory, as it is served.

use actix_web::http::StatusCode;
use actix_web::http::header::{
    self, AcceptEncoding, ContentEncoding, ETag, Encoding, EntityTag, Header, IfNoneMatch,
};
use actix_web::web::Bytes;
use actix_web::{HttpMessage, HttpRequest, HttpResponse};
use flate2::read::GzDecoder;
use service::problem::Problem;
use sha2::{Digest, Sha256};

const HTML: &str = "text/html; charset=utf-8";

/// For what may change with the next start.
pub(crate) const ASK_AGAIN: &str = "no-cache";

/// For what changes with a release: a day, then it is asked for by its tag.
pub(crate) const A_DAY: &str = "public, max-age=86400";

/// What a page may do: show and ask what is here, and nothing elsewhere. Both pages write styles while they run; Redoc
/// searches in a worker that it makes of its own text.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      connect-src 'self'; worker-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A file in memory.
pub(crate) struct File {
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
    pub(crate) fn new(kind: &'static str, caching: &'static str, content: Bytes) -> Self {
        let digest = Sha256::digest(&content);
        let tag = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Self { kind, caching, content, is_packed: false, is_page: false, tag }
    }

    pub(crate) fn packed(self) -> Self {
        Self { is_packed: true, ..self }
    }

    pub(crate) fn answer(&self, request: &HttpRequest) -> Result<HttpResponse, Problem> {
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
        answer.content_type(self.kind);
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

/// A page, which is bound by the policy.
pub(crate) fn page(text: &'static str) -> File {
    File { is_page: true, ..File::new(HTML, ASK_AGAIN, Bytes::from_static(text.as_bytes())) }
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
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the file can't be read")
    })?;
    Ok(content)
}
