//! A request's body: read within its limits, unpacked, and taken apart into events.

mod unpack;

use actix_web::web::{self, Bytes};
use event::body::{BodyError, Format, Part, split};
use metrics::gauge;
use service::body::{Incoming, payload_too_large, too_large, too_slow};
use service::problem::Problem;
use tokio::time::{Instant, timeout_at};

use crate::budget::{Budget, Share};
use crate::media::{Coding, Media};
use crate::settings::Settings;

use unpack::UnpackError;

/// Up to here a plain body is taken apart where it was read; it takes less than moving it to another thread.
const PLAIN_BYTES_INLINE_MAX: usize = 32 * 1024;

/// The same for a packed body: a thousandth of its size in memory is what packing reaches.
const PACKED_BYTES_INLINE_MAX: usize = 1024;

/// How many threads a worker has for large bodies. An allocator keeps a part of what each thread has used, so that many
/// threads that unpack one body each would in the end hold the memory of many bodies.
pub(crate) const BLOCKING_THREADS: usize = 1;

/// Reads bodies, with a limit over all requests to the bytes that are held meanwhile. Large ones are taken apart by
/// the server's blocking threads, of which there is one a worker: see [`BLOCKING_THREADS`].
pub(crate) struct Bodies {
    limits: Limits,
    settings: Settings,
    reading: Budget,
}

#[derive(Clone, Copy)]
struct Limits {
    bytes_max: usize,
    events_max: usize,
}

/// The events of a body, still in its bytes.
pub(crate) struct Events {
    pub(crate) body: Bytes,
    pub(crate) parts: Vec<Part>,
}

/// A body that holds no events.
pub(crate) enum Unreadable {
    /// The sender's to mend.
    Refused(Problem),
    /// The operators should see it too: it is no JSON.
    NoJson {
        /// The body, as far as it could be unpacked.
        body: Bytes,
        /// What is wrong with it, and where.
        detail: String,
    },
}

impl From<Problem> for Unreadable {
    fn from(problem: Problem) -> Self {
        Self::Refused(problem)
    }
}

impl From<Unreadable> for Problem {
    fn from(unreadable: Unreadable) -> Self {
        match unreadable {
            Unreadable::Refused(problem) => problem,
            Unreadable::NoJson { detail, .. } => Self::bad_request(detail),
        }
    }
}

/// A body as it came, with its share of the memory for that.
pub(crate) struct Received {
    bytes: Bytes,
    media: Media,
    share: Share,
}

impl Bodies {
    pub(crate) fn new(settings: &Settings) -> Self {
        let limits =
            Limits { bytes_max: settings.body_bytes_max(), events_max: settings.request_events_max() };
        let reading = Budget::new(settings.reading_bytes_max(), gauge!("eye_gateway_reading_bytes"));
        Self { limits, settings: settings.clone(), reading }
    }

    /// Reads a body to its end.
    pub(crate) async fn receive(&self, incoming: &mut Incoming, media: Media) -> Result<Received, Problem> {
        let deadline = Instant::now() + self.settings.body_timeout();
        let mut share = self.reading.share();
        let hold = |bytes| share.grow(bytes).map_err(|_| busy());
        let reading = incoming.read(self.limits.bytes_max, hold);
        let bytes = timeout_at(deadline, reading).await.map_err(|_| too_slow())??;
        Ok(Received { bytes, media, share })
    }

    /// Unpacks a body and takes it apart.
    pub(crate) async fn open(&self, received: Received, deadline: Instant) -> Result<Events, Unreadable> {
        let Received { bytes, media, share } = received;
        let limits = self.limits;
        let inline_max = match media.coding {
            Coding::Identity => PLAIN_BYTES_INLINE_MAX,
            Coding::Gzip | Coding::Zstd => PACKED_BYTES_INLINE_MAX,
        };
        if bytes.len() <= inline_max {
            return open(bytes, media, limits);
        }
        let opening = web::block(move || {
            // Its turn may come when nobody waits for it any more.
            let opened = (Instant::now() < deadline).then(|| open(bytes, media, limits));
            drop(share);
            opened
        });
        match timeout_at(deadline, opening).await {
            Ok(Ok(Some(opened))) => opened,
            Ok(Ok(None) | Err(_)) | Err(_) => Err(busy().into()),
        }
    }
}

fn open(bytes: Bytes, media: Media, limits: Limits) -> Result<Events, Unreadable> {
    let body = match unpack::unpack(bytes.clone(), media.coding, limits.bytes_max) {
        Ok(body) => body,
        Err(UnpackError::TooLarge) => return Err(too_large(limits.bytes_max).into()),
        Err(UnpackError::Corrupt(detail)) => {
            return Err(Unreadable::NoJson { body: bytes, detail: detail.to_owned() });
        }
        Err(UnpackError::NoRoom(error)) => {
            tracing::error!(%error, "there is no memory to unpack a body in");
            return Err(busy().into());
        }
    };
    match split(&body, media.format, limits.events_max) {
        Ok(parts) => Ok(Events { body, parts }),
        Err(error) => Err(unreadable(&error, body, media.format)),
    }
}

fn unreadable(error: &BodyError, body: Bytes, format: Format) -> Unreadable {
    match (error, format) {
        (BodyError::TooMany { .. }, _) => payload_too_large(error.to_string()).into(),
        (BodyError::Syntax { .. }, Format::Json) => {
            Unreadable::NoJson { body, detail: format!("the body is no JSON: {error}") }
        }
        (BodyError::Syntax { .. }, Format::Ndjson) => {
            Unreadable::NoJson { body, detail: format!("a line is no JSON, nothing was accepted: {error}") }
        }
        _ => Problem::bad_request(error.to_string()).into(),
    }
}

fn busy() -> Problem {
    Problem::unavailable("too many bodies are being read; send it again", 1)
}
