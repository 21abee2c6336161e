//! Writes envelopes of the current version.

use event::{ApplicationId, EventId, MessageId, ReceivedAt, RunId};
use serde_json::Value;

use super::{Carried, RequestContext, VERSION};
use crate::message::{Headers, Kind, Message};

/// Gathers events of one application into one queue message.
///
/// The header is written as the events come, so that finishing costs one copy, however many they are.
#[derive(Debug)]
pub struct Builder {
    run: RunId,
    application: ApplicationId,
    requests: String,
    request_count: usize,
    entries: String,
    event_count: u32,
    events: Vec<u8>,
    first_received_at: Option<ReceivedAt>,
}

impl Builder {
    /// Begins an envelope of a gateway's run, for an application.
    pub fn events(run: RunId, application: ApplicationId) -> Self {
        Self {
            run,
            application,
            requests: String::new(),
            request_count: 0,
            entries: String::new(),
            event_count: 0,
            events: Vec::new(),
            first_received_at: None,
        }
    }

    /// Tells the request to which the events that follow belong.
    pub fn request(&mut self, context: &RequestContext) {
        let id = Value::from(context.request_id.as_str());
        let traceparent = Value::from(context.traceparent.as_deref());
        separate(&mut self.requests);
        self.requests.push_str(&format!(r#"{{"id":{id},"traceparent":{traceparent}}}"#));
        self.request_count += 1;
    }

    /// Adds an event, with its bytes as they were sent.
    pub fn event(&mut self, id: EventId, received_at: ReceivedAt, bytes: &[u8]) {
        if self.request_count == 0 {
            self.request(&RequestContext { request_id: String::new(), traceparent: None });
        }
        separate(&mut self.entries);
        let (micros, length, request) = (received_at.as_micros(), bytes.len(), self.request_count - 1);
        self.entries.push_str(&format!(r#"["{id}",{micros},{length},{request}]"#));
        self.events.extend_from_slice(bytes);
        self.event_count += 1;
        self.first_received_at.get_or_insert(received_at);
    }

    /// How many events were added.
    pub const fn event_count(&self) -> usize {
        self.event_count as usize
    }

    /// How many bytes the added events have together; the header comes on top.
    pub const fn bytes(&self) -> usize {
        self.events.len()
    }

    /// Whether no event was added.
    pub const fn is_empty(&self) -> bool {
        self.event_count == 0
    }

    /// The message, with a fresh id.
    pub fn finish(self) -> Message {
        let event_count = self.event_count;
        self.close(Kind::Events, event_count, "")
    }

    /// A message that reports a request body that was no JSON, whole or cut, and what is wrong with it. It counts no
    /// event in the books. (`rejected.request` is not looked at: there is one request.)
    pub fn parse_error(
        run: RunId,
        application: ApplicationId,
        context: &RequestContext,
        detail: &str,
        rejected: &Carried<'_>,
    ) -> Message {
        let mut envelope = Self::events(run, application);
        envelope.request(context);
        envelope.event(rejected.id, rejected.received_at, rejected.bytes);
        envelope.close(Kind::ParseError, 0, &format!(r#","parse_error":{}"#, Value::from(detail)))
    }

    fn close(self, kind: Kind, event_count: u32, more: &str) -> Message {
        let Self { run, application, requests, entries, events, first_received_at, .. } = self;
        let header = format!(
            r#"{{"version":{VERSION},"run":"{run}","application":{application},"requests":[{requests}],"events":[{entries}]{more}}}"#
        );
        let mut body = Vec::with_capacity(header.len() + 1 + events.len());
        body.extend_from_slice(header.as_bytes());
        body.push(b'\n');
        body.extend_from_slice(&events);
        let headers = Headers {
            message_id: Some(MessageId::fresh()),
            kind: Some(kind),
            version: Some(VERSION),
            run: Some(run),
            application: Some(application),
            event_count: Some(event_count),
            received_at: first_received_at,
        };
        Message::new(headers, body)
    }
}

fn separate(list: &mut String) {
    if !list.is_empty() {
        list.push(',');
    }
}
