//! The Ultra API service: a panel of language models answers a prompt, reviews its answers and writes one.
//!
//! A request walks `http` → `analyses` → `panel` → `llm`, its result goes to `store` and `cache`, and what it takes
//! (`metering`) to the `ledger` and against the `limits` by its `bill`. `startup` wires it all together; `config` is read before anything starts.

pub mod analyses;
pub mod auth;
pub mod bill;
mod bounded_file;
pub mod cache;
pub mod config;
pub mod domain;
pub mod health;
pub mod http;
pub mod ledger;
pub mod limits;
pub mod llm;
pub mod metering;
pub mod panel;
pub mod resumable;
pub mod secrets;
pub mod startup;
pub mod store;
pub mod telemetry;
mod watched_file;
