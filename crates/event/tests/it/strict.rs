//! What serde_json's own reading of a text shows of it that a value hides. It shares no code with what it is held against.

use std::collections::HashSet;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A JSON document, looked through.
#[derive(Debug, Default)]
pub(crate) struct Strict {
    pub(crate) has_duplicate_key: bool,
    pub(crate) has_nul: bool,
    /// How many objects and arrays are open at once at most.
    pub(crate) depth: usize,
}

impl Strict {
    fn take(&mut self, inner: &Self) {
        self.has_duplicate_key |= inner.has_duplicate_key;
        self.has_nul |= inner.has_nul;
        self.depth = self.depth.max(inner.depth + 1);
    }

    fn nested() -> Self {
        Self { depth: 1, ..Self::default() }
    }
}

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Look)
    }
}

struct Look;

impl<'de> Visitor<'de> for Look {
    type Value = Strict;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Strict, E> {
        Ok(Strict::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Strict, E> {
        Ok(Strict::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<Strict, E> {
        Ok(Strict::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Strict, E> {
        Ok(Strict::default())
    }

    fn visit_unit<E>(self) -> Result<Strict, E> {
        Ok(Strict::default())
    }

    fn visit_str<E>(self, text: &str) -> Result<Strict, E> {
        Ok(Strict { has_nul: text.contains('\0'), ..Strict::default() })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Strict, A::Error> {
        let mut found = Strict::nested();
        while let Some(element) = elements.next_element()? {
            found.take(&element);
        }
        Ok(found)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Strict, A::Error> {
        let mut found = Strict::nested();
        let mut keys = HashSet::new();
        while let Some((key, value)) = members.next_entry::<String, Strict>()? {
            found.has_nul |= key.contains('\0');
            found.take(&value);
            found.has_duplicate_key |= !keys.insert(key);
        }
        Ok(found)
    }
}
