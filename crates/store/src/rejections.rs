//! Errors of rejected events and warnings of stored ones, read.

pub(crate) mod filter;
mod list;

pub use filter::ErrorFilter;
pub use list::{INPUT_BYTES_IN_LISTS, StoredError};
