//! One call, and the event that it becomes.

use event::EventId;
use service::keys::Translation;
use uuid::Uuid;

use crate::translate::{Clock, Fault, Members, Object, Writer, decoded, is_blank, named, quoted, session};

/// Of ids that are made of a call's.
const IDS: Uuid = Uuid::from_u128(0x8b0f_6c1e_7f64_4c0e_9d3a_5a1b_2f7d_c3e4);

/// What the calls of a body share.
pub(super) struct Batch<'a> {
    pub(super) translation: &'a Translation,
    pub(super) application: &'a str,
    /// What the address says that each call is; none where they say it themselves.
    pub(super) kind: Option<&'static str>,
    /// What each call's context has besides its own members.
    pub(super) context: Option<Members<'a>>,
    /// For calls that have no time.
    pub(super) timestamp: Option<&'a str>,
}

/// A call.
pub(super) struct Call<'a> {
    pub(super) members: Members<'a>,
    pub(super) batch: &'a Batch<'a>,
}

impl Call<'_> {
    /// Writes the event that it becomes.
    pub(super) fn write(&self, clock: &Clock, writer: &mut Writer) -> Result<(), Fault> {
        let Translation { segment_session, segment_category, segment_name, .. } = self.batch.translation;
        let of = |name| self.members.get(name);
        let timestamp = of("timestamp").or(of("originalTimestamp")).or(self.batch.timestamp);
        writer.event(self.id(), |event| {
            event.raw_if("session_id", self.first_of(segment_session).as_deref().map(session).as_deref());
            event.raw_if("category", self.first_of(segment_category).as_deref());
            event.raw_if("name", self.first_of(segment_name).as_deref());
            event.object("data", |data| self.write_data(data));
            event.raw("timestamp", &clock.corrected(timestamp));
        })
    }

    fn id(&self) -> EventId {
        let given = self.members.get("messageId").and_then(decoded).filter(|id| !id.trim().is_empty());
        given.map_or_else(EventId::fresh, |id| named(&id, &id, &IDS, self.batch.application))
    }

    /// What is no field of an event by itself. A page has a category of its own.
    fn write_data(&self, data: &mut Object<'_>) {
        for name in ["properties", "traits"] {
            data.raw_if(name, self.members.get(name));
        }
        self.write_context(data);
        for name in ["userId", "anonymousId", "groupId", "previousId", "category"] {
            data.raw_if(name, self.members.get(name));
        }
    }

    /// The call's context, with what only the batch's has.
    fn write_context(&self, data: &mut Object<'_>) {
        let given = self.members.get("context");
        let Some(shared) = &self.batch.context else { return data.raw_if("context", given) };
        let own = given.map(|given| Members::read(given).ok().flatten());
        // What is no object stays what it is.
        let Some(own) = own.unwrap_or_else(|| Some(Members::none())) else {
            return data.raw_if("context", given);
        };
        data.object("context", |context| {
            own.iter().for_each(|(name, value)| context.raw(name, value));
            let missing = shared.iter().filter(|(name, _)| !own.has(name));
            missing.for_each(|(name, value)| context.raw(name, value));
        });
    }

    /// The first of these places that holds something.
    fn first_of(&self, places: &[String]) -> Option<String> {
        places.iter().filter_map(|place| self.at(place)).find(|value| !is_blank(value))
    }

    fn at(&self, place: &str) -> Option<String> {
        if let ("type", Some(kind)) = (place, self.batch.kind) {
            return Some(quoted(kind));
        }
        let shared = || self.batch.context.as_ref()?.at(place.strip_prefix("context.")?);
        self.members.at(place).or_else(shared).map(str::to_owned)
    }
}
