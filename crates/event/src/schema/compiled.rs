//! A compiled schema, and what it says of data.

use super::compile::compile;
use super::document::{Document, ROOT};
use super::evaluate::Judge;
use super::fault::SchemaFault;
use super::node::Node;
use super::report::Report;
use crate::judge::findings::{Findings, cut};
use crate::violation::Keyword;
use crate::{Code, Severity, Violation};

/// A JSON Schema (2020-12) for the `data` of events, compiled.
#[derive(Clone, Debug)]
pub struct Schema {
    /// The root is the first.
    nodes: Vec<Node>,
}

/// What a schema says of a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What is wrong, one violation a path and code; empty where the schema allows the value.
    pub violations: Vec<Violation>,
    /// There were more than [`crate::violation::VIOLATIONS_MAX`].
    pub truncated: bool,
}

impl Schema {
    /// Compiles a schema.
    ///
    /// # Errors
    /// It is none that [`crate::schema`] reads.
    pub fn compile(text: &str) -> Result<Self, SchemaFault> {
        compile(text).map(|nodes| Self { nodes })
    }

    /// Judges the data of an event that is stored, by this schema alone. Violations are errors, and their paths begin with
    /// `/data`.
    pub fn check(&self, data: &str) -> Verdict {
        let mut findings = Findings::default();
        self.judge(data, Severity::Error, &mut findings);
        let (violations, truncated) = findings.into_parts();
        Verdict { violations, truncated }
    }

    /// Adds what is wrong with the data of an event, which is JSON text without doubled keys.
    pub(crate) fn judge(&self, data: &str, severity: Severity, findings: &mut Findings) {
        match Document::read(data) {
            Ok(document) => {
                let mut report = Report::all(&document, severity, findings);
                Judge::new(&self.nodes, &document).apply(ROOT, ROOT, Keyword::AllOf, &mut report, None);
            }
            // What was judged before is JSON: only text from elsewhere comes here.
            Err(error) => findings.add(Violation {
                code: Code::InvalidType,
                severity,
                field: Some("data".to_owned()),
                path: "/data".to_owned(),
                message: format!("expected JSON, found none: {error}"),
                value: Some(cut(data)),
            }),
        }
    }
}
