//! Tests that need nothing but a loopback interface.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[cfg(feature = "llm")]
mod llm;
