//! `ultra-operator`.
fn main() {}
