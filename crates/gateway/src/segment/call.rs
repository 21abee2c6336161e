//! One call, and the event that it becomes.

use std::collections::{HashMap, HashSet};

use event::EventId;
use service::keys::Translation;
use service::problem::Problem;
use store::applications::CALL_MEMBERS;
use uuid::Uuid;

use crate::translate::{Clock, Fault, Members, Object, Writer, decoded, is_blank, named, quoted, session};

/// Of ids that are made of a call's.
const IDS: Uuid = Uuid::from_u128(0x8b0f_6c1e_7f64_4c0e_9d3a_5a1b_2f7d_c3e4);

/// The most members of a context that is joined with another.
const CONTEXT_MEMBERS_MAX: usize = 1_000;

/// What goes into the data, besides the context.
const DATA: [&str; 7] =
    ["properties", "traits", "userId", "anonymousId", "groupId", "previousId", "category"];

/// What says what a call is: it goes into the data where it becomes no field of the event.
const WHAT: [&str; 3] = ["type", "event", "name"];

/// What the calls of a body share.
pub(super) struct Batch<'a> {
    translation: &'a Translation,
    application: &'a str,
    /// What the address says that the one call is; none where calls say it themselves.
    kind: Option<&'static str>,
    /// What each call's context has besides its own members.
    context: Option<Members<'a>>,
    /// What of it stands at places that are looked at.
    shared: HashMap<&'a str, &'a str>,
    /// For calls that have no time: when it is made up, or else sent.
    timestamp: Option<&'a str>,
    /// The members of a call that are looked at.
    wanted: HashSet<&'a str>,
}

impl<'a> Batch<'a> {
    /// Of a body whose members these are.
    pub(super) fn new(
        translation: &'a Translation,
        application: &'a str,
        kind: Option<&'static str>,
        root: &Members<'a>,
    ) -> Result<Self, Fault> {
        let of_batch = |name| root.get(name).filter(|_| kind.is_none());
        let context = of_batch("context").and_then(|context| Members::read(context, |_| true).ok().flatten());
        if context.as_ref().is_some_and(|context| context.len() > CONTEXT_MEMBERS_MAX) {
            let expected = format!("context: expected at most {CONTEXT_MEMBERS_MAX} members in a batch's");
            return Err(Problem::bad_request(expected).into());
        }
        let Translation { segment_session, segment_category, segment_name, .. } = translation;
        let places: Vec<&str> = [segment_session, segment_category, segment_name]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect();
        let shared = |place: &&'a str| Some((*place, context.as_ref()?.at(place.strip_prefix("context.")?)?));
        let shared = places.iter().filter_map(shared).collect();
        let firsts = places.iter().map(|place| place.split('.').next().unwrap_or_default());
        let wanted = firsts.chain(CALL_MEMBERS).collect();
        Ok(Self {
            translation,
            application,
            kind,
            context,
            shared,
            timestamp: of_batch("timestamp").or(root.get("sentAt")),
            wanted,
        })
    }

    /// Whether a member of a call is looked at.
    pub(super) fn wants(&self, name: &str) -> bool {
        self.wanted.contains(name)
    }
}

/// A call.
pub(super) struct Call<'a> {
    pub(super) members: Members<'a>,
    pub(super) batch: &'a Batch<'a>,
}

/// What a field of the event becomes, and where it stood.
struct Found<'a> {
    place: &'a str,
    value: String,
}

impl<'a> Call<'a> {
    /// Writes the event that it becomes.
    pub(super) fn write(&self, clock: &Clock, writer: &mut Writer) -> Result<(), Fault> {
        let Translation { segment_session, segment_category, segment_name, .. } = self.batch.translation;
        let of = |name| self.members.get(name);
        let time = of("timestamp").or(of("originalTimestamp")).or(of("sentAt")).or(self.batch.timestamp);
        let session = self.first_of(segment_session).map(|found| session(&found.value));
        let (category, name) = (self.first_of(segment_category), self.first_of(segment_name));
        writer.event(self.id(), |event| {
            event.raw_if("session_id", session.as_deref());
            event.raw_if("category", category.as_ref().map(|found| &*found.value));
            event.raw_if("name", name.as_ref().map(|found| &*found.value));
            event.object("data", |data| {
                self.write_data(data);
                let used: Vec<_> =
                    [&category, &name].into_iter().flatten().map(|found| found.place).collect();
                self.write_unused(&used, data);
                self.write_repeated(data);
            });
            event.raw("timestamp", &clock.corrected(time));
        })
    }

    fn id(&self) -> EventId {
        let given = self.members.get("messageId").and_then(decoded).filter(|id| !id.trim().is_empty());
        given.map_or_else(EventId::fresh, |id| named(&id, &id, &IDS, self.batch.application))
    }

    fn write_data(&self, data: &mut Object<'_>) {
        for name in DATA {
            data.raw_if(name, self.members.get(name));
        }
        self.write_context(data);
    }

    /// What says what a call is, where other places say it for this application.
    fn write_unused(&self, used: &[&str], data: &mut Object<'_>) {
        for name in WHAT.into_iter().filter(|name| !used.contains(name)) {
            data.raw_if(name, self.at(name).filter(|value| !is_blank(value)).as_deref());
        }
    }

    /// A member that stands twice stands twice in the data: the consumer says so.
    fn write_repeated(&self, data: &mut Object<'_>) {
        let repeated = self.members.repeated();
        let all = self.members.iter().filter(|member| repeated.contains(&*member.name));
        all.for_each(|member| data.member(member));
    }

    /// The call's context, with what only the batch's has.
    fn write_context(&self, data: &mut Object<'_>) {
        let given = self.members.get("context");
        let Some(shared) = &self.batch.context else { return data.raw_if("context", given) };
        let own = given.map(|given| Members::read(given, |_| true).ok().flatten());
        // What is no object, or none that anybody would send, stays what it is.
        let own = own.unwrap_or_else(|| Some(Members::none())).filter(|own| own.len() <= CONTEXT_MEMBERS_MAX);
        let Some(own) = own else { return data.raw_if("context", given) };
        let names: HashSet<&str> = own.iter().map(|member| &*member.name).collect();
        data.object("context", |context| {
            own.iter().for_each(|member| context.member(member));
            let missing = shared.iter().filter(|member| !names.contains(&*member.name));
            missing.for_each(|member| context.member(member));
        });
    }

    /// The first of these places that holds something.
    fn first_of(&self, places: &'a [String]) -> Option<Found<'a>> {
        let found = |place: &'a String| Some(Found { place, value: self.at(place)? });
        places.iter().filter_map(found).find(|found| !is_blank(&found.value))
    }

    fn at(&self, place: &str) -> Option<String> {
        if let ("type", Some(kind)) = (place, self.batch.kind) {
            return Some(quoted(kind));
        }
        let found = self.members.at(place).or_else(|| self.batch.shared.get(place).copied());
        found.map(str::to_owned)
    }
}
