use std::sync::{Arc, RwLock};

use secrecy::SecretString;
use time::OffsetDateTime;
use tokio::sync::Notify;

use super::{Error, LiveMasterKeys, MasterKeys, Status};
use crate::store::{Actor, AuditEntry, SealedProviderKey, Store};

/// Providers' API keys in the store.
#[derive(Clone)]
pub struct ProviderKeys {
    pub(super) store: Arc<dyn Store>,
    pub(super) master_keys: LiveMasterKeys,
    pub(super) last_seen: Arc<RwLock<Option<Status>>>,
    /// The master keys of the start, so that every change since can be told.
    pub(super) first_keys: Arc<MasterKeys>,
    changed: Arc<Notify>,
}

/// What may be shown of a stored key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderKey {
    /// Whose key it is.
    pub provider: String,
    /// Which master key it lies under.
    pub master_id: String,
    /// Whether the master keys at hand open it.
    pub readable: bool,
    /// When it was put.
    pub created_at: OffsetDateTime,
}

impl ProviderKeys {
    /// Over this store, with these master keys.
    pub fn new(store: Arc<dyn Store>, master_keys: LiveMasterKeys) -> Self {
        let first_keys = master_keys.current();
        Self {
            store,
            master_keys,
            last_seen: Arc::default(),
            first_keys,
            changed: Arc::default(),
        }
    }

    /// Keeps a provider's key in place of the one that was there.
    pub async fn put(
        &self,
        provider: &str,
        value: &SecretString,
        actor: Actor,
        now: OffsetDateTime,
    ) -> Result<(), Error> {
        let sealed = self
            .master_keys
            .current()
            .seal(provider, value, now)
            .map_err(|reason| Error::of(provider, reason))?;
        let audit = AuditEntry::new(now, actor, "provider_key.put", provider);
        self.store.put_provider_key(&sealed, &audit).await?;
        self.changed.notify_waiters();
        Ok(())
    }

    /// Waits until one is put or deleted here.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// A provider's key, where there is one.
    pub async fn get(&self, provider: &str) -> Result<Option<SecretString>, Error> {
        let Some(sealed) = self.store.provider_key(provider).await? else {
            return Ok(None);
        };
        let opened = self.master_keys.current().open(&sealed);
        opened.map(Some).map_err(|reason| Error::of(provider, reason))
    }

    /// All keys, by provider, without their values.
    pub async fn list(&self) -> Result<Vec<ProviderKey>, Error> {
        let master_keys = self.master_keys.current();
        let shown = |sealed: SealedProviderKey| ProviderKey {
            readable: master_keys.open(&sealed).is_ok(),
            provider: sealed.provider,
            master_id: sealed.key.master_id,
            created_at: sealed.created_at,
        };
        Ok(self.store.provider_keys().await?.into_iter().map(shown).collect())
    }

    /// Removes a provider's key. Says whether there was one.
    pub async fn delete(&self, provider: &str, actor: Actor, now: OffsetDateTime) -> Result<bool, Error> {
        let audit = AuditEntry::new(now, actor, "provider_key.deleted", provider);
        let deleted = self.store.delete_provider_key(provider, &audit).await?;
        self.changed.notify_waiters();
        Ok(deleted)
    }
}
