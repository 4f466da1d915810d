//! The statements of both databases, written once: they take the same SQL and the same placeholders. What differs (the
//! driver's types, how times are kept, how a transaction begins and a row is locked) is in `connection` and
//! `timestamp`.

mod account_store;
mod api_keys;
mod audit_log;
mod connection;
mod idempotency;
mod invites;
mod provider_keys;
mod refresh_tokens;
mod revocations;
mod secret_store;
mod sessions;
mod timestamp;
mod transaction;
mod usage;
mod usage_partitions;
mod usage_store;
mod users;

pub(super) use connection::{Database, Lease, Transaction};
pub(super) use transaction::{call, transaction};
