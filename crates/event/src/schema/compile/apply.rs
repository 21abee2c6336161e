//! Keywords that judge a value, or what is inside it, by other schemas.

use super::{Compiler, combination};
use crate::schema::document::{At, Content};
use crate::schema::fault::SchemaFault;
use crate::schema::node::{Condition, Contains, Node, NodeId};

impl<'a> Compiler<'a> {
    /// Takes a keyword, if it is one of these.
    pub(super) fn applicator(
        &mut self,
        keyword: &str,
        value: At,
        level: usize,
        node: &mut Node,
    ) -> Result<bool, SchemaFault> {
        match keyword {
            "allOf" => combination(node).all_of = self.schemas(value, level)?,
            "anyOf" => combination(node).any_of = self.schemas(value, level)?,
            "oneOf" => combination(node).one_of = self.schemas(value, level)?,
            "not" => combination(node).not = Some(self.schema(value, level)?),
            "if" => {
                let test = self.schema(value, level)?;
                condition(node).test = test;
            }
            "then" => condition(node).then = Some(self.schema(value, level)?),
            "else" => condition(node).otherwise = Some(self.schema(value, level)?),
            _ => {
                return Ok(self.of_object(keyword, value, level, node)?
                    || self.of_array(keyword, value, level, node)?);
            }
        }
        Ok(true)
    }

    fn of_object(
        &mut self,
        keyword: &str,
        value: At,
        level: usize,
        node: &mut Node,
    ) -> Result<bool, SchemaFault> {
        match keyword {
            "unevaluatedProperties" => {
                node.unevaluated_members = Some(self.schema(value, level)?);
                return Ok(true);
            }
            "properties"
            | "patternProperties"
            | "additionalProperties"
            | "propertyNames"
            | "dependentSchemas" => {}
            _ => return Ok(false),
        }
        let rules = node.object.get_or_insert_default();
        match keyword {
            "additionalProperties" => rules.additional = Some(self.schema(value, level)?),
            "propertyNames" => rules.property_names = Some(self.schema(value, level)?),
            _ => {
                for (name, member) in self.members(value, "an object of schemas")? {
                    let schema = self.schema(member, level)?;
                    match keyword {
                        "properties" => rules.names.add_property(name, schema),
                        "patternProperties" => rules.patterns.push((self.pattern(member, name)?, schema)),
                        _ => {
                            let id = rules.names.add(name);
                            rules.dependent_schemas.push((id, schema));
                        }
                    }
                }
            }
        }
        Ok(true)
    }

    fn of_array(
        &mut self,
        keyword: &str,
        value: At,
        level: usize,
        node: &mut Node,
    ) -> Result<bool, SchemaFault> {
        match keyword {
            "items" => {
                if let Content::Array(_) = self.document.content(value) {
                    return self.unexpected(
                        value,
                        "a schema (an object or a boolean; in 2020-12 a schema an element is `prefixItems`)",
                    );
                }
                let schema = self.schema(value, level)?;
                node.array.get_or_insert_default().items = Some(schema);
            }
            "prefixItems" => {
                let schemas = self.schemas(value, level)?;
                node.array.get_or_insert_default().prefix = schemas;
            }
            "unevaluatedItems" => node.unevaluated_elements = Some(self.schema(value, level)?),
            "contains" => {
                let schema = self.schema(value, level)?;
                contains(node).schema = schema;
            }
            "minContains" => contains(node).count_min = Some(self.count(value)?),
            "maxContains" => contains(node).count_max = Some(self.count(value)?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// An array of at least one schema.
    fn schemas(&mut self, value: At, level: usize) -> Result<Vec<NodeId>, SchemaFault> {
        let elements = self.elements(value, "an array of schemas")?;
        if elements.is_empty() {
            return self.fault(value, "expected at least one schema, found none");
        }
        elements.into_iter().map(|element| self.schema(element, level)).collect()
    }
}

/// The condition of a node. What `if` holds is read in any order: without it, the node is refused.
fn condition(node: &mut Node) -> &mut Condition {
    combination(node).condition.get_or_insert(Condition { test: 0, then: None, otherwise: None })
}

/// As [`condition`].
fn contains(node: &mut Node) -> &mut Contains {
    let rules = node.array.get_or_insert_default();
    rules.contains.get_or_insert(Contains { schema: 0, count_min: None, count_max: None })
}
