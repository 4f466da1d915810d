//! What tests stand on: real Postgres, Redis and Kubernetes, with faults on demand and nothing left behind.
//!
//! ```no_run
//! # async fn example() -> Result<(), ultra_testenv::Error> {
//! use ultra_testenv::Stack;
//!
//! let stack = Stack::builder().postgres().redis().start().await?;
//! let database = stack.postgres().fresh_database().await?;
//! println!("{} {}", database.url(), stack.redis().url());
//! # Ok(())
//! # }
//! ```
//!
//! `cargo testenv test` owns the containers and hands them to the tests; under a bare `cargo test` the first test
//! process starts the host process that owns them, and it ends with the last one.

pub mod cache_dir;
mod cargo;
#[cfg(feature = "cli")]
mod cleanup;
#[cfg(feature = "cli")]
pub mod cli;
mod client;
pub mod clients;
#[cfg(feature = "cluster")]
mod cluster;
#[cfg(feature = "cli")]
pub mod doctor;
mod error;
mod file_lock;
#[cfg(feature = "cli")]
mod host;
#[cfg(feature = "llm")]
pub mod llm;
mod program;
mod protocol;
#[cfg(feature = "cli")]
pub mod provision;
#[cfg(feature = "cli")]
mod run;
mod stack;
mod token;
#[cfg(feature = "cli")]
pub mod versions;
#[cfg(feature = "cli")]
mod watchdog;

#[cfg(feature = "cluster")]
pub use cluster::{Cluster, KUBECONFIG_VARIABLE, Namespace, PodSecurity, wait_for};
pub use error::Error;
#[cfg(feature = "llm")]
pub use llm::Llm;
pub use stack::{Database, Fault, Part, Postgres, Profile, Redis, Service, Stack, StackBuilder};
pub use token::TestToken;
