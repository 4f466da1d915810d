//! What takes too long for every change: runs that are killed at any moment, and figures.
//!
//! These run one after the other, so that figures are measured alone.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "what a test needs is there, or the test fails; figures are printed"
)]

mod figures;
#[path = "../killing/mod.rs"]
mod killing;
mod kills;
mod nodes;
#[path = "../cluster/pod.rs"]
mod pod;
mod provisioning;
mod session;
