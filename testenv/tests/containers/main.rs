//! What tests stand on, tried on real containers.

mod clients;
mod databases;
mod faults;
mod killed;
#[path = "../killing/mod.rs"]
mod killing;
mod llm_sdk;
mod redis;
