//! Keywords that say something of a value by themselves.

use super::Compiler;
use crate::schema::document::{At, Content};
use crate::schema::fault::SchemaFault;
use crate::schema::format::Format;
use crate::schema::identity::Identities;
use crate::schema::message::shown;
use crate::schema::node::{ArrayRules, Choice, Node, NumberRules, ObjectRules, StringRules};
use crate::schema::number::{DIVISOR_DIGITS_MAX, Divisor, Limit};
use crate::schema::types::Types;

fn numbers(node: &mut Node) -> &mut NumberRules {
    node.number.get_or_insert_default()
}

fn strings(node: &mut Node) -> &mut StringRules {
    node.string.get_or_insert_default()
}

fn arrays(node: &mut Node) -> &mut ArrayRules {
    node.array.get_or_insert_default()
}

fn objects(node: &mut Node) -> &mut ObjectRules {
    node.object.get_or_insert_default()
}

impl Compiler<'_> {
    /// Takes a keyword, if it is one of these.
    pub(super) fn assertion(
        &mut self,
        keyword: &str,
        value: At,
        node: &mut Node,
    ) -> Result<bool, SchemaFault> {
        match keyword {
            "type" => node.types = Some(self.types(value)?),
            "const" => node.constant = Some(self.choice(&[value])),
            "enum" => {
                let values = self.elements(value, "an array of values")?;
                if values.is_empty() {
                    return self.fault(value, "expected at least one value, found none");
                }
                node.choices = Some(self.choice(&values));
            }
            "minProperties" => objects(node).count_min = Some(self.count(value)?),
            "maxProperties" => objects(node).count_max = Some(self.count(value)?),
            "required" => self.required(value, objects(node))?,
            "dependentRequired" => self.dependent_required(value, objects(node))?,
            "minItems" => arrays(node).count_min = Some(self.count(value)?),
            "maxItems" => arrays(node).count_max = Some(self.count(value)?),
            "uniqueItems" => arrays(node).unique = self.boolean(value)?,
            _ => return Ok(self.of_number(keyword, value, node)? || self.of_string(keyword, value, node)?),
        }
        Ok(true)
    }

    fn of_number(&self, keyword: &str, value: At, node: &mut Node) -> Result<bool, SchemaFault> {
        let limit = || self.number(value).map(Limit::new).map(Some);
        match keyword {
            "minimum" => numbers(node).minimum = limit()?,
            "exclusiveMinimum" => numbers(node).exclusive_minimum = limit()?,
            "maximum" => numbers(node).maximum = limit()?,
            "exclusiveMaximum" => numbers(node).exclusive_maximum = limit()?,
            "multipleOf" => {
                let Some(divisor) = Divisor::new(self.number(value)?) else {
                    let expected = format!("a number above 0 of at most {DIVISOR_DIGITS_MAX} digits");
                    return self.unexpected(value, &expected);
                };
                numbers(node).multiple_of = Some(divisor);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn of_string(&mut self, keyword: &str, value: At, node: &mut Node) -> Result<bool, SchemaFault> {
        match keyword {
            "minLength" => strings(node).length_min = Some(self.count(value)?),
            "maxLength" => strings(node).length_max = Some(self.count(value)?),
            "pattern" => {
                let source = self.string(value)?;
                strings(node).pattern = Some(self.pattern(value, source)?);
            }
            "format" => {
                let Some(format) = Format::find(self.string(value)?) else {
                    let expected = format!("one of the formats that are checked ({})", Format::names());
                    return self.unexpected(value, &expected);
                };
                strings(node).format = Some(format);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn types(&self, value: At) -> Result<Types, SchemaFault> {
        let words = match self.document.content(value) {
            Content::String(_) => vec![value],
            _ => self.elements(value, "the name of a type, or an array of such names")?,
        };
        if words.is_empty() {
            return self.fault(value, "expected at least one type, found none");
        }
        let mut types = Types::default();
        for word in words {
            let before = types;
            if !types.add(self.string(word)?) {
                return self.unexpected(word, &format!("one of the types {}", Types::words()));
            }
            if types == before {
                return self.unexpected(word, "each type once");
            }
        }
        Ok(types)
    }

    fn choice(&self, values: &[At]) -> Choice {
        let identities = self.identities.get_or_init(|| Identities::of(self.document));
        let contents = || values.iter().map(|&at| self.document.content(at));
        // More would be cut from the message.
        let written: Vec<_> = values.iter().take(50).map(|&at| self.document.shown(at)).collect();
        Choice {
            identities: values.iter().map(|&at| identities.get(at)).collect(),
            written: shown(&written.join(", ")),
            has_nested: contents().any(|content| matches!(content, Content::Array(_) | Content::Object(_))),
            has_object: contents().any(|content| matches!(content, Content::Object(_))),
        }
    }

    fn required(&self, value: At, rules: &mut ObjectRules) -> Result<(), SchemaFault> {
        for name in self.strings(value)? {
            let id = rules.names.add(name);
            rules.required.push(id);
        }
        Ok(())
    }

    fn dependent_required(&self, value: At, rules: &mut ObjectRules) -> Result<(), SchemaFault> {
        for (name, others) in self.members(value, "an object of arrays of strings")? {
            let others = self.strings(others)?.into_iter().map(|other| rules.names.add(other)).collect();
            let id = rules.names.add(name);
            rules.dependent_required.push((id, others));
        }
        Ok(())
    }
}
