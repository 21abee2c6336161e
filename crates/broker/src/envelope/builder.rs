//! Writes envelopes, of the version that it is told.

use std::fmt::{self, Write as _};

use event::{ApplicationId, EventId, MessageId, ReceivedAt};
use serde_json::Value;

use super::{Carried, Confirmed, RequestContext, Source, Version};
use crate::message::{Headers, Kind, Message};

/// Gathers events of one application into one queue message.
///
/// The header is written as the events come, and these stay where they are until it is finished: they are copied once.
#[derive(Debug)]
pub struct Builder<'b> {
    source: Source,
    application: ApplicationId,
    requests: String,
    request_count: usize,
    entries: String,
    event_count: u32,
    events: Vec<&'b [u8]>,
    bytes: usize,
    first_received_at: Option<ReceivedAt>,
    replay: bool,
}

impl<'b> Builder<'b> {
    /// Begins an envelope of a gateway, for an application.
    pub fn events(source: impl Into<Source>, application: ApplicationId) -> Self {
        Self {
            source: source.into(),
            application,
            requests: String::new(),
            request_count: 0,
            entries: String::new(),
            event_count: 0,
            events: Vec::new(),
            bytes: 0,
            first_received_at: None,
            replay: false,
        }
    }

    /// Begins an envelope of rejected events of an application that an operator sends again. A consumer that does not know
    /// of replays takes them for copies that an application sent.
    pub fn replay(source: impl Into<Source>, application: ApplicationId) -> Self {
        Self { replay: true, ..Self::events(source, application) }
    }

    /// Tells the request to which the events that follow belong.
    pub fn request(&mut self, context: &RequestContext) {
        let id = Value::from(context.request_id.as_str());
        let traceparent = Value::from(context.traceparent.as_deref());
        add(&mut self.requests, format_args!(r#"{{"id":{id},"traceparent":{traceparent}}}"#));
        self.request_count += 1;
    }

    /// Adds an event, with its bytes as they were sent.
    pub fn event(&mut self, id: EventId, received_at: ReceivedAt, bytes: &'b [u8]) {
        if self.request_count == 0 {
            self.request(&RequestContext { request_id: String::new(), traceparent: None });
        }
        let first = *self.first_received_at.get_or_insert(received_at);
        let micros = match self.source.version {
            Version::V1 => received_at.as_micros(),
            Version::V2 => received_at.as_micros().wrapping_sub(first.as_micros()),
        };
        let (length, request) = (bytes.len(), self.request_count - 1);
        add(&mut self.entries, format_args!(r#"["{id}",{micros},{length},{request}]"#));
        self.events.push(bytes);
        self.bytes += length;
        self.event_count += 1;
    }

    /// How many events were added.
    pub const fn event_count(&self) -> usize {
        self.event_count as usize
    }

    /// How many bytes the added events have together; the header comes on top.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether no event was added.
    pub const fn is_empty(&self) -> bool {
        self.event_count == 0
    }

    /// The message, with a fresh id.
    pub fn finish(self) -> Message {
        let (event_count, more) = (self.event_count, if self.replay { r#","replay":true"# } else { "" });
        self.close(Kind::Events, event_count, more)
    }

    /// A message that reports a request body that was no JSON, whole or cut, and what is wrong with it. It counts no
    /// event in the books. (`rejected.request` is not looked at: there is one request.)
    pub fn parse_error(
        source: impl Into<Source>,
        application: ApplicationId,
        context: &RequestContext,
        detail: &str,
        rejected: &Carried<'b>,
    ) -> Message {
        let mut envelope = Self::events(source, application);
        envelope.request(context);
        envelope.event(rejected.id, rejected.received_at, rejected.bytes);
        envelope.close(Kind::ParseError, 0, &format!(r#","parse_error":{}"#, Value::from(detail)))
    }

    /// A message that tells the books what a gateway has seen confirmed; none where there is nothing to tell. It counts no
    /// event itself.
    pub fn confirmed(source: impl Into<Source>, confirmed: &[Confirmed]) -> Option<Message> {
        // The envelope is of one application: any of them.
        let application = confirmed.first()?.application;
        let told = Value::from_iter(confirmed.iter().map(|&Confirmed { application, hour, events }| {
            Value::from_iter([
                Value::from(application.get()),
                Value::from(hour.number()),
                Value::from(events),
            ])
        }));
        let more = format!(r#","confirmed":{told}"#);
        Some(Self::events(source, application).close(Kind::Confirmed, 0, &more))
    }

    fn close(self, kind: Kind, event_count: u32, more: &str) -> Message {
        let Self { source, application, requests, entries, events, bytes, first_received_at, .. } = self;
        let Source { run, gateway, version } = source;
        let (gateway, received) = match version {
            Version::V1 => (String::new(), String::new()),
            Version::V2 => {
                let received = first_received_at.map_or(0, ReceivedAt::as_micros);
                (format!(r#""gateway":{},"#, Value::from(&*gateway)), format!(r#""received":{received},"#))
            }
        };
        let header = format!(
            r#"{{"version":{version},{gateway}"run":"{run}","application":{application},"requests":[{requests}],{received}"events":[{entries}]{more}}}"#
        );
        let mut body = Vec::with_capacity(header.len() + 1 + bytes);
        body.extend_from_slice(header.as_bytes());
        body.push(b'\n');
        events.iter().for_each(|event| body.extend_from_slice(event));
        let headers = Headers {
            message_id: Some(MessageId::fresh()),
            kind: Some(kind),
            version: Some(version.number()),
            run: Some(run),
            application: Some(application),
            event_count: Some(event_count),
            received_at: first_received_at,
        };
        Message::new(headers, body)
    }
}

/// Adds to what is written of a list.
fn add(list: &mut String, entry: fmt::Arguments<'_>) {
    if !list.is_empty() {
        list.push(',');
    }
    // A string takes whatever is written to it.
    let _never_fails = list.write_fmt(entry);
}
