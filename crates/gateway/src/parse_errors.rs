//! Tells the operators of bodies that were no JSON: best effort, bounded, and behind the sender's back.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use broker::envelope::{Builder, Carried, RequestContext, Source};
use broker::{Message, Publisher};
use event::{ApplicationId, EventId};
use metrics::counter;
use service::keys::ApiKey;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::rate_limit::RateLimits;
use crate::receipt_clock::ReceiptClock;
use crate::settings::Settings;

/// How many reports may be on their way; each holds no more than `parse_error_bytes_max`.
const IN_FLIGHT_MAX: usize = 64;

/// How long a report may take.
const TIMEOUT: Duration = Duration::from_secs(4);

/// Sends reports through the queue, as far as they are not too many.
pub(crate) struct ParseErrors {
    publisher: Publisher,
    source: Source,
    clock: Arc<ReceiptClock>,
    rates: RateLimits<ApplicationId>,
    per_second_max: NonZeroU32,
    bytes_max: usize,
    places: Arc<Semaphore>,
    /// Handlers live on threads that stop first; reports do not.
    runtime: Handle,
}

impl ParseErrors {
    /// Called within the runtime that outlives the handlers.
    pub(crate) fn new(
        publisher: Publisher,
        source: Source,
        clock: Arc<ReceiptClock>,
        settings: &Settings,
    ) -> Self {
        Self {
            publisher,
            source,
            clock,
            rates: RateLimits::default(),
            per_second_max: settings.parse_errors_per_second_max(),
            bytes_max: settings.parse_error_bytes_max(),
            places: Arc::new(Semaphore::new(IN_FLIGHT_MAX)),
            runtime: Handle::current(),
        }
    }

    /// Hands a report over, or counts that it was left out.
    pub(crate) fn report(
        &self,
        application: ApplicationId,
        context: &RequestContext,
        detail: &str,
        body: &[u8],
    ) {
        counter!("eye_gateway_parse_errors_total").increment(1);
        let now = std::time::Instant::now();
        let admitted = self.rates.admit(application, self.per_second_max, 1, now).ok();
        let place = admitted.and_then(|()| Arc::clone(&self.places).try_acquire_owned().ok());
        let Some(place) = place else {
            counter!("eye_gateway_parse_errors_unreported_total").increment(1);
            return;
        };
        let message = self.message(application, context, detail, body);
        let publisher = self.publisher.clone();
        self.runtime.spawn(async move {
            if let Err(error) = publisher.publish(message, Instant::now() + TIMEOUT).await {
                counter!("eye_gateway_parse_errors_unreported_total").increment(1);
                tracing::debug!(%error, "a parse error was not reported");
            }
            drop(place);
        });
    }

    fn message(
        &self,
        application: ApplicationId,
        context: &RequestContext,
        detail: &str,
        body: &[u8],
    ) -> Message {
        // SDKs have their key in the body, and operators need not see it.
        let shown = ApiKey::masked(&body[..body.len().min(self.bytes_max)]);
        let rejected = Carried {
            id: EventId::fresh(),
            received_at: self.clock.receive(1).of(0),
            bytes: &shown,
            request: 0,
        };
        Builder::parse_error(self.source.clone(), application, context, detail, &rejected)
    }
}
