//! The types of `type`.

use super::document::Content;

/// The words of `type`, with how messages call a value of that type.
const TYPES: [(&str, &str); 7] = [
    ("null", "null"),
    ("boolean", "a boolean"),
    ("integer", "an integer"),
    ("number", "a number"),
    ("string", "a string"),
    ("array", "an array"),
    ("object", "an object"),
];

const INTEGER: usize = 2;

/// A set of types: a bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Types(u8);

impl Types {
    /// Adds the type of a word; false where there is no such type.
    pub(super) fn add(&mut self, word: &str) -> bool {
        let index = TYPES.iter().position(|(known, _)| *known == word);
        index.inspect(|index| self.0 |= 1 << index).is_some()
    }

    /// Whether it holds the type of a value.
    pub(super) fn hold(self, content: &Content<'_>) -> bool {
        let index = match content {
            Content::Null => 0,
            Content::Boolean(_) => 1,
            Content::Number(number) => {
                return self.has(3) || self.has(INTEGER) && number.is_integer();
            }
            Content::String(_) => 4,
            Content::Array(_) => 5,
            Content::Object(_) => 6,
        };
        self.has(index)
    }

    /// Whether it holds objects.
    pub(super) const fn hold_objects(self) -> bool {
        self.has(6)
    }

    /// Whether of all numbers it holds integers alone.
    pub(super) const fn hold_integers_alone(self) -> bool {
        self.has(INTEGER) && !self.has(3)
    }

    const fn has(self, index: usize) -> bool {
        self.0 & (1 << index) != 0
    }

    /// The words of `type`, for messages.
    pub(super) fn words() -> String {
        TYPES.map(|(word, _)| word).join(", ")
    }

    /// As messages call them: `a string or null`.
    pub(super) fn names(self) -> String {
        let names = TYPES.iter().enumerate().rev().filter(|(index, _)| self.has(*index));
        names.map(|(_, (_, name))| *name).collect::<Vec<_>>().join(" or ")
    }
}
