//! What tests stand on, tried on real containers.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "what a test needs is there, or the test fails; figures are printed"
)]

mod chaos;
mod clients;
mod databases;
mod faults;
mod killed;
#[path = "../killing/mod.rs"]
mod killing;
mod llm_sdk;
mod redis;
