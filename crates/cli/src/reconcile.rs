//! What `eye reconcile` looks at: first whether anything is on its way, then the books beside the rows.

pub(crate) mod quiet;
pub(crate) mod verdict;
