//! Arrays.

use std::collections::HashMap;

use super::{Evaluated, Judge};
use crate::schema::document::At;
use crate::schema::node::{ArrayRules, Contains, Node};
use crate::schema::report::Report;
use crate::violation::Keyword;

impl Judge<'_, '_> {
    pub(super) fn array(
        &self,
        node: &Node,
        at: At,
        count: usize,
        report: &mut Report<'_, '_>,
        evaluated: &mut Evaluated<'_>,
    ) -> bool {
        let Some(rules) = &node.array else { return true };
        let mut valid = self.element_count(rules, at, count, report);
        if !valid && !report.goes_on() {
            return false;
        }
        if rules.unique {
            valid &= self.unique(at, report);
            if !valid && !report.goes_on() {
                return false;
            }
        }
        valid &= self.elements(rules, at, report, evaluated);
        if !valid && !report.goes_on() {
            return false;
        }
        if let Some(contains) = &rules.contains {
            valid &= self.contains(contains, at, report, evaluated);
        }
        valid
    }

    fn element_count(&self, rules: &ArrayRules, at: At, count: usize, report: &mut Report<'_, '_>) -> bool {
        if let Some(least) = rules.count_min
            && count < least
        {
            report
                .add(at, Keyword::MinItems, || format!("expected at least {least} elements, found {count}"));
            return false;
        }
        if let Some(most) = rules.count_max
            && count > most
        {
            report.add(at, Keyword::MaxItems, || format!("expected at most {most} elements, found {count}"));
            return false;
        }
        true
    }

    fn unique(&self, at: At, report: &mut Report<'_, '_>) -> bool {
        let mut known = HashMap::new();
        let twice = self.document.children(at).enumerate().find_map(|(index, element)| {
            known.insert(self.identity(element), index).map(|first| (first, index, element))
        });
        let Some((first, second, element)) = twice else { return true };
        report.add(at, Keyword::UniqueItems, || {
            let found = self.document.shown(element);
            format!("expected each element once, found {found} at {first} and again at {second}")
        });
        false
    }

    /// `prefixItems` and `items`.
    fn elements(
        &self,
        rules: &ArrayRules,
        at: At,
        report: &mut Report<'_, '_>,
        evaluated: &mut Evaluated<'_>,
    ) -> bool {
        let mut valid = true;
        for (index, element) in self.document.children(at).enumerate() {
            let (schema, keyword) = match (rules.prefix.get(index), rules.items) {
                (Some(schema), _) => (*schema, Keyword::PrefixItems),
                (None, Some(schema)) => (schema, Keyword::Items),
                (None, None) => break,
            };
            valid &= self.apply(schema, element, keyword, report, None);
            if !valid && !report.goes_on() {
                return false;
            }
            if let Some(evaluated) = evaluated.as_mut() {
                evaluated.insert(index);
            }
        }
        valid
    }

    fn contains(
        &self,
        contains: &Contains,
        at: At,
        report: &mut Report<'_, '_>,
        evaluated: &mut Evaluated<'_>,
    ) -> bool {
        let Contains { schema, count_min, count_max } = *contains;
        let mut found = 0;
        for (index, element) in self.document.children(at).enumerate() {
            if self.apply(schema, element, Keyword::Contains, &mut Report::Silent, None) {
                found += 1;
                if let Some(evaluated) = evaluated.as_mut() {
                    evaluated.insert(index);
                }
            }
        }
        let least = count_min.unwrap_or(1);
        if found < least {
            let keyword = if count_min.is_some() { Keyword::MinContains } else { Keyword::Contains };
            report.add(at, keyword, || {
                format!(
                    "expected at least {least} elements that the schema of `contains` allows, found {found}"
                )
            });
        }
        if let Some(most) = count_max
            && found > most
        {
            report.add(at, Keyword::MaxContains, || {
                format!(
                    "expected at most {most} elements that the schema of `contains` allows, found {found}"
                )
            });
        }
        found >= least && count_max.is_none_or(|most| found <= most)
    }
}
