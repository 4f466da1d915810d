//! The Ultra API service: a panel of language models answers a prompt, reviews its answers and writes one.
//!
//! A request walks `http` → `analyses` → `panel` → `llm`, and its result goes to `store` and `cache`. `startup` wires
//! it all together; `config` is read before anything starts.

pub mod analyses;
pub mod auth;
mod bounded_file;
pub mod cache;
pub mod config;
pub mod domain;
pub mod health;
pub mod http;
pub mod llm;
pub mod panel;
pub mod secrets;
pub mod startup;
pub mod store;
pub mod telemetry;
mod watched_file;
