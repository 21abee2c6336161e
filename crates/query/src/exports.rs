//! Exports: answers without an end in sight, that hold no more in memory than a chunk of them.
//!
//! A task reads chunk by chunk, each on a connection that it gives back, and waits until the client has taken what came
//! before. What ends an export before its end breaks its body off, so that nobody takes a half for the whole.

mod formats;
mod parquet;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::{self, Bytes};
use futures_util::Stream;
use futures_util::stream::poll_fn;
use metrics::{Gauge, counter, gauge};
use service::problem::Problem;
use store::events::{EventFilter, Export};
use store::page::Order;
use store::{Error, Store};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use self::formats::Encoder;
pub(crate) use self::formats::Format;
use crate::ask::problem;
use crate::settings::QuerySettings;

/// How long a client may take for the next part before it is given up.
pub(crate) const STALL_PATIENCE: Duration = Duration::from_secs(30);

/// When a client may ask again where too many exports run, in seconds.
const RETRY_AFTER_S: u64 = 10;

/// Parts that wait for the client, beside the one that is made meanwhile.
const PARTS_WAITING_MAX: usize = 2;

/// Starts exports, so many at once and no more.
pub(crate) struct Exports {
    store: Store,
    places: Arc<Semaphore>,
    duration_max: Duration,
}

/// What the client gets next.
enum Part {
    Bytes(Bytes),
    End,
}

/// The body was broken off. Why is in the log.
#[derive(Debug)]
pub(crate) struct BrokenOff;

/// An export on its way, with its place among those that may run.
struct Running {
    export: Option<Export>,
    encoder: Encoder,
    format: Format,
    _place: OwnedSemaphorePermit,
    _shown: Shown,
}

/// How an export ended.
enum Ending {
    Whole,
    Left,
    Stalled,
    TooLong,
    Failed,
}

impl Exports {
    /// With a pool of its own: exports take no connection from queries.
    pub(crate) fn new(store: Store, settings: &QuerySettings) -> Self {
        let places = usize::try_from(settings.exports_in_flight_max).unwrap_or(Semaphore::MAX_PERMITS);
        let places = Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS)));
        Self { store, places, duration_max: Duration::from_secs(settings.export_duration_max_s) }
    }

    /// Begins an export. What makes it impossible from the start is a problem; from then on the body tells.
    pub(crate) async fn begin(
        &self,
        filter: Option<EventFilter>,
        order: Order,
        format: Format,
    ) -> Result<impl Stream<Item = Result<Bytes, BrokenOff>> + use<>, Problem> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| {
            counter!("eye_query_failures_total", "reason" => "busy").increment(1);
            Problem::unavailable("too many exports run at the moment", RETRY_AFTER_S)
        })?;
        let store = self.store.clone();
        let begun = Instant::now();
        let beginning = web::block(move || {
            let export = filter.map(|filter| store.begin_export(filter, order)).transpose()?;
            let encoder = Encoder::new(format).map_err(|error| unwritable(&error))?;
            let mut running = Running { export, encoder, format, _place: place, _shown: Shown::new() };
            let first = running.next()?;
            Ok((running, first))
        });
        let (running, first) = match beginning.await {
            Ok(Ok(begun)) => begun,
            Ok(Err(error)) => return Err(problem(&error)),
            Err(error) => {
                tracing::error!(%error, "an export's thread ended");
                return Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the export failed"));
            }
        };
        let (sender, parts) = channel(PARTS_WAITING_MAX);
        let deadline = begun + self.duration_max;
        actix_web::rt::spawn(drive(running, first, sender, deadline));
        Ok(body(parts))
    }
}

/// Makes part after part, and hands them over as the client takes them.
async fn drive(running: Running, first: Part, parts: Sender<Part>, deadline: Instant) {
    let format = running.format.as_str();
    let (ending, label) = match send_all(running, first, &parts, deadline).await {
        Ending::Whole => ("whole", None),
        Ending::Left => ("left", None),
        Ending::Stalled => ("stalled", Some("its client stopped reading")),
        Ending::TooLong => ("too_long", Some("it took longer than an export may")),
        Ending::Failed => ("failed", Some("it failed")),
    };
    counter!("eye_query_exports_total", "format" => format, "ending" => ending).increment(1);
    if let Some(reason) = label {
        tracing::warn!(format, reason, "an export was broken off");
    }
}

async fn send_all(mut running: Running, mut part: Part, parts: &Sender<Part>, deadline: Instant) -> Ending {
    loop {
        let is_end = matches!(part, Part::End);
        match timeout(STALL_PATIENCE, parts.send(part)).await {
            Ok(Ok(())) if is_end => return Ending::Whole,
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Ending::Left,
            Err(_) => return Ending::Stalled,
        }
        if Instant::now() >= deadline {
            return Ending::TooLong;
        }
        let making = web::block(move || {
            let next = running.next();
            (running, next)
        });
        (running, part) = match making.await {
            Ok((running, Ok(next))) => (running, next),
            Ok((_, Err(error))) => {
                problem(&error);
                return Ending::Failed;
            }
            Err(error) => {
                tracing::error!(%error, "an export's thread ended");
                return Ending::Failed;
            }
        };
    }
}

impl Running {
    /// The next part that holds anything. A part that is empty is made too, so that whoever waits for it sees whether its
    /// client is still there.
    fn next(&mut self) -> Result<Part, Error> {
        if let Some(export) = &mut self.export {
            if let Some(events) = export.next_chunk()? {
                let count = u64::try_from(events.len()).unwrap_or(u64::MAX);
                let bytes = self.encoder.encode(events).map_err(|error| unwritable(&error))?;
                counter!("eye_query_exported_events_total", "format" => self.format.as_str())
                    .increment(count);
                return Ok(Part::Bytes(bytes.into()));
            }
            self.export = None;
        }
        match self.encoder.finish().map_err(|error| unwritable(&error))? {
            Some(rest) => Ok(Part::Bytes(rest.into())),
            None => Ok(Part::End),
        }
    }
}

/// The body: it ends where the export has ended, and in an error wherever else it stops.
fn body(mut parts: Receiver<Part>) -> impl Stream<Item = Result<Bytes, BrokenOff>> {
    poll_fn(move |context| {
        parts.poll_recv(context).map(|part| match part {
            Some(Part::Bytes(bytes)) => Some(Ok(bytes)),
            Some(Part::End) => None,
            None => Some(Err(BrokenOff)),
        })
    })
}

fn unwritable(error: &anyhow::Error) -> Error {
    Error::Permanent { reason: format!("the export can't be written: {error:#}") }
}

impl fmt::Display for BrokenOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the export was broken off")
    }
}

impl std::error::Error for BrokenOff {}

/// Shows an export as running for as long as it lives.
struct Shown(Gauge);

impl Shown {
    fn new() -> Self {
        let gauge = gauge!("eye_query_exports_in_flight");
        gauge.increment(1);
        Self(gauge)
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.0.decrement(1);
    }
}
