//! What takes too long for every change: runs that are killed at any moment, and figures.
//!
//! These run one after the other, so that figures are measured alone.

mod figures;
mod kills;
#[path = "../killing/mod.rs"]
mod killing;
mod provisioning;
