//! One message on its way.

use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;

use broker::envelope::{Builder, Source};
use broker::{Message, PublishError, Publisher};
use event::{ApplicationId, Hour};
use metrics::histogram;
use service::crash;
use service::trace::Trace;
use service::traces::{self, KeyValue, Span, SpanKind};
use tokio::time::Instant;

use super::Pending;
use crate::books::Books;
use crate::per_application::PerApplication;

/// Some of the events of one submission.
pub(super) struct Piece {
    pub(super) pending: Arc<Pending>,
    pub(super) parts: Range<usize>,
}

/// The pieces of one message; never none.
pub(super) struct Flight {
    pieces: Vec<Piece>,
}

impl Flight {
    pub(super) const fn new(pieces: Vec<Piece>) -> Self {
        Self { pieces }
    }

    /// Publishes the message, and tells each submission what became of its events.
    pub(super) async fn fly(
        self,
        application: ApplicationId,
        publisher: &Publisher,
        source: &Source,
        books: &Books,
        confirmed: &PerApplication,
    ) {
        // Who gives up earlier than the last one has its own clock; the message may still be of use to others.
        let Some(deadline) = self.pieces.iter().map(|piece| piece.pending.submission.deadline).max() else {
            return;
        };
        let events: usize = self.pieces.iter().map(|piece| piece.parts.len()).sum();
        let (departed, began) = (Instant::now(), SystemTime::now());
        crash::point("before_publishing");
        let outcome = publisher.publish(self.message(application, source.clone()), deadline).await;
        histogram!("eye_outbox_publish_duration_seconds").record(departed.elapsed().as_secs_f64());
        histogram!("eye_outbox_message_events").record(events as f64);
        self.trace(began, outcome.err());
        match outcome {
            Ok(()) => {
                // All pieces are of one application.
                if let Some(Piece { pending, .. }) = self.pieces.first() {
                    confirmed.increment(&pending.submission.application_name, events);
                }
                books.confirm(application, &self.hours());
                self.pieces.iter().for_each(|piece| piece.pending.receipt.confirm(piece.parts.len()));
            }
            Err(error) => {
                self.warn(events, &error);
                self.pieces.iter().for_each(|piece| piece.pending.receipt.fail(error));
            }
        }
    }

    fn message(&self, application: ApplicationId, source: Source) -> Message {
        let mut builder = Builder::events(source, application);
        for Piece { pending, parts } in &self.pieces {
            let submission = &pending.submission;
            builder.request(&submission.context);
            for index in parts.clone() {
                let part = &submission.parts[index];
                builder.event(part.id, submission.receipts.of(index), &submission.body[part.range.clone()]);
            }
        }
        builder.finish()
    }

    /// How many of the events were received within which hour. Hardly ever there is more than one.
    fn hours(&self) -> Vec<(Hour, u64)> {
        let mut hours: Vec<(Hour, u64)> = Vec::with_capacity(1);
        let mut add = |hour, events| match hours.last_mut() {
            Some((last, sum)) if *last == hour => *sum += events,
            _ => hours.push((hour, events)),
        };
        for Piece { pending, parts } in &self.pieces {
            let hour = |index| pending.submission.receipts.of(index).hour();
            // The times of a request grow.
            if hour(parts.start) == hour(parts.end.saturating_sub(1)) {
                add(hour(parts.start), parts.len() as u64);
            } else {
                parts.clone().for_each(|index| add(hour(index), 1));
            }
        }
        hours
    }

    /// The message as a step of each request's trace.
    fn trace(&self, began: SystemTime, error: Option<PublishError>) {
        for Piece { pending, parts } in &self.pieces {
            let traceparent = pending.submission.context.traceparent.as_deref();
            let Some(request) = traceparent.and_then(Trace::parse).filter(traces::records) else { continue };
            traces::record(Span {
                name: "publish".into(),
                kind: SpanKind::Producer,
                trace: request.step(),
                began,
                ended: SystemTime::now(),
                attributes: vec![
                    KeyValue::new("messaging.system", "rabbitmq"),
                    KeyValue::new("messaging.operation.type", "send"),
                    KeyValue::new("eye.events", i64::try_from(parts.len()).unwrap_or(i64::MAX)),
                ],
                failure: error.map(|error| error.to_string().into()),
            });
        }
    }

    fn warn(&self, events: usize, error: &PublishError) {
        for Piece { pending, .. } in &self.pieces {
            let context = &pending.submission.context;
            tracing::debug!(request_id = context.request_id, %error, "events were not confirmed");
        }
        tracing::warn!(requests = self.pieces.len(), events, %error, "a message was not confirmed");
    }
}
