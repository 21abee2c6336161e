//! What is held of answers until their clients have taken them.
//!
//! An answer is held from before it is asked for until its client has taken the last part of it, and clients may be slow.
//! So whoever may ask for a page reserves what the largest one may hold, gives back what the answer has less, and the rest
//! with its last part. Where too much is held, requests wait a moment and are refused then: so memory is bounded by what is
//! held, and not by how many ask. What is larger than a page (a verdict on many events) waits for as much more.
//!
//! Streams and exports hold a few parts at most, whatever they are asked for, and reserve nothing.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::body::{BodySize, BoxBody, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::web::{Bytes, Data};
use actix_web::{Error, HttpMessage as _, HttpRequest, HttpResponse};
use anyhow::ensure;
use service::problem::Problem;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::ask::refused;
use crate::settings::QuerySettings;

/// In what room is counted.
const UNIT_BYTES: usize = 1_024;

/// What a connection is given at once, and what needs no room.
const PART_BYTES: usize = 64 * 1_024;

/// How long a request waits for answers to be taken before it is answered 503.
const WAIT_PATIENCE: Duration = Duration::from_secs(3);

/// The room that answers have together.
pub(crate) struct Answers {
    room: Arc<Semaphore>,
    /// In units: what a page reserves.
    page: usize,
}

/// The room of an answer that is asked for; among the extensions of its request.
struct Reserved(OwnedSemaphorePermit);

impl Answers {
    /// # Errors
    /// A page has no room.
    pub(crate) fn new(settings: &QuerySettings) -> anyhow::Result<Self> {
        let QuerySettings { answers_bytes_max, page_bytes_max, .. } = *settings;
        ensure!(
            answers_bytes_max >= page_bytes_max,
            "query.answers_bytes_max: expected at least query.page_bytes_max = {page_bytes_max}, found {answers_bytes_max}"
        );
        let units = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX).div_ceil(UNIT_BYTES);
        let room = units(answers_bytes_max).clamp(1, Semaphore::MAX_PERMITS);
        Ok(Self { room: Arc::new(Semaphore::new(room)), page: units(page_bytes_max).clamp(1, room) })
    }

    /// Reserves the room of a page for the answer to a request.
    pub(crate) async fn reserve(request: &HttpRequest) -> Result<(), Problem> {
        let Some(answers) = request.app_data::<Data<Self>>() else { return Ok(()) };
        let room = answers.take(answers.page).await?;
        request.extensions_mut().insert(Reserved(room));
        Ok(())
    }

    async fn take(&self, units: usize) -> Result<OwnedSemaphorePermit, Problem> {
        let units = u32::try_from(units).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).acquire_many_owned(units);
        match timeout(WAIT_PATIENCE, room).await {
            Ok(Ok(room)) => Ok(room),
            _ => Err(refused("held", "too many answers wait to be taken at the moment")),
        }
    }

    /// As much room as an answer needs: more than it reserved, or less.
    async fn fit(
        &self,
        answer: &Bytes,
        reserved: Option<Reserved>,
    ) -> Result<Option<OwnedSemaphorePermit>, Problem> {
        if answer.len() <= PART_BYTES {
            return Ok(None);
        }
        let needed = answer.len().div_ceil(UNIT_BYTES);
        let Some(Reserved(mut room)) = reserved else { return self.take(needed).await.map(Some) };
        match needed.checked_sub(room.num_permits()) {
            Some(more) => room.merge(self.take(more).await?),
            None => drop(room.split(room.num_permits() - needed)),
        }
        Ok(Some(room))
    }
}

/// The middleware that has answers held within their room.
pub(crate) async fn hold(
    answers: Data<Answers>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<EitherBody<BoxBody, Held>>, Error> {
    let (request, answer) = next.call(request).await?.into_parts();
    let reserved = request.extensions_mut().remove::<Reserved>();
    let (answer, body) = answer.into_parts();
    let answer = match body.try_into_bytes() {
        Ok(rest) => match answers.fit(&rest, reserved).await {
            Ok(room) => answer.set_body(Held { rest, room }).map_into_right_body(),
            Err(problem) => HttpResponse::from_error(problem).map_into_left_body(),
        },
        Err(stream) => answer.set_body(stream.boxed()).map_into_left_body(),
    };
    Ok(ServiceResponse::new(request, answer))
}

/// A body that is held until it is taken, part by part.
pub(crate) struct Held {
    rest: Bytes,
    room: Option<OwnedSemaphorePermit>,
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
            this.room = None;
            return Poll::Ready(None);
        }
        let part = this.rest.split_to(this.rest.len().min(PART_BYTES));
        Poll::Ready(Some(Ok(part)))
    }
}
