//! Sessions and keys that were revoked before their time. Every replica reads them from the store twice a second, so
//! that a revocation anywhere holds everywhere within one: no message can be lost, a replica that was cut off catches
//! up, and no Redis is needed (docs/adr/0008).

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::store::Store;

/// Half of the second in which a revocation is to hold.
const INTERVAL: Duration = Duration::from_millis(500);

/// How far each look reaches back before the newest that was seen: a transaction that began earlier may be seen later.
const OVERLAP: Duration = Duration::from_secs(15);

/// What is revoked, as far as this replica knows.
#[derive(Debug, Default)]
pub struct Revocations {
    /// By the id of the session or key: when there can be no token any more that would need it.
    revoked: RwLock<HashMap<Uuid, OffsetDateTime>>,
}

impl Revocations {
    /// Whether this session or key is revoked.
    pub fn contains(&self, id: Uuid) -> bool {
        self.revoked
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .contains_key(&id)
    }

    /// Takes over what this replica has just revoked itself.
    pub fn add(&self, id: Uuid, expires_at: OffsetDateTime) {
        self.revoked
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id, expires_at);
    }

    fn forget_expired(&self, now: OffsetDateTime) {
        self.revoked
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|_, expires_at| *expires_at > now);
    }

    /// Follows the store until it is told to stop. While the store is away, what is known stays known.
    pub async fn follow(self: Arc<Self>, store: Arc<dyn Store>, stop: CancellationToken) {
        let mut seen = OffsetDateTime::UNIX_EPOCH;
        let mut lost = false;
        let mut ticks = tokio::time::interval(INTERVAL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            let since = seen
                .checked_sub(OVERLAP.try_into().unwrap_or_default())
                .unwrap_or(seen);
            match store.revocations_since(since).await {
                Ok(revocations) => {
                    lost = false;
                    for revocation in revocations {
                        seen = seen.max(revocation.revoked_at);
                        self.add(revocation.id, revocation.expires_at);
                    }
                    self.forget_expired(OffsetDateTime::now_utc());
                }
                // The schema may still be on its way; the health report tells of a store that is away.
                Err(error) if !lost => {
                    lost = true;
                    tracing::warn!(%error, "revocations of other replicas are not seen for now");
                }
                Err(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revocation_is_known_until_no_token_can_need_it() {
        let revocations = Revocations::default();
        let (id, now) = (Uuid::now_v7(), OffsetDateTime::now_utc());
        assert!(!revocations.contains(id));
        revocations.add(id, now + Duration::from_secs(60));
        revocations.forget_expired(now);
        assert!(revocations.contains(id));
        revocations.forget_expired(now + Duration::from_secs(60));
        assert!(!revocations.contains(id));
    }
}
