//! eye, the operators' command.
fn main() {}
