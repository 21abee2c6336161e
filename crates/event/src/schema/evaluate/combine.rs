//! What other schemas say of the same value.

use super::{Evaluated, Judge};
use crate::schema::bits::Bits;
use crate::schema::document::At;
use crate::schema::node::{Combination, Condition, NodeId};
use crate::schema::report::Report;
use crate::violation::Keyword;

/// The most branches of `anyOf` and `oneOf` of which a message tells why they failed.
const BRANCHES_TOLD_MAX: usize = 3;

impl Judge<'_, '_> {
    pub(super) fn combination(
        &self,
        combination: &Combination,
        at: At,
        holder: Keyword,
        report: &mut Report<'_, '_>,
        evaluated: &mut Evaluated<'_>,
    ) -> bool {
        let Combination { references, all_of, any_of, one_of, not, condition } = combination;
        let mut valid = true;
        let of_all = all_of.iter().map(|schema| (*schema, Keyword::AllOf));
        for (schema, keyword) in references.iter().map(|schema| (*schema, holder)).chain(of_all) {
            valid &= self.apply(schema, at, keyword, report, evaluated.as_deref_mut());
            if !valid && !report.goes_on() {
                return false;
            }
        }
        for (branches, judge) in [(any_of, Self::any_of as Branching<Self>), (one_of, Self::one_of)] {
            if !branches.is_empty() {
                valid &= judge(self, branches, at, report, evaluated);
                if !valid && !report.goes_on() {
                    return false;
                }
            }
        }
        if let Some(not) = not
            && self.apply(*not, at, Keyword::Not, &mut Report::Silent, None)
        {
            valid = false;
            let message =
                || format!("expected what the schema of `not` refuses, found {}", self.document.shown(at));
            if !report.add(at, Keyword::Not, message) {
                return false;
            }
        }
        if let Some(condition) = condition {
            valid &= self.condition(condition, at, report, evaluated);
        }
        valid
    }

    fn any_of(
        &self,
        branches: &[NodeId],
        at: At,
        report: &mut Report<'_, '_>,
        evaluated: &mut Evaluated<'_>,
    ) -> bool {
        let mut valid = false;
        for branch in branches {
            valid |= self.branch(*branch, at, Keyword::AnyOf, evaluated);
            // What others evaluate counts too.
            if valid && evaluated.is_none() {
                return true;
            }
        }
        if !valid {
            insert_all(evaluated);
            report_none(self, branches, at, Keyword::AnyOf, report);
        }
        valid
    }

    fn one_of(
        &self,
        branches: &[NodeId],
        at: At,
        report: &mut Report<'_, '_>,
        evaluated: &mut Evaluated<'_>,
    ) -> bool {
        let mut fitting = Vec::new();
        for (index, branch) in branches.iter().enumerate() {
            if self.branch(*branch, at, Keyword::OneOf, evaluated) {
                fitting.push(index + 1);
            }
            if let [first, second] = fitting[..] {
                insert_all(evaluated);
                report.add(at, Keyword::OneOf, || {
                    let (all, found) = (branches.len(), self.document.shown(at));
                    format!("expected what just one of {all} schemas allows, found {found}, which at least the schemas {first} and {second} allow")
                });
                return false;
            }
        }
        if fitting.is_empty() {
            insert_all(evaluated);
            report_none(self, branches, at, Keyword::OneOf, report);
        }
        !fitting.is_empty()
    }

    /// Judges a value by a schema that may fail: only where it does not, what it evaluated counts.
    fn branch(&self, schema: NodeId, at: At, holder: Keyword, evaluated: &mut Evaluated<'_>) -> bool {
        let Some(evaluated) = evaluated else {
            return self.apply(schema, at, holder, &mut Report::Silent, None);
        };
        let mut own = Bits::default();
        let valid = self.apply(schema, at, holder, &mut Report::Silent, Some(&mut own));
        if valid {
            evaluated.merge(&own);
        }
        valid
    }

    fn condition(
        &self,
        condition: &Condition,
        at: At,
        report: &mut Report<'_, '_>,
        evaluated: &mut Evaluated<'_>,
    ) -> bool {
        let holds = self.branch(condition.test, at, Keyword::If, evaluated);
        match if holds { condition.then } else { condition.otherwise } {
            Some(schema) => self.apply(schema, at, Keyword::If, report, evaluated.as_deref_mut()),
            None => true,
        }
    }
}

type Branching<J> = fn(&J, &[NodeId], At, &mut Report<'_, '_>, &mut Evaluated<'_>) -> bool;

/// The value is refused anyhow: of what it holds, nothing more needs to be said.
fn insert_all(evaluated: &mut Evaluated<'_>) {
    if let Some(evaluated) = evaluated {
        evaluated.insert_all();
    }
}

/// Tells that none of some schemas allows a value, and why the first ones do not.
fn report_none(
    judge: &Judge<'_, '_>,
    branches: &[NodeId],
    at: At,
    keyword: Keyword,
    report: &mut Report<'_, '_>,
) {
    let (explains, document) = (report.explains(), judge.document);
    report.add(at, keyword, || {
        let whole = if keyword == Keyword::OneOf { "what just one" } else { "what at least one" };
        let head =
            format!("expected {whole} of {} schemas allows, found {}", branches.len(), document.shown(at));
        if !explains {
            return head;
        }
        let reasons = branches.iter().take(BRANCHES_TOLD_MAX).enumerate().filter_map(|(index, branch)| {
            let mut first = Report::first(document, at);
            judge.apply(*branch, at, keyword, &mut first, None);
            first.into_first().map(|reason| format!("; {}: {reason}", index + 1))
        });
        format!("{head}{}", reasons.collect::<String>())
    });
}
