//! What `eye load` reads, and how it sends.
//!
//! One request at a time: events of one instant are read in the order in which they were received, and that order is to
//! be the file's.

pub(crate) mod loader;
pub(crate) mod outcome;
pub(crate) mod pace;
pub(crate) mod progress;
pub(crate) mod source;
