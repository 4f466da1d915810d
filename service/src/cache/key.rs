use std::fmt;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::domain::{Account, AnalysisId};

/// The name of a remembered answer, `ultra:v1:{account}:analysis:<hash>`, or of a run's events,
/// `ultra:v1:{account}:events:<id>`. What stands in braces is Redis' hash tag:
/// all keys of an account lie on one node of a cluster. `v1` is the version of the value's format.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key(String);

impl Key {
    /// What matches all answers and claims, and no key of anybody else in the same database.
    pub const PATTERN: &str = "ultra:v1:{*}:analysis:*";

    /// The key of an account's analysis: a hash of everything that decides about its answer, and of nothing else. What
    /// one account was told, no other is.
    pub fn analysis(account: Account, canonical_request: &impl Serialize) -> Result<Self, serde_json::Error> {
        let hash = Sha256::digest(serde_json::to_vec(canonical_request)?);
        Ok(Self(format!(
            "ultra:v1:{{{account}}}:analysis:{}",
            hex::encode(hash)
        )))
    }

    /// The key of the events of an account's run.
    pub fn events(account: Account, id: AnalysisId) -> Self {
        Self(format!("ultra:v1:{{{account}}}:events:{id}"))
    }

    /// Where a run's replica says that it goes on.
    pub fn alive(&self) -> Self {
        Self(format!("{}:alive", self.0))
    }

    /// Where another replica says that the run is read there.
    pub fn watched(&self) -> Self {
        Self(format!("{}:watched", self.0))
    }

    /// The key as Redis has it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where it says which replica is working the answer out.
    pub fn claim(&self) -> String {
        format!("{}:claim", self.0)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
