//! Which JSON values are equal: numbers by value, objects whatever the order of their members.
//!
//! Values are compared by 128 bits of a hash whose keys are drawn when the process starts: that two unequal ones in an
//! event share them is less likely than that the memory errs, and nobody can look for such a pair without the keys. In return no
//! comparison costs more than the values have bytes, and none recurses.

use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::LazyLock;

use super::document::{At, Content, Document};

/// Equal for equal values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Identity([u64; 2]);

static KEYS: LazyLock<[RandomState; 2]> = LazyLock::new(|| [RandomState::new(), RandomState::new()]);

impl Identity {
    fn of(feed: impl Fn(&mut dyn Hasher)) -> Self {
        Self(KEYS.each_ref().map(|keys| {
            let mut hasher = keys.build_hasher();
            feed(&mut hasher);
            hasher.finish()
        }))
    }

    /// The identity of a string.
    pub(super) fn of_string(text: &str) -> Self {
        Self::of(|mut hasher| {
            hasher.write_u8(b'"');
            text.hash(&mut hasher);
        })
    }

    /// The same whichever of two comes first, as members of an object need it.
    fn plus(self, other: Self) -> Self {
        Self([self.0[0].wrapping_add(other.0[0]), self.0[1].wrapping_add(other.0[1])])
    }
}

/// The identities of all values of a document.
#[derive(Clone, Debug)]
pub(super) struct Identities(Vec<Identity>);

impl Identities {
    pub(super) fn of(document: &Document<'_>) -> Self {
        let mut identities = vec![Identity([0; 2]); document.len()];
        // What is inside a value stands behind it.
        for at in (0..document.len()).rev() {
            identities[at] = match document.content(at) {
                Content::Array(_) => of_array(document, at, &identities),
                Content::Object(_) => of_object(document, at, &identities),
                scalar => of_scalar(scalar),
            };
        }
        Self(identities)
    }

    pub(super) fn get(&self, at: At) -> Identity {
        self.0[at]
    }
}

/// The identity of what has nothing inside it.
pub(super) fn of_scalar(content: &Content<'_>) -> Identity {
    match content {
        Content::String(text) => Identity::of_string(text),
        Content::Number(number) => {
            let decimal = number.decimal();
            Identity::of(|hasher| {
                hasher.write_u8(if decimal.is_negative() { b'-' } else { b'0' });
                hasher.write_i64(decimal.exponent());
                decimal.digits().for_each(|digit| hasher.write_u8(digit));
            })
        }
        Content::Boolean(value) => Identity::of(|hasher| hasher.write_u8(if *value { b't' } else { b'f' })),
        Content::Null | Content::Array(_) | Content::Object(_) => {
            Identity::of(|hasher| hasher.write_u8(b'n'))
        }
    }
}

fn of_array(document: &Document<'_>, at: At, identities: &[Identity]) -> Identity {
    Identity::of(|mut hasher| {
        hasher.write_u8(b'[');
        document.children(at).for_each(|element| identities[element].hash(&mut hasher));
    })
}

fn of_object(document: &Document<'_>, at: At, identities: &[Identity]) -> Identity {
    let members = document.members(at).map(|(key, member)| {
        Identity::of(|mut hasher| {
            key.hash(&mut hasher);
            identities[member].hash(&mut hasher);
        })
    });
    let sum = members.fold(Identity([0; 2]), Identity::plus);
    Identity::of(|mut hasher| {
        hasher.write_u8(b'{');
        sum.hash(&mut hasher);
    })
}
