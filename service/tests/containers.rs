//! The service as its users meet it: over HTTP, on real Postgres and Redis.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test's helpers may fail the test, and print figures"
)]

#[path = "containers/analyses.rs"]
mod analyses;
#[path = "containers/auth/mod.rs"]
mod auth;
#[path = "containers/cache.rs"]
mod cache;
#[path = "containers/canary.rs"]
mod canary;
#[path = "containers/clients/mod.rs"]
mod clients;
#[path = "contract/mod.rs"]
mod contract;
#[path = "containers/contract.rs"]
mod contract_gate;
#[path = "containers/credentials.rs"]
mod credentials;
#[path = "containers/errors.rs"]
mod errors;
#[path = "containers/harness.rs"]
mod harness;
#[path = "containers/health.rs"]
mod health;
#[path = "containers/idempotency.rs"]
mod idempotency;
#[path = "containers/ledger.rs"]
mod ledger;
#[path = "containers/limits/mod.rs"]
mod limits;
#[path = "matrix/mod.rs"]
mod matrix;
#[path = "containers/matrix_rows.rs"]
mod matrix_rows;
#[path = "containers/openai.rs"]
mod openai;
#[path = "containers/outages.rs"]
mod outages;
#[path = "containers/page/mod.rs"]
mod page;
#[path = "containers/panel.rs"]
mod panel;
#[path = "containers/program.rs"]
mod program;
#[path = "promise/mod.rs"]
mod promise;
#[path = "containers/providers/mod.rs"]
mod providers;
#[path = "containers/resumable.rs"]
mod resumable;
#[path = "containers/secrets.rs"]
mod secrets;
#[path = "containers/shutdown.rs"]
mod shutdown;
#[path = "containers/store.rs"]
mod store;

use auth::people;
