//! Rejected events in queue messages.

use std::collections::HashMap;

use broker::Message;
use broker::envelope::{Builder, Source};
use event::ApplicationId;
use store::replays::RejectedEvent;

/// A queue message, and the rejections whose events it carries.
pub(super) struct Parcel {
    pub(super) message: Message,
    pub(super) rejections: Vec<i64>,
}

struct Open<'e> {
    builder: Builder<'e>,
    rejections: Vec<i64>,
}

impl Open<'_> {
    fn close(self) -> Parcel {
        Parcel { message: self.builder.finish(), rejections: self.rejections }
    }
}

/// Packs events by application into messages of at most so many bytes of events; one larger event goes alone.
pub(super) fn pack(source: &Source, events: &[RejectedEvent], bytes_max: usize) -> Vec<Parcel> {
    let mut open: HashMap<ApplicationId, Open<'_>> = HashMap::new();
    let mut parcels = Vec::new();
    for event in events {
        let fresh =
            || Open { builder: Builder::replay(source.clone(), event.application), rejections: Vec::new() };
        let parcel = open.entry(event.application).or_insert_with(fresh);
        if !parcel.builder.is_empty() && parcel.builder.bytes() + event.bytes.len() > bytes_max {
            parcels.push(std::mem::replace(parcel, fresh()).close());
        }
        parcel.builder.event(event.id, event.received_at, &event.bytes);
        parcel.rejections.push(event.rejection);
    }
    parcels.extend(open.into_values().map(Open::close));
    parcels
}
