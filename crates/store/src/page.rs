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

/// How much a page holds at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageLimit {
    /// So many rows.
    pub rows: u32,
    /// So many bytes, and one row whatever its size. What a service holds of an answer must not depend on what was sent.
    pub bytes: usize,
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

/// The rows of a page as they come, until it is full and it is known whether more follow.
pub(crate) struct Filling<T> {
    limit: PageLimit,
    page: Page<T>,
    bytes: usize,
}

impl<T> Filling<T> {
    pub(crate) const fn new(limit: PageLimit) -> Self {
        Self { limit, page: Page { rows: Vec::new(), more: false }, bytes: 0 }
    }

    /// How many rows are to be asked for: those that still may fit, and one that tells that more follow.
    pub(crate) fn wanted(&self) -> i64 {
        if self.page.more {
            return 0;
        }
        let held = i64::try_from(self.page.rows.len()).unwrap_or(i64::MAX);
        i64::from(self.limit.rows).saturating_sub(held) + 1
    }

    /// Takes the next row, of about so many bytes; false where nothing more is wanted.
    pub(crate) fn take(&mut self, row: T, bytes: usize) -> bool {
        let held = self.page.rows.len();
        let has_room = u32::try_from(held).is_ok_and(|held| held < self.limit.rows);
        if has_room && (held == 0 || self.bytes < self.limit.bytes) {
            self.bytes += bytes;
            self.page.rows.push(row);
        } else {
            self.page.more = true;
        }
        !self.page.more
    }

    pub(crate) fn into_page(self) -> Page<T> {
        self.page
    }
}
