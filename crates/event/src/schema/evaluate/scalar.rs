//! Numbers and strings.

use std::cmp::Ordering;

use super::Judge;
use crate::schema::document::At;
use crate::schema::message::shown;
use crate::schema::node::{NumberRules, StringRules};
use crate::schema::number::{Limit, Number};
use crate::schema::report::Report;
use crate::violation::Keyword;

/// A limit, how a number may compare to it, its keyword and the words of its message.
type LimitRule<'r> = (&'r Option<Limit>, fn(Ordering) -> bool, Keyword, &'static str);

impl Judge<'_, '_> {
    pub(super) fn number(
        &self,
        rules: &NumberRules,
        number: Number<'_>,
        at: At,
        report: &mut Report<'_, '_>,
    ) -> bool {
        let limits: [LimitRule<'_>; 4] = [
            (&rules.minimum, Ordering::is_ge, Keyword::Minimum, "a number of at least"),
            (&rules.exclusive_minimum, Ordering::is_gt, Keyword::ExclusiveMinimum, "a number above"),
            (&rules.maximum, Ordering::is_le, Keyword::Maximum, "a number of at most"),
            (&rules.exclusive_maximum, Ordering::is_lt, Keyword::ExclusiveMaximum, "a number below"),
        ];
        let mut valid = true;
        for (limit, fits, keyword, words) in limits {
            if let Some(limit) = limit
                && !fits(limit.compare(number))
            {
                valid = false;
                let message = || {
                    format!(
                        "expected {words} {}, found {}",
                        shown(limit.number().text()),
                        shown(number.text())
                    )
                };
                if !report.add(at, keyword, message) {
                    return false;
                }
            }
        }
        if let Some(divisor) = &rules.multiple_of
            && !divisor.divides(number)
        {
            valid = false;
            report.add(at, Keyword::MultipleOf, || {
                format!("expected a multiple of {}, found {}", shown(divisor.text()), shown(number.text()))
            });
        }
        valid
    }

    pub(super) fn string(
        &self,
        rules: &StringRules,
        text: &str,
        at: At,
        report: &mut Report<'_, '_>,
    ) -> bool {
        let mut valid = self.length(rules, text, at, report);
        if !valid && !report.goes_on() {
            return false;
        }
        if let Some(pattern) = &rules.pattern
            && !pattern.is_match(text)
        {
            valid = false;
            let message = || {
                let (pattern, found) = (shown(pattern.source()), self.document.shown(at));
                format!("expected a match of the pattern {pattern}, found {found}")
            };
            if !report.add(at, Keyword::Pattern, message) {
                return false;
            }
        }
        if let Some(format) = &rules.format
            && !format.is_match(text)
        {
            valid = false;
            report.add(at, Keyword::Format, || {
                format!("expected the format {}, found {}", format.name(), self.document.shown(at))
            });
        }
        valid
    }

    fn length(&self, rules: &StringRules, text: &str, at: At, report: &mut Report<'_, '_>) -> bool {
        if rules.length_min.is_none() && rules.length_max.is_none() {
            return true;
        }
        let characters = text.chars().count();
        if let Some(least) = rules.length_min
            && characters < least
        {
            report.add(at, Keyword::MinLength, || {
                format!("expected at least {least} characters, found {characters}")
            });
            return false;
        }
        if let Some(most) = rules.length_max
            && characters > most
        {
            report.add(at, Keyword::MaxLength, || {
                format!("expected at most {most} characters, found {characters}")
            });
            return false;
        }
        true
    }
}
