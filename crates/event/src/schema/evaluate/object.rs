//! Objects.

use super::{Evaluated, Judge};
use crate::schema::bits::Bits;
use crate::schema::document::{At, Document, ROOT};
use crate::schema::message::quoted;
use crate::schema::node::{Node, NodeId, ObjectRules};
use crate::schema::report::Report;
use crate::violation::Keyword;

impl Judge<'_, '_> {
    pub(super) fn object(
        &self,
        node: &Node,
        at: At,
        count: usize,
        report: &mut Report<'_, '_>,
        evaluated: &mut Evaluated<'_>,
    ) -> bool {
        let Some(rules) = &node.object else { return true };
        let mut valid = self.member_count(rules, at, count, report);
        if !valid && !report.goes_on() {
            return false;
        }
        let mut there = Bits::default();
        for (index, (key, member)) in self.document.members(at).enumerate() {
            let (judged, fits) = self.member(rules, key, member, report, &mut there);
            valid &= fits;
            if !valid && !report.goes_on() {
                return false;
            }
            if let (true, Some(evaluated)) = (judged, evaluated.as_mut()) {
                evaluated.insert(index);
            }
        }
        valid &= self.missing(rules, at, &there, report);
        if !valid && !report.goes_on() {
            return false;
        }
        for (name, schema) in &rules.dependent_schemas {
            if there.contains(*name) {
                let marks = evaluated.as_deref_mut();
                valid &= self.apply(*schema, at, Keyword::DependentSchemas, report, marks);
                if !valid && !report.goes_on() {
                    return false;
                }
            }
        }
        valid
    }

    fn member_count(&self, rules: &ObjectRules, at: At, count: usize, report: &mut Report<'_, '_>) -> bool {
        if let Some(least) = rules.count_min
            && count < least
        {
            report.add(at, Keyword::MinProperties, || {
                format!("expected at least {least} members, found {count}")
            });
            return false;
        }
        if let Some(most) = rules.count_max
            && count > most
        {
            report.add(at, Keyword::MaxProperties, || {
                format!("expected at most {most} members, found {count}")
            });
            return false;
        }
        true
    }

    /// Judges a member; gives whether a schema spoke of it, and whether it is allowed.
    fn member(
        &self,
        rules: &ObjectRules,
        key: &str,
        member: At,
        report: &mut Report<'_, '_>,
        there: &mut Bits,
    ) -> (bool, bool) {
        let (mut judged, mut valid) = (false, true);
        let mut judge = |schema: NodeId, keyword, report: &mut Report<'_, '_>| {
            judged = true;
            valid &= self.apply(schema, member, keyword, report, None);
            valid || report.goes_on()
        };
        if let Some((name, schema)) = rules.names.find(key) {
            there.insert(name);
            if let Some(schema) = schema
                && !judge(schema, Keyword::Properties, report)
            {
                return (true, false);
            }
        }
        for (pattern, schema) in &rules.patterns {
            if pattern.is_match(key) && !judge(*schema, Keyword::PatternProperties, report) {
                return (true, false);
            }
        }
        if let (false, Some(additional)) = (judged, rules.additional) {
            judged = true;
            valid = self.apply(additional, member, Keyword::AdditionalProperties, report, None);
        }
        if (valid || report.goes_on())
            && let Some(names) = rules.property_names
        {
            valid &= self.name(names, key, member, report);
        }
        (judged, valid)
    }

    /// Judges a key as a value of its own.
    fn name(&self, schema: NodeId, key: &str, member: At, report: &mut Report<'_, '_>) -> bool {
        let document = Document::of_string(key);
        let judge = Judge::new(self.nodes, &document);
        if judge.apply(schema, ROOT, Keyword::PropertyNames, &mut Report::Silent, None) {
            return true;
        }
        report.add(member, Keyword::PropertyNames, || {
            let mut first = Report::first(&document, ROOT);
            judge.apply(schema, ROOT, Keyword::PropertyNames, &mut first, None);
            format!("expected another name than {}: {}", quoted(key), first.into_first().unwrap_or_default())
        });
        false
    }

    /// Judges which members must be there.
    fn missing(&self, rules: &ObjectRules, at: At, there: &Bits, report: &mut Report<'_, '_>) -> bool {
        let mut valid = true;
        for name in rules.required.iter().filter(|name| !there.contains(**name)) {
            valid = false;
            let name = rules.names.text(*name);
            let message = || format!("expected a member {}, found none", quoted(name));
            if !report.add_missing(at, name, Keyword::Required, message) {
                return false;
            }
        }
        for (cause, names) in rules.dependent_required.iter().filter(|(cause, _)| there.contains(*cause)) {
            for name in names.iter().filter(|name| !there.contains(**name)) {
                valid = false;
                let (name, cause) = (rules.names.text(*name), rules.names.text(*cause));
                let message = || {
                    format!(
                        "expected a member {}, since there is {}, found none",
                        quoted(name),
                        quoted(cause)
                    )
                };
                if !report.add_missing(at, name, Keyword::DependentRequired, message) {
                    return false;
                }
            }
        }
        valid
    }
}
