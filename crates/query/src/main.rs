//! The read endpoints.
fn main() {}
