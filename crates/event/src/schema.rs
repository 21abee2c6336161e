//! JSON Schemas of event types.

use std::fmt;

use jsonschema::Validator;
use serde_json::Value;

use crate::judge::findings::{Findings, cut};
use crate::{Code, Severity, Violation, violation::Keyword};

/// A JSON Schema (2020-12) for the `data` of events, compiled.
#[derive(Clone, Debug)]
pub struct Schema {
    validator: Validator,
}

/// What a schema says of a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What is wrong, one violation a path and code; empty where the schema allows the value.
    pub violations: Vec<Violation>,
    /// There were more than [`crate::violation::VIOLATIONS_MAX`].
    pub truncated: bool,
}

/// Why a schema is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at {}: {reason}", Place(.path))]
pub struct SchemaFault {
    /// JSON Pointer to the place in the schema; empty for the schema as a whole.
    pub path: String,
    /// What is wrong with it, for people.
    pub reason: String,
}

struct Place<'a>(&'a str);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "the root" } else { self.0 })
    }
}

impl Schema {
    /// Compiles a schema.
    ///
    /// # Errors
    /// It is no JSON Schema of 2020-12.
    pub fn compile(text: &str) -> Result<Self, SchemaFault> {
        let fault = |path: String, reason: String| SchemaFault { path, reason };
        let value: Value =
            serde_json::from_str(text).map_err(|error| fault(String::new(), error.to_string()))?;
        let validator = jsonschema::options()
            .with_pattern_options(jsonschema::PatternOptions::regex())
            .build(&value)
            .map_err(|error| fault(error.instance_path().to_string(), error.to_string()))?;
        Ok(Self { validator })
    }

    /// Judges the data of an event that is stored, by this schema alone. Violations are errors, and their paths begin with
    /// `/data`.
    pub fn check(&self, data: &str) -> Verdict {
        let mut findings = Findings::default();
        self.judge(data, Severity::Error, &mut findings);
        let (violations, truncated) = findings.into_parts();
        Verdict { violations, truncated }
    }

    /// Adds what is wrong with the data of an event, which is an object's JSON text without doubled keys.
    pub(crate) fn judge(&self, data: &str, severity: Severity, findings: &mut Findings) {
        let Ok(value) = serde_json::from_str::<Value>(data) else { return };
        if self.validator.is_valid(&value) {
            return;
        }
        for error in self.validator.iter_errors(&value) {
            let keyword = Keyword::ALL.iter().find(|keyword| keyword.as_str() == error.kind().keyword());
            findings.add(Violation {
                code: Code::Schema(keyword.copied().unwrap_or(Keyword::Not)),
                severity,
                field: Some("data".to_owned()),
                path: format!("/data{}", error.instance_path()),
                message: error.masked().to_string(),
                value: Some(cut(&error.instance().to_string())),
            });
        }
    }
}
