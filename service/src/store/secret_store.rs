use async_trait::async_trait;
use uuid::Uuid;

use super::{
    Error,
    records::{AuditEntry, SealedProviderKey, WrappedKey},
};

/// Providers' API keys, sealed. What opens them is never here.
#[async_trait]
pub trait SecretStore: Send + Sync {
    /// Keeps a provider's key in place of the one that was there.
    async fn put_provider_key(&self, key: &SealedProviderKey, audit: &AuditEntry) -> Result<(), Error>;

    /// Finds a provider's key.
    async fn provider_key(&self, provider: &str) -> Result<Option<SealedProviderKey>, Error>;

    /// All keys, by provider.
    async fn provider_keys(&self) -> Result<Vec<SealedProviderKey>, Error>;

    /// Removes a provider's key. Says whether there was one.
    async fn delete_provider_key(&self, provider: &str, audit: &AuditEntry) -> Result<bool, Error>;

    /// The keys that lie under another master key than this one, by provider, from after `after` on.
    async fn provider_keys_not_under(
        &self,
        master_id: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<SealedProviderKey>, Error>;

    /// Puts a row's data key under another master key, if it still lies there as `from` says. Says whether it did.
    async fn rewrap_provider_key(&self, id: Uuid, from: &WrappedKey, to: &WrappedKey) -> Result<bool, Error>;

    /// How many keys lie under each master key.
    async fn provider_key_counts(&self) -> Result<Vec<(String, u64)>, Error>;
}
