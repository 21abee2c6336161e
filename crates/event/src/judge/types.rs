//! What an event must hold besides, by its type.

use super::findings::Findings;
use crate::{ApplicationId, SchemaVersion};

/// An event whose category and name are valid.
#[cfg_attr(not(feature = "schemas"), expect(dead_code, reason = "asked for by registered types alone"))]
pub(crate) struct Typed<'e, 'a> {
    pub(crate) application: ApplicationId,
    pub(crate) category: &'e str,
    pub(crate) name: &'e str,
    /// Its payload, where that is an object with members.
    pub(crate) data: Option<&'a str>,
}

/// The rules that event types have.
pub(crate) trait TypeRules {
    /// Adds what is wrong with an event of this type, and tells which version of its schema judged it.
    fn judge(&self, event: &Typed<'_, '_>, findings: &mut Findings) -> Option<SchemaVersion>;
}

/// No event type has rules of its own.
pub(crate) struct NoTypes;

impl TypeRules for NoTypes {
    fn judge(&self, _: &Typed<'_, '_>, _: &mut Findings) -> Option<SchemaVersion> {
        None
    }
}
