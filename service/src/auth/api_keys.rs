//! API keys: made, listed, revoked, and recognized. A key that was seen within the last minute is known without the
//! store.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use moka::future::Cache;
use serde_json::json;
use time::OffsetDateTime;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    Principal, Revocations,
    opaque_token::{Kind, OpaqueToken},
    revocations::CLOCKS_DIFFER_BY,
};
use crate::{
    domain::{ApiKeyId, Role, Scopes, UserId},
    store::{self, Actor, ApiKeyRecord, AuditEntry, Revocation, Store, TokenHash},
};

/// How long a key is known without the store: also the longest that a lost store lets it live.
const REMEMBERED: Duration = Duration::from_secs(60);

/// The most keys that are known at once.
const MOST_REMEMBERED: u64 = 100_000;

/// The most keys of one user that have neither ended nor been revoked.
const MAX_LIVE_KEYS: u32 = 100;

/// How often it is written down when keys were last used.
const WRITE_EVERY: Duration = Duration::from_secs(5);

/// Makes and recognizes API keys.
pub struct ApiKeys {
    store: Arc<dyn Store>,
    revocations: Arc<Revocations>,
    known: Cache<TokenHash, Option<Arc<Known>>>,
    used: Mutex<HashMap<ApiKeyId, OffsetDateTime>>,
}

/// What is known of a key.
#[derive(Debug)]
struct Known {
    key: ApiKeyId,
    user: UserId,
    role: Role,
    scopes: Scopes,
    expires_at: Option<OffsetDateTime>,
    /// Whether the key was revoked or its owner shut out.
    refused: bool,
    /// Before the store was asked: a change that is noticed later may be missing.
    looked_up_at: Instant,
}

/// What a new key is to be.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// What its owner calls it.
    pub name: String,
    /// What it may be used for.
    pub scopes: Scopes,
    /// When it ends by itself.
    pub expires_at: Option<OffsetDateTime>,
}

/// Why a key was not made.
#[derive(Debug, thiserror::Error)]
pub enum NewKeyError {
    /// The user has as many as anybody may have.
    #[error("There are {MAX_LIVE_KEYS} keys already; revoke one that is not needed any more.")]
    TooMany,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl ApiKeys {
    /// Over this store.
    pub fn new(store: Arc<dyn Store>, revocations: Arc<Revocations>) -> Self {
        Self {
            store,
            revocations,
            known: Cache::builder()
                .max_capacity(MOST_REMEMBERED)
                .time_to_live(REMEMBERED)
                .build(),
            used: Mutex::default(),
        }
    }

    /// Whose key it is, and what for. `None`: nobody's, or one that has ended.
    pub async fn recognize(
        &self,
        token: &OpaqueToken,
        now: OffsetDateTime,
    ) -> Result<Option<Principal>, store::Error> {
        let hash = token.hash();
        let known = match self.known.get(&hash).await {
            Some(known) if !self.is_outdated(known.as_deref()) => known,
            _ => {
                let known = self.look_up(&hash).await?;
                self.known.insert(hash, known.clone()).await;
                known
            }
        };
        let valid = known.filter(|known| {
            !known.refused
                && !self.revocations.contains(known.key.as_uuid())
                && known.expires_at.is_none_or(|end| now < end)
        });
        let Some(known) = valid else { return Ok(None) };
        self.note_use(known.key, now);
        Ok(Some(Principal::Key {
            user: known.user,
            key: known.key,
            role: known.role,
            scopes: known.scopes.clone(),
        }))
    }

    /// Whether the owner was changed since, so that the key may do something else now, or nothing.
    fn is_outdated(&self, known: Option<&Known>) -> bool {
        known.is_some_and(|known| self.revocations.has_changed(known.user, known.looked_up_at))
    }

    /// Whether it was somebody's key within the last minute.
    pub(super) async fn knows(&self, token: &OpaqueToken) -> bool {
        matches!(self.known.get(&token.hash()).await, Some(Some(_)))
    }

    async fn look_up(&self, hash: &TokenHash) -> Result<Option<Arc<Known>>, store::Error> {
        let looked_up_at = Instant::now();
        let found = self.store.api_key_by_hash(hash).await?;
        Ok(found.map(|(key, owner)| {
            Arc::new(Known {
                key: key.id,
                user: owner.id,
                role: owner.role,
                scopes: key.scopes,
                expires_at: key.expires_at,
                refused: key.revoked_at.is_some() || owner.disabled_at.is_some(),
                looked_up_at,
            })
        }))
    }

    /// Makes a key. The token is shown this once.
    pub async fn create(
        &self,
        user: UserId,
        new: NewKey,
        now: OffsetDateTime,
    ) -> Result<(ApiKeyRecord, OpaqueToken), NewKeyError> {
        let NewKey {
            name,
            scopes,
            expires_at,
        } = new;
        let token = OpaqueToken::generate(Kind::ApiKey);
        let record = ApiKeyRecord {
            id: ApiKeyId::generate(),
            user,
            name,
            prefix: token.shown(),
            hash: token.hash(),
            scopes,
            created_at: now,
            expires_at,
            last_used_at: None,
            revoked_at: None,
        };
        let audit = AuditEntry::new(now, Actor::User(user), "api_key.created", record.id)
            .with_detail(json!({"scopes": record.scopes}));
        let created = self.store.create_api_key(&record, MAX_LIVE_KEYS, &audit).await?;
        if created {
            Ok((record, token))
        } else {
            Err(NewKeyError::TooMany)
        }
    }

    /// A user's keys, those that were revoked included.
    pub async fn of(&self, user: UserId) -> Result<Vec<ApiKeyRecord>, store::Error> {
        self.store.api_keys_of(user).await
    }

    /// Revokes a user's key: here at once, on every replica within a second. `false`: the user has no such key.
    pub async fn revoke(
        &self,
        user: UserId,
        key: ApiKeyId,
        now: OffsetDateTime,
    ) -> Result<bool, store::Error> {
        let known_until = now + REMEMBERED + CLOCKS_DIFFER_BY;
        let audit = AuditEntry::new(now, Actor::User(user), "api_key.revoked", key);
        let revoked = self
            .store
            .revoke_api_key(user, key, now, known_until, &audit)
            .await?;
        if revoked {
            self.revocations.add(Revocation {
                id: key.as_uuid(),
                revoked_at: now,
                expires_at: known_until,
            });
        }
        Ok(revoked)
    }

    fn note_use(&self, key: ApiKeyId, now: OffsetDateTime) {
        self.used
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(key, now);
    }

    /// Writes down when keys were last used, until it is told to stop, and then once more.
    pub async fn write_uses(self: Arc<Self>, stop: CancellationToken) {
        let mut going_on = true;
        while going_on {
            going_on = stop
                .run_until_cancelled(tokio::time::sleep(WRITE_EVERY))
                .await
                .is_some();
            self.write_uses_once().await;
        }
    }

    async fn write_uses_once(&self) {
        let used: Vec<(ApiKeyId, OffsetDateTime)> = {
            let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
            used.drain().collect()
        };
        if used.is_empty() {
            return;
        }
        if let Err(error) = self.store.touch_api_keys(&used).await {
            tracing::debug!(%error, "it is not written down yet when keys were last used");
            let mut later = self.used.lock().unwrap_or_else(PoisonError::into_inner);
            for (key, at) in used {
                later.entry(key).or_insert(at);
            }
        }
    }
}
