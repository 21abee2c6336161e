//! Every rule that is in force at one moment.

use std::collections::HashMap;
use std::sync::Arc;

use event::{
    Code, Event, Judgement, Mode, Registry, Rules, SchemaVersion, Severity, Submitted, Violation, judge_typed,
};

/// All rules of one moment. Who judges several events that belong together does so by one of them.
#[derive(Clone)]
pub struct Rulebook {
    rules: Rules,
    types: Arc<Types>,
}

impl Rulebook {
    pub(super) const fn new(rules: Rules, types: Arc<Types>) -> Self {
        Self { rules, types }
    }

    /// Judges one event.
    pub fn judge<'a>(&self, submitted: &Submitted<'a>) -> Judgement<'a> {
        match judge_typed(submitted, &self.rules, &self.types.registry) {
            Judgement::Valid(event) => self.types.look_again(event),
            rejected @ Judgement::Rejected(_) => rejected,
        }
    }
}

/// The event types and strict applications of one moment.
#[derive(Default)]
pub(super) struct Types {
    /// An unusable version is among them, by a schema that allows everything: its type is registered.
    pub(super) registry: Registry,
    /// By category, then by name. Hardly ever any.
    unusable: HashMap<String, HashMap<String, Unusable>>,
}

/// A version of an event type whose schema can't be used here.
pub(super) struct Unusable {
    pub(super) version: SchemaVersion,
    pub(super) mode: Mode,
    /// Why.
    pub(super) reason: String,
}

impl Types {
    pub(super) fn insert_unusable(&mut self, category: String, name: String, unusable: Unusable) {
        self.unusable.entry(category).or_default().insert(name, unusable);
    }

    pub(super) fn unusable_count(&self) -> usize {
        self.unusable.values().map(HashMap::len).sum()
    }

    /// What no schema has judged though its type has one.
    fn look_again<'a>(&self, mut event: Event<'a>) -> Judgement<'a> {
        let of_category = self.unusable.get(event.category.as_str());
        let Some(unusable) = of_category.and_then(|types| types.get(event.name.as_str())) else {
            return Judgement::Valid(event);
        };
        let violation = unusable.violation();
        match violation.severity {
            Severity::Error => Judgement::Rejected(event.reject(violation)),
            Severity::Warning => {
                event.schema_version = None;
                event.warnings.push(violation);
                Judgement::Valid(event)
            }
        }
    }
}

impl Unusable {
    fn violation(&self) -> Violation {
        let Self { version, mode, reason } = self;
        Violation {
            code: Code::ProcessingFailed,
            severity: mode.severity(),
            field: Some("data".to_owned()),
            path: "/data".to_owned(),
            message: format!(
                "expected a schema that can be used here, found version {version} of the event type: {reason}"
            ),
            value: None,
        }
    }
}
