//! `POST /api/events`: the checks in the order of the contract, then the events into the outbox, then the answer.

use std::num::NonZeroU32;
use std::sync::Arc;

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use broker::envelope::RequestContext;
use event::EventId;
use event::body::Part;
use metrics::counter;
use serde::Serialize;
use service::body::Incoming;
use service::crash;
use service::keys::{Caller, KeyRing, Scope};
use service::problem::Problem;
use service::request::Context;
use tokio::time::Instant;

use crate::body::{Bodies, Events, Received, Unreadable};
use crate::media::Media;
use crate::outbox::{Outbox, OutboxError, Submission};
use crate::parse_errors::ParseErrors;
use crate::per_application::PerApplication;
use crate::rate_limit::{Exceeded, RateLimits};
use crate::receipt_clock::ReceiptClock;
use crate::settings::Settings;

/// What it takes to accept events.
pub(crate) struct Gateway {
    pub(crate) settings: Settings,
    pub(crate) keys: Arc<KeyRing>,
    pub(crate) bodies: Bodies,
    pub(crate) rates: RateLimits,
    pub(crate) clock: Arc<ReceiptClock>,
    pub(crate) outbox: Outbox,
    pub(crate) parse_errors: ParseErrors,
    pub(crate) accepted: PerApplication,
}

/// Events answered 202.
pub(crate) fn accepted() -> PerApplication {
    PerApplication::new(
        |application| counter!("eye_gateway_events_accepted_total", "application" => application),
    )
}

/// The handler.
pub(crate) async fn submit(
    request: HttpRequest,
    context: Context,
    payload: Payload,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Problem> {
    let mut incoming = Incoming::new(payload, request.headers());
    let accepted = gateway.accept(&request, &context, &mut incoming).await;
    incoming.release();
    accepted.map(|parts| answer(&parts))
}

impl Gateway {
    /// The accepted events, in the order sent. Whatever it takes, the answer is there within the publish timeout after
    /// the body's last byte.
    async fn accept(
        &self,
        request: &HttpRequest,
        context: &Context,
        incoming: &mut Incoming,
    ) -> Result<Arc<Vec<Part>>, Problem> {
        let caller = self.keys.authorize(request, Scope::Write).await?;
        let media = Media::of(request.headers())?;
        let received = self.bodies.receive(incoming, media).await?;
        let deadline = Instant::now() + self.settings.publish_timeout();
        let context = carried(context);
        let events = self.open(received, deadline, &caller, &context).await?;
        self.admit(&caller, events.parts.len())?;

        let parts = Arc::new(events.parts);
        let submission = Submission {
            application: caller.application,
            application_name: Arc::clone(&caller.application_name),
            context,
            body: events.body,
            parts: Arc::clone(&parts),
            receipts: self.clock.receive(parts.len()),
            deadline,
        };
        self.outbox.submit(submission).await.map_err(unavailable)?;
        crash::point("after_confirm");
        self.accepted.increment(&caller.application_name, parts.len());
        Ok(parts)
    }

    async fn open(
        &self,
        received: Received,
        deadline: Instant,
        caller: &Caller,
        context: &RequestContext,
    ) -> Result<Events, Problem> {
        self.bodies.open(received, deadline).await.map_err(|unreadable| {
            if let Unreadable::NoJson { body, detail } = &unreadable {
                self.parse_errors.report(caller.application, context, detail, body);
            }
            unreadable.into()
        })
    }

    fn admit(&self, caller: &Caller, events: usize) -> Result<(), Problem> {
        let Some(per_second_max) = caller.events_per_second_max.and_then(NonZeroU32::new) else {
            return Ok(());
        };
        let now = std::time::Instant::now();
        self.rates.admit(caller.application, per_second_max, events, now).map_err(|Exceeded(wait)| {
            counter!("eye_gateway_rate_limited_total", "application" => caller.application_name.to_string())
                .increment(1);
            // Whole seconds, and never a moment too early.
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            let detail = format!("over the limit of {per_second_max} events a second");
            Problem::too_many_requests(detail, seconds.max(1))
        })
    }
}

/// What goes with the events of the request's identity.
fn carried(context: &Context) -> RequestContext {
    RequestContext {
        request_id: context.request_id().to_string(),
        traceparent: Some(context.trace().traceparent()),
    }
}

fn unavailable(error: OutboxError) -> Problem {
    Problem::unavailable(format!("{error}; send them again, with the same ids"), 1)
}

fn answer(parts: &[Part]) -> HttpResponse {
    let ids = parts.iter().map(|part| part.id).collect();
    HttpResponse::Accepted().json(Accepted { accepted: parts.len(), ids })
}

/// The body of a 202.
#[derive(Serialize)]
struct Accepted {
    accepted: usize,
    /// In the order sent.
    ids: Vec<EventId>,
}
