//! Where in an event a value stands, as a JSON Pointer (RFC 6901).

use std::fmt::Write;

use crate::json::Text;

/// One step from a value to a value inside it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step<'a> {
    Member(Text<'a>),
    Element(usize),
}

/// The pointer made of some steps. What can't be stored is written `\uXXXX`.
pub(super) fn pointer<'a>(steps: impl Iterator<Item = Step<'a>>) -> String {
    let mut pointer = String::new();
    for step in steps {
        pointer.push('/');
        match step {
            Step::Member(key) => push_escaped(&mut pointer, &key.decode()),
            // Writing to a string can't fail.
            Step::Element(index) => drop(write!(pointer, "{index}")),
        }
    }
    pointer
}

pub(crate) fn push_escaped(pointer: &mut String, key: &str) {
    for character in key.chars() {
        match character {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            other => pointer.push(other),
        }
    }
}
