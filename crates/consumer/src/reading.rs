//! From a delivery to a message for the store: read, and judged event by event.

use std::time::{SystemTime, UNIX_EPOCH};

use broker::envelope::{self, Carried, Envelope, RequestContext};
use broker::{Delivery, Headers};
use event::{EventId, Judgement, MessageId, ReceivedAt, Submitted};
use store::intake::{Confirmed, Contents, Fragment, Message};
use uuid::Uuid;

/// Within this namespace a message without an id gets one made of its body, so that it is known when it comes again.
const BODIES: Uuid = Uuid::from_u128(0x6f1d_7c0a_3b5e_4c57_9a43_0f6e_7965_6501);

/// Where the events of a message came from, for logs and metrics.
#[derive(Debug, Default)]
pub(crate) struct Origin {
    /// The name of the gateway that took them, where it is told.
    pub(crate) gateway: Option<String>,
    /// The requests by which they came.
    pub(crate) requests: Vec<RequestContext>,
    /// Of each event, the index of its request.
    pub(crate) request_of: Vec<usize>,
    /// When the first of them was received.
    pub(crate) received_at: Option<ReceivedAt>,
}

impl Origin {
    /// The origin of one event.
    pub(crate) fn of(&self, event: usize) -> Self {
        let request = self.request_of.get(event).and_then(|request| self.requests.get(*request));
        Self {
            gateway: self.gateway.clone(),
            requests: request.cloned().into_iter().collect(),
            request_of: vec![0],
            received_at: self.received_at,
        }
    }
}

/// Reads what was delivered, and judges its events. Whatever the bytes are, they become a message for the store.
pub(crate) fn read<'a>(
    delivery: &'a Delivery,
    judge: impl Fn(&Submitted<'a>) -> Judgement<'a>,
) -> (Message<'a>, Origin) {
    let (headers, body) = (delivery.headers(), delivery.body());
    let id = headers.message_id.unwrap_or_else(|| MessageId::from(Uuid::new_v5(&BODIES, body)));
    match Envelope::read(body) {
        Ok(envelope) => readable(id, envelope, judge),
        Err(error) => (unreadable(id, headers, body, error.to_string()), Origin::default()),
    }
}

fn readable<'a>(
    id: MessageId,
    envelope: Envelope<'a>,
    judge: impl Fn(&Submitted<'a>) -> Judgement<'a>,
) -> (Message<'a>, Origin) {
    let (run, application, replay) = (envelope.run(), envelope.application(), envelope.is_replay());
    let requests = envelope.requests().to_vec();
    let gateway = envelope.gateway().map(str::to_owned);
    let (event_count, contents, mut origin) = match envelope.into_contents() {
        envelope::Contents::Events(events) => {
            let origin = origin(requests, &events);
            let submitted = |Carried { id, received_at, bytes, .. }: &Carried<'a>| Submitted {
                application,
                id: *id,
                received_at: *received_at,
                bytes,
            };
            let judgements: Vec<_> = events.iter().map(|carried| judge(&submitted(carried))).collect();
            (judgements.len(), Contents::Events(judgements), origin)
        }
        // Outside of the books.
        envelope::Contents::ParseError { detail, carried } => {
            let Carried { id, received_at, bytes, .. } = carried;
            let fragment = Fragment { id, received_at, detail, bytes };
            (0, Contents::ParseError(fragment), origin(requests, &[carried]))
        }
        envelope::Contents::Confirmed(confirmed) => {
            let told =
                |envelope::Confirmed { application, hour, events }| Confirmed { application, hour, events };
            (0, Contents::Confirmed(confirmed.into_iter().map(told).collect()), origin(requests, &[]))
        }
    };
    origin.gateway = gateway;
    let event_count = u32::try_from(event_count).unwrap_or(u32::MAX);
    (Message { id, run: Some(run), application: Some(application), event_count, replay, contents }, origin)
}

fn origin(requests: Vec<RequestContext>, events: &[Carried<'_>]) -> Origin {
    Origin {
        gateway: None,
        requests,
        request_of: events.iter().map(|carried| carried.request).collect(),
        received_at: events.iter().map(|carried| carried.received_at).min(),
    }
}

/// A message that no version reads: its headers tell how it is booked.
fn unreadable<'a>(id: MessageId, headers: &Headers, body: &'a [u8], detail: String) -> Message<'a> {
    Message {
        id,
        run: headers.run,
        application: headers.application,
        event_count: headers.event_count.unwrap_or(0),
        replay: false,
        contents: Contents::Unreadable(Fragment {
            id: EventId::from(*id.as_uuid()),
            received_at: headers.received_at.unwrap_or_else(now),
            detail,
            bytes: body,
        }),
    }
}

/// This machine's clock.
pub(crate) fn now() -> ReceivedAt {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    ReceivedAt::from_micros(i64::try_from(since_1970.as_micros()).unwrap_or(i64::MAX))
}
