//! Spans for an OpenTelemetry collector, over OTLP.
//!
//! A span is recorded when it has ended, with the ids that the request's `traceparent` gave it: they travel in the
//! envelope, and so a consumer's span finds its parent without anything being kept meanwhile. Nobody waits for the
//! collector: spans wait in a bounded queue, a thread exports them, and what finds the queue full is dropped. The metric
//! `eye_traces_spans_total` tells all of it.

mod export;

use std::borrow::Cow;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use metrics::counter;
use opentelemetry_sdk::trace::{BatchSpanProcessor, SpanProcessor};
use serde::Deserialize;
use uuid::Uuid;

use crate::trace::Trace;

pub use opentelemetry::KeyValue;
pub use opentelemetry::trace::SpanKind;

/// How long the end of the process waits for the last spans.
const LAST_SPANS_TIMEOUT: Duration = Duration::from_secs(1);

/// The counter of spans.
const SPANS: &str = "eye_traces_spans_total";

/// The section `[traces]`. Each member stands with its meaning in `defaults.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceSettings {
    otlp_endpoint: String,
    sample_ratio: f64,
    queue_spans_max: usize,
    export_timeout_ms: u64,
}

/// Why traces can't be exported.
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    /// The address is none.
    #[error("traces.otlp_endpoint: expected an address such as http://127.0.0.1:4318: {0}")]
    Endpoint(String),
    /// The share is none.
    #[error("traces.sample_ratio: expected a number from 0 to 1, found {0}")]
    Ratio(f64),
}

/// One step of a trace that has ended.
#[derive(Clone, Debug)]
pub struct Span {
    /// What was done, without what makes each time different.
    pub name: Cow<'static, str>,
    /// Its part in the conversation of services.
    pub kind: SpanKind,
    /// Where it belongs.
    pub trace: Trace,
    /// When it began.
    pub began: SystemTime,
    /// When it ended.
    pub ended: SystemTime,
    /// What else is known of it; names by OpenTelemetry's conventions, or `eye.…`.
    pub attributes: Vec<KeyValue>,
    /// Why it failed; none where it did not.
    pub failure: Option<Cow<'static, str>>,
}

/// The export of this process, as the log and the recorder of metrics are the process's.
static EXPORT: OnceLock<Export> = OnceLock::new();

#[derive(Debug)]
struct Export {
    processor: BatchSpanProcessor,
    sample_ratio: f64,
}

/// Starts the export where the settings name a collector.
///
/// # Errors
/// A setting is of no use.
pub fn start(service: &'static str, settings: &TraceSettings) -> Result<(), TracesError> {
    let sample_ratio = settings.sample_ratio;
    if !(0.0..=1.0).contains(&sample_ratio) {
        return Err(TracesError::Ratio(sample_ratio));
    }
    if settings.otlp_endpoint.is_empty() {
        return Ok(());
    }
    let processor = export::processor(service, settings)?;
    if EXPORT.set(Export { processor, sample_ratio }).is_err() {
        tracing::warn!("traces are exported already: the first settings stay");
    }
    tracing::info!(endpoint = settings.otlp_endpoint, sample_ratio, "exporting traces");
    Ok(())
}

/// Whether a trace that begins with this request is recorded. Without an export it is left to those after us.
pub(crate) fn samples(request_id: Uuid) -> bool {
    EXPORT.get().is_none_or(|export| is_within(request_id, export.sample_ratio))
}

/// Whether a request falls into a share of all requests: its id's random end, taken for a fraction, is below it.
pub fn is_within(request_id: Uuid, ratio: f64) -> bool {
    let random = u32::try_from(request_id.as_u128() & u128::from(u32::MAX)).unwrap_or(u32::MAX);
    f64::from(random) / (f64::from(u32::MAX) + 1.0) < ratio
}

/// Whether a span of this trace would be exported: asked before one is made.
pub fn records(trace: &Trace) -> bool {
    trace.is_sampled() && EXPORT.get().is_some()
}

/// Hands a span to the export, and never waits.
pub fn record(span: Span) {
    let Some(export) = EXPORT.get().filter(|_| span.trace.is_sampled()) else { return };
    counter!(SPANS, "outcome" => "recorded").increment(1);
    export.processor.on_end(export::data(span));
}

/// Exports what waits, as far as the collector takes it in time.
pub(crate) fn finish() {
    if let Some(Err(error)) = EXPORT.get().map(|e| e.processor.shutdown_with_timeout(LAST_SPANS_TIMEOUT)) {
        tracing::warn!(%error, "the last traces were not exported");
    }
}
