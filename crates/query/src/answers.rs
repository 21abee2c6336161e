//! What is held of answers until their clients have taken them.
//!
//! An answer is held from before it is asked for until its client has taken the last part of it, and clients may be slow.
//! So each request reserves what the largest page may hold, gives back what its answer has less, and the rest with its last
//! part. Where too much is held, requests wait a moment and are refused then: memory stays bounded, whoever asks.
//!
//! Streams and exports hold a few parts at most, whatever they are asked for: they give all back as they begin.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::Error;
use actix_web::body::{BodySize, BoxBody, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::web::{Bytes, Data};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::ask::refused;
use crate::settings::QuerySettings;

/// In what room is counted.
const UNIT_BYTES: usize = 1_024;

/// What the connection is given at once.
const PART_BYTES: usize = 64 * 1_024;

/// How long a request waits for answers to be taken before it is answered 503.
const WAIT_PATIENCE: Duration = Duration::from_secs(3);

/// The room that answers have together.
pub(crate) struct Answers {
    room: Arc<Semaphore>,
    /// In units: what a request reserves.
    largest: u32,
}

impl Answers {
    pub(crate) fn new(settings: &QuerySettings) -> Self {
        let units = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX).div_ceil(UNIT_BYTES);
        let largest = units(settings.page_bytes_max).clamp(1, Semaphore::MAX_PERMITS);
        let room = units(settings.answers_bytes_max).clamp(largest, Semaphore::MAX_PERMITS);
        Self { room: Arc::new(Semaphore::new(room)), largest: u32::try_from(largest).unwrap_or(u32::MAX) }
    }

    async fn reserve(&self) -> Option<OwnedSemaphorePermit> {
        let room = Arc::clone(&self.room).acquire_many_owned(self.largest);
        timeout(WAIT_PATIENCE, room).await.ok()?.ok()
    }
}

/// The middleware that has each answer held within the room of all.
pub(crate) async fn hold(
    answers: Data<Answers>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<EitherBody<BoxBody, Held>>, Error> {
    let Some(room) = answers.reserve().await else {
        let problem = refused("held", "too many answers wait to be taken at the moment");
        return Ok(request.error_response(problem).map_into_left_body());
    };
    let (request, answer) = next.call(request).await?.into_parts();
    let (answer, body) = answer.into_parts();
    let answer = match body.try_into_bytes() {
        Ok(rest) => answer.set_body(Held::new(rest, room)).map_into_right_body(),
        Err(stream) => answer.set_body(stream.boxed()).map_into_left_body(),
    };
    Ok(ServiceResponse::new(request, answer))
}

/// A body that is held until it is taken, part by part.
pub(crate) struct Held {
    rest: Bytes,
    room: OwnedSemaphorePermit,
}

impl Held {
    fn new(rest: Bytes, mut room: OwnedSemaphorePermit) -> Self {
        let units = rest.len().div_ceil(UNIT_BYTES);
        drop(room.num_permits().checked_sub(units).and_then(|surplus| room.split(surplus)));
        Self { rest, room }
    }
}

impl MessageBody for Held {
    type Error = std::convert::Infallible;

    fn size(&self) -> BodySize {
        self.rest.size()
    }

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = self.get_mut();
        if this.rest.is_empty() {
            // The last part is taken.
            drop(this.room.split(this.room.num_permits()));
            return Poll::Ready(None);
        }
        let part = this.rest.split_to(this.rest.len().min(PART_BYTES));
        Poll::Ready(Some(Ok(part)))
    }
}
