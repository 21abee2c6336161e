//! The identity of a request: its id, its place in a trace, and its one line in the log.

use std::sync::{LazyLock, OnceLock};
use std::time::{Duration, Instant, SystemTime};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::Error;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{ConnectionType, StatusCode};
use actix_web::middleware::Next;
use actix_web::{FromRequest, HttpMessage, HttpRequest, HttpResponse};
use metrics::{Counter, Histogram, counter, histogram};
use tracing::Instrument;
use uuid::Uuid;

use crate::problem::{self, Problem};
use crate::telemetry;
use crate::trace::Trace;
use crate::traces::{self, KeyValue, Span, SpanKind};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Which request this is. Handlers take it as an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    request_id: Uuid,
    trace: Trace,
}

impl Context {
    /// A fresh id; the trace goes on that the headers tell of, else one begins.
    pub fn new(headers: &HeaderMap) -> Self {
        let request_id = Uuid::now_v7();
        let trace = Trace::continued(headers, request_id).unwrap_or_else(|| {
            // Whoever wants fewer traces than requests says so by a setting.
            Trace::begun(request_id, traces::samples(request_id))
        });
        Self { request_id, trace }
    }

    /// The id that the answer and the log carry.
    pub const fn request_id(&self) -> Uuid {
        self.request_id
    }

    /// Its place in a trace.
    pub const fn trace(&self) -> &Trace {
        &self.trace
    }
}

impl FromRequest for Context {
    type Error = Error;
    type Future = std::future::Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let known = request.extensions().get::<Self>().copied();
        std::future::ready(Ok(known.unwrap_or_else(|| Self::new(request.headers()))))
    }
}

/// Whom a request turned out to be from; put among its extensions it shows in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender(pub event::ApplicationId);

/// The middleware (`wrap(from_fn(observe))`) that gives each request its [`Context`], renders what failed as a
/// [`Problem`], counts, and writes one line a request. Neither query strings nor paths are logged, as they may hold
/// keys and names of sessions; the route is.
///
/// # Errors
/// What the service behind it fails with.
pub async fn observe(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    observe_within(request, next, |context| {
        tracing::info_span!("request", request_id = %context.request_id, trace_id = %context.trace.id())
    })
    .await
}

/// The same where handlers log nothing of a request above debug: a span that nothing is logged in takes time for nothing.
///
/// # Errors
/// What the service behind it fails with.
pub async fn observe_in_debug_span(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    observe_within(request, next, |context| {
        tracing::debug_span!("request", request_id = %context.request_id, trace_id = %context.trace.id())
    })
    .await
}

async fn observe_within(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
    span: impl FnOnce(&Context) -> tracing::Span,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let started = Instant::now();
    let context = Context::new(request.headers());
    request.extensions_mut().insert(context);
    let answer = next.call(request).instrument(span(&context)).await?;
    let answer = identified(answer.map_into_boxed_body(), &context);
    record(&answer, &context, started);
    Ok(answer)
}

/// The answer with the request's id, and bound to its type; what failed without a problem of ours, as one of its status.
fn identified(answer: ServiceResponse<BoxBody>, context: &Context) -> ServiceResponse<BoxBody> {
    let mut answer = match problem_of(&answer) {
        Some(problem) => replaced(answer, problem.render(Some(context.request_id))),
        None => answer,
    };
    // A UUID is always a header's value.
    if let Ok(id) = HeaderValue::from_str(&context.request_id.to_string()) {
        answer.headers_mut().insert(REQUEST_ID, id);
    }
    // What an answer is, its type says: no browser may find a page or a script in what somebody has sent.
    answer.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}

/// The answer with another in its place, which keeps what the layers between have said besides.
fn replaced(answer: ServiceResponse<BoxBody>, mut by: HttpResponse) -> ServiceResponse<BoxBody> {
    let said = answer.response().headers();
    let missing = said.iter().filter(|(name, _)| !by.headers().contains_key(*name));
    let missing: Vec<_> = missing.map(|(name, value)| (name.clone(), value.clone())).collect();
    missing.into_iter().for_each(|(name, value)| by.headers_mut().append(name, value));
    if !answer.response().head().keep_alive() {
        by.head_mut().set_connection_type(ConnectionType::Close);
    }
    answer.into_response(by)
}

