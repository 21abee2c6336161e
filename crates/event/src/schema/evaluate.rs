//! Judging a value by the nodes of a schema.
//!
//! Each node judges a value once, whatever is reported, but for the branches of `anyOf` and `oneOf`, which are looked at once more when all
//! failed and the violation says why: that keeps the cost within the bound that was set when the schema was compiled.

mod array;
mod combine;
mod object;
mod scalar;

use std::cell::OnceCell;

use super::bits::Bits;
use super::document::{At, Content, Document};
use super::identity::{Identities, Identity, of_scalar};
use super::message::quoted;
use super::node::{Choice, Node, NodeId};
use super::report::Report;
use crate::violation::Keyword;

/// Judges the values of a document.
pub(super) struct Judge<'s, 'd> {
    nodes: &'s [Node],
    document: &'s Document<'d>,
    /// Known once something needs them.
    identities: OnceCell<Identities>,
}

/// The members or elements of a value that were judged by some schema, where an `unevaluated…` asks for them.
type Evaluated<'e> = Option<&'e mut Bits>;

impl<'s, 'd> Judge<'s, 'd> {
    pub(super) fn new(nodes: &'s [Node], document: &'s Document<'d>) -> Self {
        Self { nodes, document, identities: OnceCell::new() }
    }

    /// Judges a value by a node; `holder` is the keyword that holds the node. Gives whether the value is allowed.
    pub(super) fn apply(
        &self,
        id: NodeId,
        at: At,
        holder: Keyword,
        report: &mut Report<'_, '_>,
        evaluated: Evaluated<'_>,
    ) -> bool {
        let node = &self.nodes[id];
        if node.never {
            report.add(at, holder, || self.nothing(at, holder));
            return false;
        }
        let mut valid = self.basics(node, at, report);
        if !valid && !report.goes_on() {
            return false;
        }
        // Kept apart: what is unevaluated here is not so for what lies further out.
        let mut own = Bits::default();
        let asked =
            evaluated.is_some() || node.unevaluated_members.is_some() || node.unevaluated_elements.is_some();
        let mut marks = asked.then_some(&mut own);
        valid &= match self.document.content(at) {
            Content::Object(count) => self.object(node, at, *count, report, &mut marks),
            Content::Array(count) => self.array(node, at, *count, report, &mut marks),
            _ => true,
        };
        if !valid && !report.goes_on() {
            return false;
        }
        if let Some(combination) = &node.combination {
            valid &= self.combination(combination, at, holder, report, &mut marks);
            if !valid && !report.goes_on() {
                return false;
            }
        }
        if asked {
            valid &= self.unevaluated(node, at, report, &mut own);
        }
        if let Some(evaluated) = evaluated {
            evaluated.merge(&own);
        }
        valid
    }

    /// `type`, `const`, `enum`, and what numbers and strings must be.
    fn basics(&self, node: &Node, at: At, report: &mut Report<'_, '_>) -> bool {
        let content = self.document.content(at);
        let mut valid = true;
        if let Some(types) = node.types
            && !types.hold(content)
        {
            valid = false;
            report.add(at, Keyword::Type, || {
                let found = match content {
                    Content::Number(_) if types.hold_integers_alone() => self.document.shown(at),
                    _ => content.kind().name().to_owned(),
                };
                format!("expected {}, found {found}", types.names())
            });
        }
        for (choice, keyword, expected) in
            [(&node.constant, Keyword::Const, ""), (&node.choices, Keyword::Enum, "one of ")]
        {
            if (valid || report.goes_on())
                && let Some(choice) = choice
                && !self.is_chosen(choice, at)
            {
                valid = false;
                report.add(at, keyword, || {
                    format!("expected {expected}{}, found {}", choice.written, self.document.shown(at))
                });
            }
        }
        if !valid && !report.goes_on() {
            return false;
        }
        let scalar = match (content, &node.number, &node.string) {
            (Content::Number(number), Some(rules), _) => self.number(rules, *number, at, report),
            (Content::String(text), _, Some(rules)) => self.string(rules, text, at, report),
            _ => true,
        };
        valid && scalar
    }

    fn is_chosen(&self, choice: &Choice, at: At) -> bool {
        let content = self.document.content(at);
        match content {
            Content::Array(_) | Content::Object(_) => {
                choice.has_nested && choice.identities.contains(&self.identity(at))
            }
            scalar => choice.identities.contains(&of_scalar(scalar)),
        }
    }

    fn identity(&self, at: At) -> Identity {
        self.identities.get_or_init(|| Identities::of(self.document)).get(at)
    }

    /// Judges what no other keyword of the node judged.
    fn unevaluated(&self, node: &Node, at: At, report: &mut Report<'_, '_>, own: &mut Bits) -> bool {
        let (schema, keyword) =
            match (self.document.content(at), node.unevaluated_members, node.unevaluated_elements) {
                (Content::Object(_), Some(schema), _) => (schema, Keyword::UnevaluatedProperties),
                (Content::Array(_), _, Some(schema)) => (schema, Keyword::UnevaluatedItems),
                _ => return true,
            };
        let mut valid = true;
        for (index, child) in self.document.children(at).enumerate() {
            if own.contains(index) {
                continue;
            }
            valid &= self.apply(schema, child, keyword, report, None);
            if !valid && !report.goes_on() {
                return false;
            }
        }
        own.insert_all();
        valid
    }

    /// What is told where a schema allows nothing.
    fn nothing(&self, at: At, holder: Keyword) -> String {
        match (&self.document.value(at).key, holder) {
            (
                Some(key),
                Keyword::AdditionalProperties
                | Keyword::UnevaluatedProperties
                | Keyword::Properties
                | Keyword::PatternProperties,
            ) => {
                format!("expected no member {}, found one", quoted(key))
            }
            (_, Keyword::Items | Keyword::PrefixItems | Keyword::UnevaluatedItems) => {
                format!("expected no element here, found {}", self.document.shown(at))
            }
            _ => format!(
                "expected nothing, since a schema of `{}` allows no value, found {}",
                holder.as_str(),
                self.document.shown(at)
            ),
        }
    }
}
