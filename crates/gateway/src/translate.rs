//! What the other formats share: reading the members of their objects, and writing events in the native form.
//!
//! A translation moves values, it judges none: what stands in the wrong place or is of the wrong type goes on as it is, so
//! that the consumer names it, and the sender finds it among the errors.

mod clock;
mod members;
mod root;
mod writer;

pub(crate) use clock::{Clock, Lateness};
pub(crate) use members::{Member, Members, decoded, is_blank, place_of, storable};
pub(crate) use root::{Fault, root};
pub(crate) use writer::{Object, Writer, object, quoted};

use event::EventId;
use uuid::Uuid;

/// The id of an event that its sender has called something: that itself where it is a UUID, else a UUIDv5 of the `name` that
/// it has, in this namespace and of this application.
pub(crate) fn named(called: &str, name: &str, namespace: &Uuid, application: &str) -> EventId {
    EventId::parse(called).unwrap_or_else(|| {
        let namespace = Uuid::new_v5(namespace, application.as_bytes());
        EventId::from(Uuid::new_v5(&namespace, name.as_bytes()))
    })
}

/// What names a session, as it is written: a number is as good as a text.
pub(crate) fn session(value: &str) -> String {
    let is_number = value.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    if is_number { quoted(value) } else { value.to_owned() }
}
