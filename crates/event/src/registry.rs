//! The registered event types, and which applications may send no others.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::judge::findings::Findings;
use crate::judge::types::{TypeRules, Typed};
use crate::{ApplicationId, Code, Mode, Schema, SchemaVersion};

/// The rules of a registered event type, as one version of them has it.
#[derive(Clone, Debug)]
pub struct EventType {
    /// Which version.
    pub version: SchemaVersion,
    /// How strict it is.
    pub mode: Mode,
    /// What `data` must hold. Compiling costs more than sharing.
    pub schema: Arc<Schema>,
}

/// What events are judged by besides the rules that all of them have: a snapshot, whose source its owner knows.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    /// By category, then by name.
    types: HashMap<String, HashMap<String, EventType>>,
    strict: HashSet<ApplicationId>,
}

impl Registry {
    /// Registers an event type, in the place of what it was registered as before.
    pub fn insert(&mut self, category: String, name: String, event_type: EventType) {
        self.types.entry(category).or_default().insert(name, event_type);
    }

    /// Lets an application send registered event types only.
    pub fn restrict(&mut self, application: ApplicationId) {
        self.strict.insert(application);
    }

    /// The rules of an event type, where it is registered.
    pub fn find(&self, category: &str, name: &str) -> Option<&EventType> {
        self.types.get(category)?.get(name)
    }

    /// Whether an application may send registered event types only.
    pub fn is_strict(&self, application: ApplicationId) -> bool {
        self.strict.contains(&application)
    }

    /// How many event types are registered.
    pub fn len(&self) -> usize {
        self.types.values().map(HashMap::len).sum()
    }

    /// Whether no event type is registered.
    pub fn is_empty(&self) -> bool {
        self.types.is_empty()
    }
}

impl TypeRules for Registry {
    fn judge(&self, event: &Typed<'_, '_>, findings: &mut Findings) -> Option<SchemaVersion> {
        let Some(EventType { version, mode, schema }) = self.find(event.category, event.name) else {
            if self.is_strict(event.application) {
                let message = "expected a registered event type, since the application is strict, found one that is not";
                let name = format!("{:?}", event.name);
                findings.add_field("name", Code::UnknownEventType, message, Some(&name));
            }
            return None;
        };
        // What is not fit to be stored is not fit to be judged: a key that stands twice has no value.
        if let Some(data) = event.data
            && !findings.are_full()
            && !findings.concern("data")
        {
            schema.judge(data, mode.severity(), findings);
        }
        Some(*version)
    }
}
