//! `ultra-service`.
fn main() {}
