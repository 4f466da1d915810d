//! Sessions and keys that were revoked before their time, and users who were changed. Every replica reads them from the
//! store twice a second, so that a revocation anywhere holds everywhere within one: no message can be lost, a replica
//! that was cut off catches up, and no Redis is needed (docs/adr/0008).

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use time::OffsetDateTime;
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    domain::UserId,
    store::{Revocation, Store},
};

/// Half of the second in which a revocation is to hold.
const INTERVAL: Duration = Duration::from_millis(500);

/// How soon the next look comes as long as there was none: nobody knows yet who is shut out.
const FIRST_INTERVAL: Duration = Duration::from_millis(50);

/// How long a replica that has just started insists on a first look. After that the database is away for longer, and
/// who has a valid token is not refused because of that.
const INSISTS: Duration = Duration::from_secs(5);

/// How long one request waits for the first look, which as a rule is under way.
const REQUEST_WAITS: Duration = Duration::from_secs(1);

/// How far each look reaches back by the database's clock: longer than any transaction that revokes may take, which is
/// seen when it has ended and stamped before.
const REACH: Duration = Duration::from_secs(120);

/// A replica whose last look is longer ago than this may have missed something, and looks at everything again.
const SOON_ENOUGH: Duration = Duration::from_secs(30);

/// A revocation is kept for so much longer than anything that it revokes, because replicas' clocks differ.
pub(super) const CLOCKS_DIFFER_BY: Duration = Duration::from_secs(300);

/// What is revoked, as far as this replica knows.
#[derive(Debug)]
pub struct Revocations {
    revoked: RwLock<HashMap<Uuid, Noticed>>,
    /// Whether it was looked once.
    looked: watch::Sender<bool>,
    since: Instant,
}

impl Default for Revocations {
    fn default() -> Self {
        Self {
            revoked: RwLock::default(),
            looked: watch::Sender::new(false),
            since: Instant::now(),
        }
    }
}

/// A revocation that this replica knows of.
#[derive(Debug)]
struct Noticed {
    revoked_at: OffsetDateTime,
    /// When there can be no token any more that would need it.
    expires_at: OffsetDateTime,
    /// When this replica came to know, by its own clock.
    noticed_at: Instant,
}

impl Revocations {
    /// Whether this session or key is revoked.
    pub fn contains(&self, id: Uuid) -> bool {
        self.revoked
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .contains_key(&id)
    }

    /// Whether a token that is not known as revoked may pass: waits for the first look where there was none, and not
    /// for ever.
    pub async fn are_known(&self) -> bool {
        if *self.looked.borrow() || self.since.elapsed() >= INSISTS {
            return true;
        }
        let mut looked = self.looked.subscribe();
        let first = tokio::time::timeout(REQUEST_WAITS, looked.wait_for(|looked| *looked));
        matches!(first.await, Ok(Ok(_))) || self.since.elapsed() >= INSISTS
    }

    /// Whether the user may be another than they were at that moment.
    pub fn has_changed(&self, user: UserId, since: Instant) -> bool {
        self.revoked
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&user.as_uuid())
            .is_some_and(|noticed| noticed.noticed_at >= since)
    }

    /// Takes a revocation over. One that is known is no news, however often it is told.
    pub fn add(&self, revocation: Revocation) {
        let Revocation {
            id,
            revoked_at,
            expires_at,
        } = revocation;
        let mut revoked = self.revoked.write().unwrap_or_else(PoisonError::into_inner);
        if revoked
            .get(&id)
            .is_none_or(|known| known.revoked_at != revoked_at)
        {
            let noticed_at = Instant::now();
            let noticed = Noticed {
                revoked_at,
                expires_at,
                noticed_at,
            };
            revoked.insert(id, noticed);
        }
    }

    fn forget_expired(&self, now: OffsetDateTime) {
        self.revoked
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|_, noticed| noticed.expires_at > now);
    }

    /// Follows the store until it is told to stop. While the store is away, what is known stays known.
    pub async fn follow(self: Arc<Self>, store: Arc<dyn Store>, stop: CancellationToken) {
        let mut last: Option<Instant> = None;
        let mut lost = false;
        loop {
            let now = Instant::now();
            let found = match last {
                Some(last) if now - last < SOON_ENOUGH => store.latest_revocations(REACH).await,
                _ => store.revocations().await,
            };
            match found {
                Ok(revocations) => {
                    (last, lost) = (Some(now), false);
                    for revocation in revocations {
                        self.add(revocation);
                    }
                    self.forget_expired(OffsetDateTime::now_utc());
                    self.looked.send_replace(true);
                }
                // The schema may still be on its way; the health report tells of a store that is away.
                Err(error) if !lost => {
                    lost = true;
                    tracing::warn!(%error, "revocations of other replicas are not seen for now");
                }
                Err(_) => {}
            }
            let pause = if last.is_some() { INTERVAL } else { FIRST_INTERVAL };
            if stop
                .run_until_cancelled(tokio::time::sleep(pause))
                .await
                .is_none()
            {
                return;
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
        revocations.add(Revocation {
            id,
            revoked_at: now,
            expires_at: now + Duration::from_secs(60),
        });
        revocations.forget_expired(now);
        assert!(revocations.contains(id));
        revocations.forget_expired(now + Duration::from_secs(60));
        assert!(!revocations.contains(id));
    }

    #[tokio::test(start_paused = true)]
    async fn a_replica_that_has_just_started_insists_on_a_first_look_and_not_for_ever() {
        let revocations = Revocations::default();
        let asked = Instant::now();
        assert!(!revocations.are_known().await);
        assert_eq!(asked.elapsed(), REQUEST_WAITS);
        tokio::time::advance(INSISTS).await;
        assert!(revocations.are_known().await, "the database is away for longer");

        let revocations = Revocations::default();
        let (known, ()) = tokio::join!(revocations.are_known(), async {
            revocations.looked.send_replace(true);
        });
        assert!(known, "a request that waits is not told of the first look");
        assert!(revocations.are_known().await);
    }

    #[test]
    fn what_is_known_of_a_user_is_old_once_a_change_is_told_and_each_change_counts_once() {
        let revocations = Revocations::default();
        let (user, now) = (UserId::generate(), OffsetDateTime::now_utc());
        let change = |seconds| Revocation {
            id: user.as_uuid(),
            revoked_at: now + Duration::from_secs(seconds),
            expires_at: now + Duration::from_secs(60),
        };
        let before = Instant::now();
        assert!(!revocations.has_changed(user, before));
        revocations.add(change(0));
        assert!(revocations.has_changed(user, before));
        assert!(!revocations.has_changed(UserId::generate(), before));
        let between = Instant::now();
        revocations.add(change(0));
        assert!(!revocations.has_changed(user, between));
        revocations.add(change(1));
        assert!(revocations.has_changed(user, between));
    }
}
