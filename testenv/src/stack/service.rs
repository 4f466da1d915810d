//! The service as a test sees it.

use super::{Lease, Part, fault::faults};

/// The service in a container, from its image.
#[derive(Debug)]
pub struct Service {
    lease: Lease,
    url: String,
}

impl Service {
    pub(super) fn new(lease: Lease, url: String) -> Self {
        Self { lease, url }
    }

    /// `http://127.0.0.1:<port>`.
    pub fn url(&self) -> &str {
        &self.url
    }
}

faults!(Service, Part::Service);
