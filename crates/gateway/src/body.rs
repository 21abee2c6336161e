//! A request's body: read within its limits, unpacked, and handed to whoever knows its format.

mod unpack;

use actix_web::web::{self, Bytes};
use event::body::Part;
use metrics::gauge;
use service::body::{Incoming, too_large, too_slow};
use service::problem::Problem;
use tokio::time::{Instant, timeout_at};

use crate::budget::{Budget, Share};
use crate::media::Coding;
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
    settings: Settings,
    reading: Budget,
    /// For those of whom nobody knows yet who they are: they take no room away from others.
    of_strangers: Budget,
}

/// Who sends a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Party {
    /// Somebody whose key is good.
    Sender,
    /// Nobody knows: the key may stand in the body.
    Stranger,
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
    /// As many it may have unpacked.
    bytes_max: usize,
    coding: Coding,
    share: Share,
}

impl Bodies {
    pub(crate) fn new(settings: &Settings) -> Self {
        let reading = Budget::new(settings.reading_bytes_max(), gauge!("eye_gateway_reading_bytes"));
        let gauge = gauge!("eye_gateway_strangers_reading_bytes");
        let of_strangers = Budget::new(settings.strangers_reading_bytes_max(), gauge);
        Self { settings: settings.clone(), reading, of_strangers }
    }

    /// Reads a body to its end.
    pub(crate) async fn receive(
        &self,
        incoming: &mut Incoming,
        coding: Coding,
        from: Party,
    ) -> Result<Received, Problem> {
        let deadline = Instant::now() + self.settings.body_timeout();
        let (budget, bytes_max) = match from {
            Party::Sender => (&self.reading, self.settings.body_bytes_max()),
            Party::Stranger => (&self.of_strangers, self.settings.strangers_body_bytes_max()),
        };
        let mut share = budget.share();
        let hold = |bytes| share.grow(bytes).map_err(|_| busy());
        let reading = incoming.read(bytes_max, hold);
        let bytes = timeout_at(deadline, reading).await.map_err(|_| too_slow())??;
        Ok(Received { bytes, bytes_max, coding, share })
    }

    /// Unpacks a body and has it read. The share of the memory goes on to whoever keeps the body.
    pub(crate) async fn open<T: Send + 'static>(
        &self,
        received: Received,
        deadline: Instant,
        read: impl FnOnce(Bytes) -> Result<T, Unreadable> + Send + 'static,
    ) -> Result<(T, Share), Unreadable> {
        let Received { bytes, bytes_max, coding, share } = received;
        let inline_max = match coding {
            Coding::Identity => PLAIN_BYTES_INLINE_MAX,
            Coding::Gzip | Coding::Zstd => PACKED_BYTES_INLINE_MAX,
        };
        let is_small = bytes.len() <= inline_max;
        work(is_small, share, deadline, move || read(unpacked(bytes, coding, bytes_max)?)).await
    }
}

/// A body that was opened goes on to be in memory: it is counted as large as it is unpacked.
pub(crate) fn hold(share: &mut Share, body: &Bytes) -> Result<(), Unreadable> {
    Ok(share.grow(body.len()).map_err(|_| busy())?)
}

/// Goes on with a body that was opened, for longer than its reader took.
pub(crate) async fn go_on<T: Send + 'static>(
    body: &Bytes,
    share: Share,
    deadline: Instant,
    read: impl FnOnce() -> Result<T, Unreadable> + Send + 'static,
) -> Result<T, Unreadable> {
    Ok(work(body.len() <= PLAIN_BYTES_INLINE_MAX, share, deadline, read).await?.0)
}

/// Does small work at once, and what takes longer where it holds nobody up.
async fn work<T: Send + 'static>(
    is_small: bool,
    share: Share,
    deadline: Instant,
    work: impl FnOnce() -> Result<T, Unreadable> + Send + 'static,
) -> Result<(T, Share), Unreadable> {
    if is_small {
        return Ok((work()?, share));
    }
    let working = web::block(move || {
        // Its turn may come when nobody waits for it any more.
        let done = (Instant::now() < deadline).then(work);
        (done, share)
    });
    match timeout_at(deadline, working).await {
        Ok(Ok((Some(done), share))) => Ok((done?, share)),
        Ok(Ok((None, _)) | Err(_)) | Err(_) => Err(busy().into()),
    }
}

fn unpacked(bytes: Bytes, coding: Coding, bytes_max: usize) -> Result<Bytes, Unreadable> {
    match unpack::unpack(bytes.clone(), coding, bytes_max) {
        Ok(body) => Ok(body),
        Err(UnpackError::TooLarge) => Err(too_large(bytes_max).into()),
        Err(UnpackError::Corrupt(detail)) => {
            Err(Unreadable::NoJson { body: bytes, detail: detail.to_owned() })
        }
        Err(UnpackError::NoRoom(error)) => {
            tracing::error!(%error, "there is no memory to unpack a body in");
            Err(busy().into())
        }
    }
}

/// 503: there is no room, or no time, to read it now.
pub(crate) fn busy() -> Problem {
    Problem::unavailable("too many bodies are being read; send it again", 1)
}
