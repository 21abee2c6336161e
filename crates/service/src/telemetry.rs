//! Logs as JSON lines to stderr, and the recorder of metrics.

pub mod metrics;
mod writer;

use serde::Deserialize;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

pub use writer::Telemetry;

/// The section `[log]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogSettings {
    /// Which records are written, as [`EnvFilter`] reads it.
    pub filter: String,
    /// How a record is written.
    pub format: LogFormat,
}

/// How a log record is written.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// Why telemetry can't start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// `log.filter` is no filter.
    #[error("log.filter: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// The process has telemetry already.
    #[error(transparent)]
    Twice(#[from] TryInitError),
    /// The thread that writes the log could not be started.
    #[error("cannot start the log's thread")]
    Thread(#[source] std::io::Error),
}

/// What is never logged, whatever the filter says: lapin quotes messages that are returned, with the events in them;
/// actix-http reports each client that can't speak HTTP as an error, which nobody can mend.
const SILENT: [&str; 2] = ["lapin", "actix_http"];

/// Starts the log and the recorder of metrics. Keep what it returns until the process ends: dropping it writes what
/// is left of the log.
///
/// # Errors
/// The filter can't be read, or the process has a log already.
pub fn init(service: &str, settings: &LogSettings) -> Result<Telemetry, TelemetryError> {
    let filter = EnvFilter::try_new(&settings.filter)?;
    let (telemetry, lines) = Telemetry::start().map_err(TelemetryError::Thread)?;
    let audible = filter_fn(|record| !SILENT.iter().any(|target| record.target().starts_with(target)));
    let registry = tracing_subscriber::registry().with(filter).with(audible);
    let layer = tracing_subscriber::fmt::layer().with_writer(lines);
    match settings.format {
        LogFormat::Json => {
            registry.with(layer.json().flatten_event(true).with_span_list(false)).try_init()?
        }
        LogFormat::Text => registry.with(layer.with_ansi(false)).try_init()?,
    }
    metrics::handle();
    tracing::info!(service, version = env!("CARGO_PKG_VERSION"), process = std::process::id(), "starting");
    Ok(telemetry)
}
