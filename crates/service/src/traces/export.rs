//! How spans get to the collector: the only file that knows OpenTelemetry's types beyond names.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use metrics::counter;
use opentelemetry::InstrumentationScope;
use opentelemetry::trace::{SpanContext, SpanId, Status, TraceFlags, TraceId, TraceState};
use opentelemetry_otlp::{SpanExporter as OtlpExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, SpanData, SpanEvents, SpanExporter, SpanLinks, SpanProcessor,
};

use super::{KeyValue, SPANS, Span, TraceSettings, TracesError};

/// Where a collector takes traces, below its address.
const PATH: &str = "/v1/traces";

/// The most spans of one export, and how long they wait for each other.
const EXPORT_SPANS_MAX: usize = 512;
const EXPORT_INTERVAL: Duration = Duration::from_secs(1);

/// The queue and the thread that empties it.
pub(super) fn processor(
    service: &'static str,
    settings: &TraceSettings,
) -> Result<BatchSpanProcessor, TracesError> {
    let endpoint = format!("{}{PATH}", settings.otlp_endpoint.trim_end_matches('/'));
    let exporter = OtlpExporter::builder()
        .with_http()
        .with_endpoint(endpoint)
        .with_timeout(Duration::from_millis(settings.export_timeout_ms))
        .build()
        .map_err(|error| TracesError::Endpoint(error.to_string()))?;
    let batches = BatchConfigBuilder::default()
        .with_max_queue_size(settings.queue_spans_max.max(1))
        .with_max_export_batch_size(EXPORT_SPANS_MAX.min(settings.queue_spans_max.max(1)))
        .with_scheduled_delay(EXPORT_INTERVAL)
        .build();
    let mut processor =
        BatchSpanProcessor::builder(Counted::new(exporter)).with_batch_config(batches).build();
    let instance = std::process::id().to_string();
    let resource = Resource::builder()
        .with_service_name(service)
        .with_attributes([
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("process.pid", instance),
        ])
        .build();
    processor.set_resource(&resource);
    Ok(processor)
}

/// The span as OpenTelemetry has it.
pub(super) fn data(span: Span) -> SpanData {
    let Span { name, kind, trace, began, ended, attributes, failure } = span;
    let (span_id, parent) = trace.span_ids();
    SpanData {
        span_context: SpanContext::new(
            TraceId::from(trace.number()),
            SpanId::from(span_id),
            TraceFlags::SAMPLED,
            false,
            TraceState::default(),
        ),
        parent_span_id: parent.map_or(SpanId::INVALID, SpanId::from),
        parent_span_is_remote: parent.is_some(),
        span_kind: kind,
        name,
        start_time: began,
        end_time: ended,
        attributes,
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: failure.map_or(Status::Unset, Status::error),
        instrumentation_scope: InstrumentationScope::builder("eye").build(),
    }
}

/// An exporter whose successes and failures are counted, and whose outages are logged twice: when they begin and end.
#[derive(Debug)]
struct Counted {
    exporter: OtlpExporter,
    away: AtomicBool,
}

impl Counted {
    const fn new(exporter: OtlpExporter) -> Self {
        Self { exporter, away: AtomicBool::new(false) }
    }

    fn note(&self, spans: u64, outcome: &OTelSdkResult) {
        let was_away = self.away.swap(outcome.is_err(), Ordering::Relaxed);
        match outcome {
            Ok(()) => {
                counter!(SPANS, "outcome" => "exported").increment(spans);
                if was_away {
                    tracing::info!("traces are exported again");
                }
            }
            Err(error) => {
                counter!(SPANS, "outcome" => "failed").increment(spans);
                if !was_away {
                    tracing::warn!(%error, "the collector takes no traces: spans are dropped until it does");
                }
            }
        }
    }
}

impl SpanExporter for Counted {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len() as u64;
        let outcome = self.exporter.export(batch).await;
        self.note(spans, &outcome);
        outcome
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
