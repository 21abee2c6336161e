//! HTTP in, envelope out.
fn main() {}
