//! The HTTP interface: `router` is the whole route table, and each resource has a file.

mod analyses;
mod body;
mod context;
mod drain;
mod health;
mod models;
mod openai;
mod page;
mod problem;
mod router;
mod sse;

use std::{sync::Arc, time::Duration};

pub use drain::InFlight;
pub use problem::Problem;
pub use router::{openapi, router};

use crate::{analyses::Analyses, health::Health, llm::Catalog};

/// What the handlers work with.
#[derive(Clone)]
pub struct Api {
    /// Panels, and their results.
    pub analyses: Analyses,
    /// All models, for those who ask one directly.
    pub catalog: Arc<Catalog>,
    /// What is known of the service's state.
    pub health: Arc<Health>,
    /// The requests that are under way.
    pub in_flight: InFlight,
    /// The largest request body.
    pub max_body_bytes: usize,
    /// How long an answer may take to begin.
    pub request_timeout: Duration,
}
