//! What every list has in common.

/// In which order a list is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// The oldest first.
    Ascending,
    /// The newest first.
    Descending,
}

impl Order {
    /// The word of the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ascending => "asc",
            Self::Descending => "desc",
        }
    }

    /// Reads the word of the API.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Ascending, Self::Descending].into_iter().find(|order| order.as_str() == word)
    }
}

/// Some rows of a list, and whether more follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Whether the list goes on after them.
    pub more: bool,
}

impl<T> Page<T> {
    /// Makes a page of what a query gave that asked for one row more than the page has.
    pub(crate) fn of(mut rows: Vec<T>, limit: u32) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        Self { rows, more }
    }
}
