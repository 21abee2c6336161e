//! One message on its way.

use std::ops::Range;
use std::sync::Arc;

use broker::envelope::{Builder, Source};
use broker::{Message, Publisher};
use event::ApplicationId;
use metrics::{counter, histogram};
use tokio::time::Instant;

use super::Pending;

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
    pub(super) async fn fly(self, application: ApplicationId, publisher: Publisher, source: Source) {
        // Who gives up earlier than the last one has its own clock; the message may still be of use to others.
        let Some(deadline) = self.pieces.iter().map(|piece| piece.pending.submission.deadline).max() else {
            return;
        };
        let events: usize = self.pieces.iter().map(|piece| piece.parts.len()).sum();
        let departed = Instant::now();
        let outcome = publisher.publish(self.message(application, source), deadline).await;
        histogram!("eye_outbox_publish_duration_seconds").record(departed.elapsed().as_secs_f64());
        histogram!("eye_outbox_message_events").record(events as f64);
        match outcome {
            Ok(()) => {
                counter!("eye_outbox_confirmed_events_total", "application" => application.to_string())
                    .increment(events as u64);
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

    fn warn(&self, events: usize, error: &broker::PublishError) {
        for Piece { pending, .. } in &self.pieces {
            let context = &pending.submission.context;
            tracing::debug!(request_id = context.request_id, %error, "events were not confirmed");
        }
        tracing::warn!(requests = self.pieces.len(), events, %error, "a message was not confirmed");
    }
}
