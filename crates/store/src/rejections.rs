//! Errors of rejected events and warnings of stored ones, read.

pub(crate) mod filter;
mod list;
mod spans;
mod summary;

pub use filter::ErrorFilter;
pub use list::{INPUT_BYTES_IN_LISTS, StoredError};
pub use spans::ErrorSpans;
pub use summary::{ErrorBucket, ErrorExample, ErrorGroup, ErrorTrait};
