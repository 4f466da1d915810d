use async_trait::async_trait;
use uuid::Uuid;

use super::{Database, provider_keys};
use crate::store::{AuditEntry, Error, SealedProviderKey, SecretStore, WrappedKey};

#[async_trait]
impl<D: Database> SecretStore for D {
    async fn put_provider_key(&self, key: &SealedProviderKey, audit: &AuditEntry) -> Result<(), Error> {
        provider_keys::put(self, key, audit).await
    }

    async fn provider_key(&self, provider: &str) -> Result<Option<SealedProviderKey>, Error> {
        provider_keys::by_provider(self, provider).await
    }

    async fn provider_keys(&self) -> Result<Vec<SealedProviderKey>, Error> {
        provider_keys::list(self).await
    }

    async fn delete_provider_key(&self, provider: &str, audit: &AuditEntry) -> Result<bool, Error> {
        provider_keys::delete(self, provider, audit).await
    }

    async fn provider_keys_not_under(
        &self,
        master_id: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<SealedProviderKey>, Error> {
        provider_keys::not_under(self, master_id, after, limit).await
    }

    async fn rewrap_provider_key(&self, id: Uuid, from: &WrappedKey, to: &WrappedKey) -> Result<bool, Error> {
        provider_keys::rewrap(self, id, from, to).await
    }

    async fn provider_key_counts(&self) -> Result<Vec<(String, u64)>, Error> {
        provider_keys::counts(self).await
    }
}
