//! `cargo testenv`.
fn main() {}
