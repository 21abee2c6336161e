//! A file in memory, as it is served: its tag, packed or not, and what a page may do.

use std::io::Write as _;

use actix_web::http::StatusCode;
use actix_web::http::header::{
    self, AcceptEncoding, ContentEncoding, ETag, Encoding, EntityTag, Header, IfNoneMatch,
};
use actix_web::web::Bytes;
use actix_web::{HttpMessage, HttpRequest, HttpResponse};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use crate::problem::Problem;

/// A page's media type.
pub const HTML: &str = "text/html; charset=utf-8";
/// A script's media type.
pub const SCRIPT: &str = "text/javascript; charset=utf-8";
/// A style sheet's media type.
pub const STYLE: &str = "text/css; charset=utf-8";

/// A text's media type.
pub const TEXT: &str = "text/plain; charset=utf-8";

/// For what may change with the next start.
pub const ASK_AGAIN: &str = "no-cache";

/// For what changes with a release: a day, then it is asked for by its tag.
pub const A_DAY: &str = "public, max-age=86400";

/// A file in memory.
pub struct Asset {
    kind: &'static str,
    caching: &'static str,
    content: Bytes,
    /// Whether the content is packed by gzip.
    is_packed: bool,
    /// What a page may do: a content security policy.
    policy: Option<&'static str>,
    tag: String,
}

impl Asset {
    /// A file of this media type, cached so.
    pub fn new(kind: &'static str, caching: &'static str, content: impl Into<Bytes>) -> Self {
        let content = content.into();
        let digest = Sha256::digest(&content);
        let tag = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Self { kind, caching, content, is_packed: false, policy: None, tag }
    }

    /// A page, which is asked for anew each time and is bound by a content security policy.
    pub fn page(text: &'static str, policy: &'static str) -> Self {
        Self { policy: Some(policy), ..Self::new(HTML, ASK_AGAIN, text) }
    }

    /// The same, of content that was packed by gzip before.
    #[must_use]
    pub fn packed(self) -> Self {
        Self { is_packed: true, ..self }
    }

    /// The same, packed by gzip here; as it was, where that can't be done.
    #[must_use]
    pub fn packing(self) -> Self {
        let mut packer = GzEncoder::new(Vec::new(), Compression::best());
        match packer.write_all(&self.content).and_then(|()| packer.finish()) {
            Ok(packed) => Self { content: packed.into(), is_packed: true, ..self },
            Err(error) => {
                tracing::warn!(%error, "a file is served unpacked");
                self
            }
        }
    }

    /// The answer to a request for it.
    ///
    /// # Errors
    /// It can't be sent in the form that the client takes.
    pub fn answer(&self, request: &HttpRequest) -> Result<HttpResponse, Problem> {
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
        if let Some(policy) = self.policy {
            answer.insert_header((header::CONTENT_SECURITY_POLICY, policy));
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
        tracing::error!(%error, "a file that is served can't be unpacked");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the file can't be read")
    })?;
    Ok(content)
}
