//! The service as its users meet it: over HTTP, on real Postgres and Redis.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test's helpers may fail the test"
)]

#[path = "containers/analyses.rs"]
mod analyses;
#[path = "containers/auth/mod.rs"]
mod auth;
#[path = "containers/cache.rs"]
mod cache;
#[path = "containers/canary.rs"]
mod canary;
#[path = "containers/credentials.rs"]
mod credentials;
#[path = "containers/errors.rs"]
mod errors;
#[path = "containers/harness.rs"]
mod harness;
#[path = "containers/health.rs"]
mod health;
#[path = "containers/openai.rs"]
mod openai;
#[path = "containers/outages.rs"]
mod outages;
#[path = "containers/program.rs"]
mod program;
#[path = "containers/secrets.rs"]
mod secrets;
#[path = "containers/shutdown.rs"]
mod shutdown;
#[path = "containers/store.rs"]
mod store;
