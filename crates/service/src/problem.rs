//! What went wrong with a request, for the application that sent it: RFC 9457 problem details.

use std::fmt;

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// The media type of a problem.
pub const CONTENT_TYPE: &str = "application/problem+json";

/// A request that is refused, and why. [`crate::request::observe`] renders it with the request's id.
///
/// The `type` is always `about:blank`: the status says all that a program needs, the detail is for people, and
/// nothing of it may come from our insides.
#[derive(Clone, Debug)]
pub struct Problem {
    status: StatusCode,
    detail: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    members: Map<String, Value>,
}

impl Problem {
    /// A problem of a status, with a sentence for people on what to do differently.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), headers: Vec::new(), members: Map::new() }
    }

    /// 400: the request can't be read.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// 401, with the challenge that RFC 9110 asks for.
    pub fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, detail)
            .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"The Eye\""))
    }

    /// 403: the key is known, but does not allow this.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        let challenge = "Bearer realm=\"The Eye\", error=\"insufficient_scope\"";
        Self::new(StatusCode::FORBIDDEN, detail)
            .header(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
    }

    /// 404.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// 405, with the methods that are allowed, comma-separated.
    pub fn method_not_allowed(allowed: &'static str) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, format!("the methods allowed here: {allowed}"))
            .header(header::ALLOW, HeaderValue::from_static(allowed))
    }

    /// 429, to be tried again after so many seconds.
    pub fn too_many_requests(detail: impl Into<String>, retry_after_s: u64) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, detail).retry_after(retry_after_s)
    }

    /// 503, to be tried again after so many seconds.
    pub fn unavailable(detail: impl Into<String>, retry_after_s: u64) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(retry_after_s)
    }

    /// Tells when to try again.
    #[must_use]
    pub fn retry_after(self, seconds: u64) -> Self {
        self.header(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// Adds a header of the answer.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Adds a member of the body, for programs.
    #[must_use]
    pub fn member(mut self, name: &str, value: Value) -> Self {
        self.members.insert(name.to_owned(), value);
        self
    }

    /// The status of the answer.
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The sentence for people.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The answer, with the id by which operators find the request in the log.
    pub fn render(&self, request_id: Option<Uuid>) -> HttpResponse {
        let mut body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        if let Value::Object(members) = &mut body {
            members.extend(self.members.clone());
            members.extend(request_id.map(|id| ("request_id".to_owned(), Value::from(id.to_string()))));
        }
        let mut answer = HttpResponseBuilder::new(self.status);
        for (name, value) in &self.headers {
            answer.append_header((name, value));
        }
        answer.content_type(CONTENT_TYPE).body(body.to_string())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status, self.detail)
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        self.render(None)
    }
}