fn problem_of(answer: &ServiceResponse<BoxBody>) -> Option<Problem> {
    let status = answer.status();
    if !status.is_client_error() && !status.is_server_error() {
        return None;
    }
    let ours = answer.response().error().and_then(|error| error.as_error::<Problem>()).cloned();
    let rendered = answer.headers().get(header::CONTENT_TYPE);
    match ours {
        None if rendered.is_some_and(|kind| kind == problem::CONTENT_TYPE) => None,
        None => Some(Problem::new(status, general_detail(status))),
        ours => ours,
    }
}

/// For answers that the framework gives: they say what, and nothing of how we are built.
fn general_detail(status: StatusCode) -> &'static str {
    match status.as_u16() {
        404 => "there is nothing at this address",
        405 => "this address does not take this method",
        500.. => "the request failed through no fault of its own; send it again",
        _ => "the request can't be read",
    }
}

/// What is counted of requests, looked up once: by name and label that takes as long as to judge a small event.
struct Metrics {
    answered: [OnceLock<Counter>; STATUSES],
    duration: Histogram,
}

/// How many statuses there are: those from 100 to 999.
const STATUSES: usize = 900;

static METRICS: LazyLock<Metrics> = LazyLock::new(|| {
    // What is looked up before the recorder is there counts nothing, for ever.
    telemetry::metrics::handle();
    let duration = histogram!("eye_http_request_duration_seconds");
    Metrics { answered: [const { OnceLock::new() }; STATUSES], duration }
});

impl Metrics {
    fn count(&self, status: StatusCode, duration: Duration) {
        let look_up = || counter!("eye_http_requests_total", "status" => status.as_str().to_owned());
        if let Some(answered) = self.answered.get(usize::from(status.as_u16()).wrapping_sub(100)) {
            answered.get_or_init(look_up).increment(1);
        }
        self.duration.record(duration.as_secs_f64());
    }
}

fn record(answer: &ServiceResponse<BoxBody>, context: &Context, started: Instant) {
    let request = answer.request();
    let status = answer.status().as_u16();
    let duration = started.elapsed();
    METRICS.count(answer.status(), duration);
    let sender = request.extensions().get::<Sender>().map(|sender| sender.0.get());
    tracing::info!(
        request_id = %context.request_id,
        trace_id = %context.trace.id(),
        method = %request.method(),
        route = request.match_pattern().as_deref().unwrap_or("none"),
        status,
        duration_ms = duration.as_secs_f64() * 1_000.0,
        application = sender,
        "answered"
    );
    if traces::records(&context.trace) {
        traces::record(span(answer, context, sender, started));
    }
}

/// The request as a step of its trace, by OpenTelemetry's conventions for HTTP.
fn span(answer: &ServiceResponse<BoxBody>, context: &Context, sender: Option<i32>, started: Instant) -> Span {
    let (request, status) = (answer.request(), answer.status());
    let ended = SystemTime::now();
    let (method, route) = (request.method().as_str(), request.match_pattern().unwrap_or_default());
    let mut attributes = vec![
        KeyValue::new("http.request.method", method.to_owned()),
        KeyValue::new("http.route", route.clone()),
        KeyValue::new("http.response.status_code", i64::from(status.as_u16())),
        KeyValue::new("eye.request_id", context.request_id.to_string()),
    ];
    attributes.extend(sender.map(|sender| KeyValue::new("eye.application", i64::from(sender))));
    Span {
        name: format!("{method} {route}").trim_end().to_owned().into(),
        kind: SpanKind::Server,
        trace: context.trace,
        began: ended.checked_sub(started.elapsed()).unwrap_or(ended),
        ended,
        attributes,
        failure: status.is_server_error().then(|| status.as_str().to_owned().into()),
    }
}
