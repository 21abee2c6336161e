//! A set of small numbers.

/// Which of the members of an object, or of the names that a schema knows, something holds for. Up to 64 need no allocation.
#[derive(Clone, Debug, Default)]
pub(super) struct Bits {
    all: bool,
    first: u64,
    more: Vec<u64>,
}

impl Bits {
    pub(super) fn insert(&mut self, bit: usize) {
        let Some(word) = (bit / 64).checked_sub(1) else {
            self.first |= 1 << bit;
            return;
        };
        if self.more.len() <= word {
            self.more.resize(word + 1, 0);
        }
        self.more[word] |= 1 << (bit % 64);
    }

    /// Adds every number there is.
    pub(super) fn insert_all(&mut self) {
        self.all = true;
    }

    pub(super) fn contains(&self, bit: usize) -> bool {
        let word = match (bit / 64).checked_sub(1) {
            None => self.first,
            Some(word) => self.more.get(word).copied().unwrap_or_default(),
        };
        self.all || word & (1 << (bit % 64)) != 0
    }

    /// Adds what another holds.
    pub(super) fn merge(&mut self, other: &Self) {
        self.all |= other.all;
        self.first |= other.first;
        if self.more.len() < other.more.len() {
            self.more.resize(other.more.len(), 0);
        }
        self.more.iter_mut().zip(&other.more).for_each(|(word, other)| *word |= other);
    }
}
