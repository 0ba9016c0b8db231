//! Catch-up.
fn main() {}
