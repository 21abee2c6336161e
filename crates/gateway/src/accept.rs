//! What it takes to accept events, whatever the format in which they come: the steps that all formats share.

use std::num::NonZeroU32;
use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::header::ORIGIN;
use actix_web::web::Bytes;
use broker::envelope::RequestContext;
use event::ApplicationId;
use event::body::Part;
use metrics::counter;
use service::body::{Incoming, payload_too_large};
use service::crash;
use service::keys::{ApiKey, Caller, KeyDigest, KeyError, KeyRing, Scope};
use service::problem::Problem;
use service::request::Context;
use tokio::time::Instant;

use crate::body::{Bodies, Events, Party, Unreadable};
use crate::media::Coding;
use crate::outbox::{Outbox, OutboxError, Submission};
use crate::parse_errors::ParseErrors;
use crate::per_application::PerApplication;
use crate::rate_limit::{Exceeded, RateLimits};
use crate::receipt_clock::ReceiptClock;
use crate::settings::Settings;

/// The longest origin that is told back.
const ORIGIN_BYTES_MAX: usize = 255;

/// How many events a page may send at once, however few its key may send a second: a batch of the snippet.
const PAGE_EVENTS_MAX: usize = 50;

/// What it takes to accept events.
pub(crate) struct Gateway {
    pub(crate) settings: Settings,
    pub(crate) keys: Arc<KeyRing>,
    pub(crate) bodies: Bodies,
    pub(crate) rates: RateLimits<ApplicationId>,
    pub(crate) browser_rates: RateLimits<KeyDigest>,
    pub(crate) clock: Arc<ReceiptClock>,
    pub(crate) outbox: Outbox,
    pub(crate) parse_errors: ParseErrors,
    pub(crate) accepted: PerApplication,
}

/// Events answered 202, or 200 where the format has it so.
pub(crate) fn accepted() -> PerApplication {
    PerApplication::new(
        |application| counter!("eye_gateway_events_accepted_total", "application" => application),
    )
}

impl Gateway {
    /// Who sends, by the key in the header.
    pub(crate) async fn sender(&self, request: &HttpRequest) -> Result<Caller, Problem> {
        self.keys.authorize(request, Scope::Write).await.map_err(|error| refused(request, error))
    }

    /// The same by a key that stood elsewhere.
    pub(crate) async fn sender_by(&self, request: &HttpRequest, key: &ApiKey) -> Result<Caller, Problem> {
        self.keys.authorize_key(request, key, Scope::Write).await.map_err(|error| refused(request, error))
    }

    /// The problem of a body that can't be read, once the operators are told of it.
    pub(crate) fn refuse(&self, unreadable: Unreadable, caller: &Caller, context: &Context) -> Problem {
        if let Unreadable::NoJson { body, detail } = &unreadable {
            self.parse_errors.report(caller.application, &carried(context), detail, body);
        }
        unreadable.into()
    }

    /// Reads a body to its end, has it taken apart, and publishes its events. Whatever it takes, the answer is there within the publish
    /// timeout after the body's last byte.
    pub(crate) async fn take(
        &self,
        incoming: &mut Incoming,
        coding: Coding,
        caller: &Caller,
        context: &Context,
        take_apart: impl FnOnce(Bytes) -> Result<Events, Unreadable> + Send + 'static,
    ) -> Result<Arc<Vec<Part>>, Problem> {
        let received = self.bodies.receive(incoming, coding, Party::Sender).await?;
        let deadline = Instant::now() + self.settings.publish_timeout();
        let opened = self.bodies.open(received, deadline, take_apart).await;
        let (events, _) = opened.map_err(|unreadable| self.refuse(unreadable, caller, context))?;
        self.publish(caller, context, events, deadline).await
    }

    /// Publishes the events of a request, given that they are not too many; they are given back in the order sent, once the
    /// broker has confirmed each of them.
    pub(crate) async fn publish(
        &self,
        caller: &Caller,
        context: &Context,
        events: Events,
        deadline: Instant,
    ) -> Result<Arc<Vec<Part>>, Problem> {
        self.admit(caller, events.parts.len())?;
        let parts = Arc::new(events.parts);
        let submission = Submission {
            application: caller.application,
            application_name: Arc::clone(&caller.application_name),
            context: carried(context),
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

    /// Everybody who sees a page can use its key: such keys have a limit of their own, and take nothing of what their application's
    /// servers may send.
    fn admit(&self, caller: &Caller, events: usize) -> Result<(), Problem> {
        let now = std::time::Instant::now();
        let of_application = caller.events_per_second_max.and_then(NonZeroU32::new);
        if let Some(browser) = &caller.browser {
            let given = browser.events_per_second_max.and_then(NonZeroU32::new);
            let own = given.unwrap_or(self.settings.browser_events_per_second_max());
            let per_second_max = of_application.map_or(own, |limit| limit.min(own));
            check_page(events, per_second_max)?;
            let admitted = self.browser_rates.admit(caller.key, per_second_max, events, now);
            return admitted.map_err(|exceeded| too_many(caller, "this key", per_second_max, exceeded));
        }
        let Some(per_second_max) = of_application else { return Ok(()) };
        let admitted = self.rates.admit(caller.application, per_second_max, events, now);
        admitted.map_err(|exceeded| too_many(caller, "the application", per_second_max, exceeded))
    }
}

/// What one page sends at once is charged to all of them: more than a second's, or than the snippet's batches, is no page's.
fn check_page(events: usize, per_second_max: NonZeroU32) -> Result<(), Problem> {
    let max = usize::try_from(per_second_max.get()).unwrap_or(usize::MAX).max(PAGE_EVENTS_MAX);
    if events <= max {
        return Ok(());
    }
    Err(payload_too_large(format!("expected at most {max} events in a page's request, found {events}")))
}

/// Why a request is not let in; with the origin, where that was the fault: whoever looks at the page's console can tell it to whoever
/// makes keys.
fn refused(request: &HttpRequest, error: KeyError) -> Problem {
    if error != KeyError::Origin {
        return error.into();
    }
    let mut origins = request.headers().get_all(ORIGIN).map(|origin| origin.to_str().unwrap_or("?"));
    let detail = match (origins.next(), origins.next()) {
        (None, _) => {
            "this key is for web pages, and the request names no origin: a program needs a key that is made \
                      with --scope write"
                .to_owned()
        }
        (Some("null"), None) => {
            "this key sends from pages of its origins only, and this page has none: a file, or a frame \
                                 that is closed off; serve it over http"
                .to_owned()
        }
        (Some(origin), None) if origin.len() <= ORIGIN_BYTES_MAX => format!(
            "this key sends from pages of its origins only, found {origin}: a key for it is made by \
             `eye key create APPLICATION --origin {origin}`"
        ),
        _ => "this key sends from pages of its origins only, found something else than one origin".to_owned(),
    };
    Problem::forbidden(detail)
}

fn too_many(caller: &Caller, whose: &str, per_second_max: NonZeroU32, Exceeded(wait): Exceeded) -> Problem {
    counter!("eye_gateway_rate_limited_total", "application" => caller.application_name.to_string())
        .increment(1);
    // Whole seconds, and never a moment too early.
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let detail = format!("over the limit of {per_second_max} events a second of {whose}");
    Problem::too_many_requests(detail, seconds.max(1))
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
