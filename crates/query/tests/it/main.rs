//! The query service as its users see it.
