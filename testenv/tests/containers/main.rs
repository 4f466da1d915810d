//! What tests stand on, tried on real containers.

mod databases;
mod faults;
mod killed;
#[path = "../killing/mod.rs"]
mod killing;
mod redis;
