//! The read endpoints.
