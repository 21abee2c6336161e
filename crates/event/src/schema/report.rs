//! Where violations of a schema go.

use super::document::{At, Document, push_step};
use super::message::shown;
use crate::judge::findings::{Findings, cut};
use crate::violation::Keyword;
use crate::{Code, Severity, Violation};

/// What is done with violations.
pub(super) enum Report<'r, 'd> {
    /// Nothing: the first ends the judging.
    Silent,
    /// The first is told, and ends the judging.
    First(First<'r, 'd>),
    /// All are told, as many as an event may have.
    All(All<'r, 'd>),
}

pub(super) struct First<'r, 'd> {
    document: &'r Document<'d>,
    /// The value that is judged.
    origin: At,
    told: Option<String>,
}

pub(super) struct All<'r, 'd> {
    document: &'r Document<'d>,
    severity: Severity,
    findings: &'r mut Findings,
    /// What was told already: where, by which keyword, which member is missing. To find that out by paths would cost more.
    told: Vec<(At, Keyword, Option<String>)>,
}

impl<'r, 'd> Report<'r, 'd> {
    pub(super) fn first(document: &'r Document<'d>, origin: At) -> Self {
        Self::First(First { document, origin, told: None })
    }

    pub(super) fn all(document: &'r Document<'d>, severity: Severity, findings: &'r mut Findings) -> Self {
        Self::All(All { document, severity, findings, told: Vec::new() })
    }

    /// Whether there is any use in finding more.
    pub(super) fn goes_on(&self) -> bool {
        match self {
            Self::Silent | Self::First(_) => false,
            Self::All(all) => !all.findings.are_full(),
        }
    }

    /// Whether messages that cost more than a line are worth it.
    pub(super) const fn explains(&self) -> bool {
        matches!(self, Self::All(_))
    }

    /// The first violation, in one line of bounded length.
    pub(super) fn into_first(self) -> Option<String> {
        match self {
            Self::First(first) => first.told.map(|told| shown(&told)),
            Self::Silent | Self::All(_) => None,
        }
    }

    /// Tells of a violation at a value; gives whether to go on.
    pub(super) fn add(&mut self, at: At, keyword: Keyword, message: impl FnOnce() -> String) -> bool {
        self.add_at(at, None, keyword, message)
    }

    /// Tells of a member that a value has not; gives whether to go on.
    pub(super) fn add_missing(
        &mut self,
        at: At,
        member: &str,
        keyword: Keyword,
        message: impl FnOnce() -> String,
    ) -> bool {
        self.add_at(at, Some(member), keyword, message)
    }

    fn add_at(
        &mut self,
        at: At,
        missing: Option<&str>,
        keyword: Keyword,
        message: impl FnOnce() -> String,
    ) -> bool {
        match self {
            Self::Silent => {}
            Self::First(first) => first.add(at, missing, message),
            Self::All(all) => all.add(at, missing, keyword, message),
        }
        self.goes_on()
    }
}

fn pointer(document: &Document<'_>, at: At, missing: Option<&str>) -> String {
    let mut pointer = document.pointer(at);
    if let Some(member) = missing {
        push_step(&mut pointer, member);
    }
    pointer
}

impl First<'_, '_> {
    fn add(&mut self, at: At, missing: Option<&str>, message: impl FnOnce() -> String) {
        if self.told.is_some() {
            return;
        }
        let whole = pointer(self.document, at, missing);
        let path = &whole[self.document.pointer(self.origin).len()..];
        let place = if path.is_empty() { String::new() } else { format!("{}: ", shown(path)) };
        self.told = Some(format!("{place}{}", message()));
    }
}

impl All<'_, '_> {
    fn add(&mut self, at: At, missing: Option<&str>, keyword: Keyword, message: impl FnOnce() -> String) {
        let is_this = |told: &&(At, Keyword, Option<String>)| {
            told.0 == at && told.1 == keyword && told.2.as_deref() == missing
        };
        if self.findings.are_full() || self.told.iter().any(|told| is_this(&told)) {
            return;
        }
        self.told.push((at, keyword, missing.map(str::to_owned)));
        let document = self.document;
        self.findings.add(Violation {
            code: Code::Schema(keyword),
            severity: self.severity,
            field: Some("data".to_owned()),
            path: format!("/data{}", pointer(document, at, missing)),
            message: message(),
            value: missing.is_none().then(|| cut(document.written(at))),
        });
    }
}
