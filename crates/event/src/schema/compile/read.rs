//! What keywords may hold.

use std::collections::HashSet;

use super::Compiler;
use crate::schema::document::{At, Content};
use crate::schema::fault::SchemaFault;
use crate::schema::number::Number;

impl<'a> Compiler<'a> {
    pub(super) fn unexpected<T>(&self, at: At, expected: &str) -> Result<T, SchemaFault> {
        let found = match self.document.content(at) {
            Content::Object(_) | Content::Array(_) => self.document.content(at).kind().name().to_owned(),
            _ => self.document.shown(at),
        };
        self.fault(at, format!("expected {expected}, found {found}"))
    }

    pub(super) fn string(&self, at: At) -> Result<&'a str, SchemaFault> {
        match self.document.content(at) {
            Content::String(text) => Ok(text),
            _ => self.unexpected(at, "a string"),
        }
    }

    pub(super) fn boolean(&self, at: At) -> Result<bool, SchemaFault> {
        match self.document.content(at) {
            Content::Boolean(value) => Ok(*value),
            _ => self.unexpected(at, "true or false"),
        }
    }

    pub(super) fn number(&self, at: At) -> Result<Number<'a>, SchemaFault> {
        match self.document.content(at) {
            Content::Number(number) => Ok(*number),
            _ => self.unexpected(at, "a number"),
        }
    }

    /// A whole number from zero on. One beyond what can be counted is the largest that can.
    pub(super) fn count(&self, at: At) -> Result<usize, SchemaFault> {
        match self.document.content(at) {
            Content::Number(number) if number.is_integer() && !number.decimal().is_negative() => {
                let decimal = number.decimal();
                let zeros = usize::try_from(decimal.exponent()).unwrap_or_default();
                let digits = decimal.digits().chain(std::iter::repeat_n(b'0', zeros));
                let value = digits.fold(0usize, |value, digit| {
                    value.saturating_mul(10).saturating_add(usize::from(digit - b'0'))
                });
                Ok(value)
            }
            _ => self.unexpected(at, "a whole number of at least 0"),
        }
    }

    /// The elements of an array.
    pub(super) fn elements(&self, at: At, expected: &str) -> Result<Vec<At>, SchemaFault> {
        match self.document.content(at) {
            Content::Array(_) => Ok(self.document.children(at).collect()),
            _ => self.unexpected(at, expected),
        }
    }

    /// The members of an object.
    pub(super) fn members(&self, at: At, expected: &str) -> Result<Vec<(&'a str, At)>, SchemaFault> {
        match self.document.content(at) {
            Content::Object(_) => Ok(self.document.members(at).collect()),
            _ => self.unexpected(at, expected),
        }
    }

    /// The strings of an array, each of which stands in it once.
    pub(super) fn strings(&self, at: At) -> Result<Vec<&'a str>, SchemaFault> {
        let mut known = HashSet::new();
        let mut strings = Vec::new();
        for element in self.elements(at, "an array of strings")? {
            let string = self.string(element)?;
            if !known.insert(string) {
                return self
                    .unexpected(element, "each string once")
                    .map_err(|fault| SchemaFault { reason: format!("{} again", fault.reason), ..fault });
            }
            strings.push(string);
        }
        Ok(strings)
    }
}
