//! Redis as a test sees it.

use super::{
    Lease, Part,
    fault::{faults, server_faults},
};

/// A logical Redis database of the stack's own, empty at its start. Channels of publish and subscribe know no logical
/// databases: name them after the test.
#[derive(Debug)]
pub struct Redis {
    lease: Lease,
    url: String,
}

impl Redis {
    pub(super) fn new(lease: Lease, url: String) -> Self {
        Self { lease, url }
    }

    /// `redis://…/<number>`.
    pub fn url(&self) -> &str {
        &self.url
    }
}

faults!(Redis, Part::Redis);
server_faults!(Redis);
