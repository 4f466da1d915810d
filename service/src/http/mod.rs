//! The HTTP interface: `router` is the whole route table, and each resource has a file.

mod admin;
mod analyses;
mod auth;
mod authentication;
mod body;
mod client_address;
mod context;
mod cors;
mod docs;
mod document;
mod drain;
mod gate;
mod health;
mod idempotency;
mod keys;
mod limits;
mod models;
mod openai;
mod page;
mod pages;
mod problem;
mod router;
mod security_headers;
mod server;
mod sse;
mod usage;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

pub use drain::InFlight;
pub use problem::Problem;
pub use router::{openapi, router};
pub use server::Server;

use ipnet::IpNet;

use crate::{
    analyses::Analyses,
    auth::{Accounts, ApiKeys, Authenticator, Tokens},
    config::Cors,
    health::Health,
    limits::Limits,
    llm::Catalog,
    resumable::Runs,
    secrets::ProviderKeys,
    store::Store,
};

/// What the handlers work with.
#[derive(Clone)]
pub struct Api {
    /// Panels, and their results.
    pub analyses: Analyses,
    /// Streams that can be resumed.
    pub runs: Runs,
    /// All models, for those who ask one directly.
    pub catalog: Arc<Catalog>,
    /// Who makes a request.
    pub authenticator: Arc<Authenticator>,
    /// How often and how much everybody may ask.
    pub limits: Arc<Limits>,
    /// Accounts and sessions.
    pub accounts: Arc<Accounts>,
    /// API keys.
    pub keys: Arc<ApiKeys>,
    /// The keys that access tokens are verified with.
    pub tokens: Arc<Tokens>,
    /// The keys of the models' providers, where there is a master key.
    pub provider_keys: Option<Arc<ProviderKeys>>,
    /// The names of the models' providers.
    pub provider_names: Arc<BTreeSet<String>>,
    /// What is read as it lies there: the audit log.
    pub store: Arc<dyn Store>,
    /// What is known of the service's state.
    pub health: Arc<Health>,
    /// The requests that are under way.
    pub in_flight: InFlight,
    /// The largest request body.
    pub max_body_bytes: usize,
    /// Which pages of other origins may call.
    pub cors: Option<Cors>,
    /// The proxies whose word about their clients' addresses is taken.
    pub trusted_proxies: Vec<IpNet>,
    /// How long an answer may take to begin.
    pub request_timeout: Duration,
}
