//! Logs as JSON lines to stderr, the recorder of metrics, and the export of traces.

pub mod metrics;
mod writer;

use ::metrics::gauge;
use serde::Deserialize;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use crate::settings::{Settings, SettingsError};
use crate::traces::{self, TraceSettings, TracesError};

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
    /// A section of the settings is of no use.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The traces can't be exported as the settings say.
    #[error(transparent)]
    Traces(#[from] TracesError),
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

/// Starts the log, the recorder of metrics and the export of traces, as the sections `log` and `traces` say. Keep what
/// it returns until the process ends: dropping it exports the last traces and writes what is left of the log.
///
/// # Errors
/// A setting is of no use, or the process has a log already.
pub fn init(service: &'static str, settings: &Settings) -> Result<Telemetry, TelemetryError> {
    let traces: TraceSettings = settings.section("traces")?;
    let settings: LogSettings = settings.section("log")?;
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
    gauge!("eye_build_info", "service" => service, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    traces::start(service, &traces)?;
    tracing::info!(service, version = env!("CARGO_PKG_VERSION"), process = std::process::id(), "starting");
    Ok(telemetry)
}
