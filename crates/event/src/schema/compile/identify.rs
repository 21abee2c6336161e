//! Keywords by which schemas are named and refer to each other. What they refer to is inside the document: nothing is
//! fetched.

use percent_encoding::percent_decode_str;

use super::{Compiler, combination};
use crate::schema::document::{At, ROOT};
use crate::schema::fault::SchemaFault;
use crate::schema::message::quoted;
use crate::schema::node::NodeId;

/// The one draft that is read.
const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

/// A reference that was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reference {
    pub(super) from: NodeId,
    /// Where it is written.
    pub(super) at: At,
}

impl Compiler<'_> {
    /// Takes a keyword, if it is one of these.
    pub(super) fn identifier(
        &mut self,
        keyword: &str,
        value: At,
        level: usize,
        id: NodeId,
    ) -> Result<bool, SchemaFault> {
        match keyword {
            "$schema" => {
                let draft = self.string(value)?;
                if draft.strip_suffix('#').unwrap_or(draft) != DRAFT {
                    return self.unexpected(value, &format!("the draft {DRAFT:?}"));
                }
            }
            // In a single document nothing is dynamic: the outermost of two with one name would be refused.
            "$ref" | "$dynamicRef" => self.references.push(Reference { from: id, at: value }),
            "$anchor" | "$dynamicAnchor" => self.anchor(value, self.places[id])?,
            "$defs" | "definitions" => {
                for (_, member) in self.members(value, "an object of schemas")? {
                    self.schema(member, level)?;
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn anchor(&mut self, value: At, of: At) -> Result<(), SchemaFault> {
        let name = self.string(value)?;
        let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !begins || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
            return self
                .unexpected(value, "a name of letters, digits and - _ . that begins with a letter or _");
        }
        if self.anchors.insert(name, of).is_some_and(|other| other != of) {
            return self.fault(
                value,
                format!("expected a name that no other schema has, found {} again", quoted(name)),
            );
        }
        Ok(())
    }

    /// Leads every reference to its node.
    pub(super) fn resolve(&mut self) -> Result<(), SchemaFault> {
        for Reference { from, at } in self.references.clone() {
            let target = self.target(at)?;
            combination(&mut self.nodes[from]).references.push(target);
        }
        Ok(())
    }

    /// The node that the reference at a place leads to.
    pub(super) fn target(&self, at: At) -> Result<NodeId, SchemaFault> {
        let reference = self.string(at)?;
        let Some(fragment) = reference.strip_prefix('#') else {
            let expected = "a reference into this schema, such as \"#/$defs/NAME\" (nothing is fetched)";
            return self.unexpected(at, expected);
        };
        let Ok(fragment) = percent_decode_str(fragment).decode_utf8() else {
            return self.unexpected(at, "a reference in UTF-8");
        };
        let place = match fragment.as_ref() {
            "" => Some(ROOT),
            pointer if pointer.starts_with('/') => self.document.find(pointer),
            name => self.anchors.get(name).copied(),
        };
        match place {
            None => self.unexpected(at, "a reference to a schema that is there"),
            Some(place) => match self.node_at.get(&place) {
                Some(node) => Ok(*node),
                None => self.unexpected(at, "a reference to a schema (there is something else)"),
            },
        }
    }
}
