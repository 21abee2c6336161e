//! Deliveries in, rows out, settle last.
fn main() {}
