//! What runs against a real API server, with the controllers where they matter.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "apiserver/bare.rs"]
mod bare;
#[path = "apiserver/controllers.rs"]
mod controllers;
#[path = "apiserver/diagnostics.rs"]
mod diagnostics;
