//! Why a reconcile did not come to its end.

use crate::validate::Invalid;

/// Why a reconcile did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The spec, or something that it names, must change first.
    #[error(transparent)]
    Invalid(#[from] Invalid),

    /// Someone else's object stands where a child should.
    #[error(
        "{kind} {name} exists and belongs to {owner}: rename or delete it, or give this UltraDeployment another name"
    )]
    OwnershipConflict {
        /// The object's kind.
        kind: String,
        /// The object's name.
        name: String,
        /// Who controls it.
        owner: String,
    },

    /// A Secret stands where a generated one should, and nothing says whose it is.
    #[error(
        "Secret {name} exists and belongs to nobody: delete it, or hand it over by `kubectl label secret {name} {labels}`"
    )]
    SecretUnclaimed {
        /// The Secret.
        name: String,
        /// What would make it this resource's.
        labels: String,
    },

    /// The cache is behind the cluster; the change that it waits for is on its way.
    #[error("the watch cache is behind the cluster")]
    Stale,

    /// The API server refused a child, or could not be reached.
    #[error("{action}: {}", said(source))]
    Child {
        /// What was tried.
        action: String,
        /// What the API server said.
        source: kube::Error,
    },

    /// The API server refused a call, or could not be reached.
    #[error("{}", said(.0))]
    Api(#[from] kube::Error),

    /// A watch has ended.
    #[error("the watch caches are closed")]
    Closed(#[from] kube::runtime::reflector::store::WriterDropped),
}

/// The API server's own words, where it has answered; kube's carry the whole answer a second time.
fn said(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        unanswered => unanswered.to_string(),
    }
}

impl Error {
    /// The `reason` of the condition that shows this error.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Invalid(invalid) => invalid.reason(),
            Self::OwnershipConflict { .. } | Self::SecretUnclaimed { .. } => "OwnershipConflict",
            Self::Stale => "CacheStale",
            Self::Child { .. } => "ApplyFailed",
            Self::Api(_) => "ApiServerError",
            Self::Closed(_) => "ShuttingDown",
        }
    }

    /// Whether waiting alone cannot help.
    pub fn is_stalled(&self) -> bool {
        matches!(
            self,
            Self::Invalid(_) | Self::OwnershipConflict { .. } | Self::SecretUnclaimed { .. }
        )
    }

    /// Whether this is nothing to tell anyone, only a reason to look again.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Stale | Self::Closed(_))
    }
}
