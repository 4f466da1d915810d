use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError},
    time::Duration,
};

use serde_json::json;
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

use super::{Error, MasterKeys, ProviderKeys};
use crate::store::{self, Actor, AuditEntry, SealedProviderKey};

/// How many rows are held at once.
const BATCH: u32 = 100;

/// How long to wait where the store did not answer: its schema may still be on its way.
const RETRY: Duration = Duration::from_secs(1);

/// How often what is there is counted for the health report.
const COUNT: Duration = Duration::from_secs(60);

/// What a rotation did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rotated {
    /// How many rows lie under the first master key now and did not before.
    pub rewrapped: u64,
    /// How many rows none of the master keys opens. They stay as they are.
    pub unreadable: u64,
}

/// Which master keys are still needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The master key that encrypts.
    pub first: String,
    /// How many rows lie under which master key: those at hand, and those that rows name.
    pub under: BTreeMap<String, u64>,
    /// The providers whose rows none of the master keys opens.
    pub unreadable: Vec<String>,
}

impl Status {
    /// Whether every row lies under the first master key and opens, so that the others can go.
    pub fn is_done(&self) -> bool {
        self.unreadable.is_empty()
            && self
                .under
                .iter()
                .all(|(id, rows)| *id == self.first || *rows == 0)
    }
}

impl ProviderKeys {
    /// Puts every data key under the first master key. Each row is moved by itself and says where it is, so that this
    /// can end at any point and be called again; while it runs, both keys are needed and enough. That rows were moved is
    /// audited at the end.
    pub async fn rotate(&self, actor: Actor) -> Result<Rotated, Error> {
        let master_keys = self.master_keys.current();
        let mut rotated = Rotated::default();
        let mut after: Option<String> = None;
        loop {
            let rows = self
                .store
                .provider_keys_not_under(master_keys.first_id(), after.as_deref(), BATCH)
                .await?;
            let Some(last) = rows.last() else { break };
            after = Some(last.provider.clone());
            for row in &rows {
                self.rotate_row(&master_keys, row, &mut rotated).await?;
            }
        }
        if rotated.rewrapped > 0 {
            let now = OffsetDateTime::now_utc();
            let audit = AuditEntry::new(now, actor, "provider_keys.rotated", master_keys.first_id());
            let detail = json!({"rows": rotated.rewrapped, "unreadable": rotated.unreadable});
            self.store.audit(&audit.with_detail(detail)).await?;
        }
        Ok(rotated)
    }

    /// A row that was put anew in the meantime is left alone: it is whoever put it who chose its key.
    async fn rotate_row(
        &self,
        master_keys: &MasterKeys,
        row: &SealedProviderKey,
        rotated: &mut Rotated,
    ) -> Result<(), Error> {
        match master_keys.rewrap(row) {
            Ok(Some(wrapped)) => {
                let moved = self.store.rewrap_provider_key(row.id, &row.key, &wrapped).await?;
                rotated.rewrapped += u64::from(moved);
            }
            Ok(None) => {}
            Err(reason) => {
                tracing::debug!(provider = row.provider, %reason, "a stored key does not open");
                rotated.unreadable += 1;
            }
        }
        Ok(())
    }

    /// Rotates in the background: at once, and whenever the master keys change. Not now and then: while a new list of
    /// keys reaches one replica after the other, those with the old one would pull back what the others have moved. The
    /// last replica to change its keys moves what all others have written until then.
    pub async fn keep_rotated(&self, stop: CancellationToken) {
        let mut changes = self.master_keys.subscribe();
        let mut unreadable = 0;
        let mut told = false;
        let mut known = Arc::clone(&self.first_keys);
        let mut unaudited = Vec::new();
        loop {
            changes.mark_unchanged();
            let current = self.master_keys.current();
            if !known.is_same(&current) {
                unaudited.push(change_of_keys(&current));
                known = current;
            }
            let mut failed = false;
            if let Err(error) = self.write_down(&mut unaudited).await {
                failed = true;
                tracing::debug!(%error, "it is not written down yet that the master keys were changed");
            }
            match self.rotate(Actor::System("service".into())).await {
                Ok(rotated) => {
                    told = false;
                    if rotated.rewrapped > 0 {
                        tracing::info!(
                            rows = rotated.rewrapped,
                            "stored keys were put under the first master key"
                        );
                    }
                    if rotated.unreadable > unreadable {
                        tracing::error!(
                            rows = rotated.unreadable,
                            "stored keys open with none of the master keys"
                        );
                    }
                    unreadable = rotated.unreadable;
                    self.look_again().await;
                }
                Err(error) => {
                    failed = true;
                    if !told {
                        told = true;
                        tracing::warn!(%error, "stored keys could not be put under the first master key yet");
                    }
                }
            }
            let next = async {
                tokio::select! {
                    _ = changes.changed() => {}
                    () = tokio::time::sleep(RETRY), if failed => {}
                    () = self.keep_counting(), if !failed => {}
                }
            };
            if stop.run_until_cancelled(next).await.is_none() {
                return;
            }
        }
    }

    async fn write_down(&self, entries: &mut Vec<AuditEntry>) -> Result<(), store::Error> {
        while let Some(entry) = entries.first() {
            self.store.audit(entry).await?;
            entries.remove(0);
        }
        Ok(())
    }

    /// What other replicas and commands do meanwhile is for the report alone: see `keep_rotated`.
    async fn keep_counting(&self) {
        loop {
            tokio::time::sleep(COUNT).await;
            self.look_again().await;
        }
    }

    /// Keeps for the health report what is there now.
    async fn look_again(&self) {
        match self.status().await {
            Ok(status) => {
                *self.last_seen.write().unwrap_or_else(PoisonError::into_inner) = Some(status);
            }
            Err(error) => tracing::debug!(%error, "stored keys could not be counted"),
        }
    }

    /// What the last look in the background found; nothing before the first.
    pub fn last_status(&self) -> Option<Status> {
        self.last_seen
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Which master keys are still needed. Opens every row to say so.
    pub async fn status(&self) -> Result<Status, Error> {
        let master_keys = self.master_keys.current();
        let mut status = Status {
            first: master_keys.first_id().to_owned(),
            under: master_keys.ids().map(|id| (id.to_owned(), 0)).collect(),
            unreadable: Vec::new(),
        };
        for row in self.store.provider_keys().await? {
            if master_keys.open(&row).is_err() {
                status.unreadable.push(row.provider);
            }
            *status.under.entry(row.key.master_id).or_default() += 1;
        }
        Ok(status)
    }
}

/// That the master keys are others now, as every replica says for itself.
fn change_of_keys(master_keys: &MasterKeys) -> AuditEntry {
    let ids: Vec<&str> = master_keys.ids().collect();
    let (now, actor) = (OffsetDateTime::now_utc(), Actor::System("master key file".into()));
    AuditEntry::new(now, actor, "master_keys.changed", master_keys.first_id())
        .with_detail(json!({"keys": ids}))
}
