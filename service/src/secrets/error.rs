use super::EnvelopeError;
use crate::store;

/// Why a stored secret cannot be had or kept.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store did not do what was asked.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A row does not open with the master keys at hand, or a value cannot be sealed.
    #[error("the stored key of the provider {provider:?} {reason}")]
    Envelope {
        /// Whose key it is.
        provider: String,
        /// Why.
        reason: EnvelopeError,
    },
}

impl Error {
    pub(super) fn of(provider: &str, reason: EnvelopeError) -> Self {
        Self::Envelope {
            provider: provider.to_owned(),
            reason,
        }
    }
}
