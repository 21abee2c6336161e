//! Gathers violations: one a path and code, and no more than are reported.

use crate::violation::{VALUE_CHARACTERS_MAX, VIOLATIONS_MAX};
use crate::{Code, Severity, Violation};

#[derive(Debug, Default)]
pub(crate) struct Findings {
    violations: Vec<Violation>,
    truncated: bool,
}

impl Findings {
    pub(crate) fn add(&mut self, violation: Violation) {
        let known = |other: &Violation| other.code == violation.code && other.path == violation.path;
        if self.violations.iter().any(known) {
            return;
        }
        if self.violations.len() == VIOLATIONS_MAX {
            self.truncated = true;
        } else {
            self.violations.push(violation);
        }
    }

    /// Adds a violation of a top-level field.
    pub(crate) fn add_field(
        &mut self,
        field: &str,
        code: Code,
        message: impl Into<String>,
        value: Option<&str>,
    ) {
        self.add(Violation {
            code,
            severity: Severity::Error,
            field: Some(field.to_owned()),
            path: format!("/{field}"),
            message: message.into(),
            value: value.map(cut),
        });
    }

    /// Whether more would only be counted as truncated: then paths need no longer be built.
    pub(crate) fn are_full(&self) -> bool {
        self.truncated
    }

    /// Whether something was found in a top-level field.
    #[cfg(feature = "schemas")]
    pub(crate) fn concern(&self, field: &str) -> bool {
        self.violations.iter().any(|violation| violation.field.as_deref() == Some(field))
    }

    /// Whether the event is rejected, and not stored with warnings at most.
    pub(super) fn reject(&self) -> bool {
        self.violations.iter().any(|violation| violation.severity == Severity::Error)
    }

    pub(crate) fn into_parts(self) -> (Vec<Violation>, bool) {
        (self.violations, self.truncated)
    }
}

/// The first characters of a value, as many as a violation shows.
pub(crate) fn cut(value: &str) -> String {
    match value.char_indices().nth(VALUE_CHARACTERS_MAX) {
        Some((end, _)) => value[..end].to_owned(),
        None => value.to_owned(),
    }
}
