//! What the health report tells about, beyond what is looked at again and again.

use std::sync::Arc;

use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::{
    auth::Tokens,
    cache::Tiered,
    health::{Component, ComponentReport, Dependency, DependencyStatus},
    ledger, limits,
    secrets::{self, ProviderKeys},
    store::Store,
};

/// The database, with its pool.
pub(super) struct Database {
    pub(super) dependency: Arc<Dependency>,
    pub(super) store: Arc<dyn Store>,
}

impl Component for Database {
    fn name(&self) -> &'static str {
        self.dependency.name()
    }

    fn report(&self) -> ComponentReport {
        self.dependency.report()
    }

    fn detail(&self) -> Option<Value> {
        Some(json!({ "pool": self.store.pool() }))
    }
}

/// The cache, with its tiers and the breaker before Redis.
pub(super) struct Cache {
    pub(super) dependency: Arc<Dependency>,
    pub(super) cache: Tiered,
}

impl Component for Cache {
    fn name(&self) -> &'static str {
        self.dependency.name()
    }

    fn report(&self) -> ComponentReport {
        self.dependency.report()
    }

    fn detail(&self) -> Option<Value> {
        serde_json::to_value(self.cache.stats()).ok()
    }
}

/// Who counts requests. Limits hold in any state; without the Redis that is configured, by shares.
pub(super) struct Limits(pub(super) Arc<limits::Limits>);

impl Component for Limits {
    fn name(&self) -> &'static str {
        "limits"
    }

    fn report(&self) -> ComponentReport {
        match self.0.status() {
            limits::Status::Shared => report("redis", DependencyStatus::Up, None),
            limits::Status::Alone => report("memory", DependencyStatus::Up, None),
            limits::Status::Share => report("redis", DependencyStatus::Degraded, Some("local")),
        }
    }

    fn detail(&self) -> Option<Value> {
        Some(json!({ "replicas": self.0.replicas() }))
    }
}

/// The records of usage on their way to the store.
pub(super) struct Ledger(pub(super) ledger::Ledger);

impl Component for Ledger {
    fn name(&self) -> &'static str {
        "ledger"
    }

    fn report(&self) -> ComponentReport {
        let status = self.0.status();
        // Requests that use something are refused until there is room.
        let (status, error) = if status.failing {
            (DependencyStatus::Down, Some("spool_unwritable"))
        } else if status.full {
            (DependencyStatus::Down, Some("spool_full"))
        } else if status.storing {
            (DependencyStatus::Up, None)
        } else {
            (DependencyStatus::Degraded, Some("not_stored"))
        };
        report("spool", status, error)
    }

    fn detail(&self) -> Option<Value> {
        serde_json::to_value(self.0.status()).ok()
    }
}

/// The keys that sign access tokens.
pub(super) struct AccessTokens(pub(super) Arc<Tokens>);

impl Component for AccessTokens {
    fn name(&self) -> &'static str {
        "access_tokens"
    }

    fn report(&self) -> ComponentReport {
        let keys = self.0.keys(OffsetDateTime::now_utc());
        let (status, error) = match keys.iter().any(|key| key.signs) {
            true => (DependencyStatus::Up, None),
            // Tokens that were issued before are still verified, by those keys that have not expired.
            false => (DependencyStatus::Degraded, Some("no_signing_key")),
        };
        report("key_ring", status, error)
    }

    fn detail(&self) -> Option<Value> {
        Some(json!({ "keys": self.0.keys(OffsetDateTime::now_utc()) }))
    }
}

/// The providers' keys in the store, as the background found them last.
pub(super) struct StoredKeys(pub(super) Arc<ProviderKeys>);

impl Component for StoredKeys {
    fn name(&self) -> &'static str {
        "provider_keys"
    }

    fn report(&self) -> ComponentReport {
        let (status, error) = match self.0.last_status() {
            None => (DependencyStatus::Unknown, None),
            Some(keys) if keys.unreadable.is_empty() => (DependencyStatus::Up, None),
            Some(_) => (DependencyStatus::Degraded, Some("unreadable")),
        };
        report("encrypted", status, error)
    }

    fn detail(&self) -> Option<Value> {
        let secrets::Status {
            first,
            under,
            unreadable,
        } = self.0.last_status()?;
        Some(json!({ "master_key": first, "keys_under": under, "unreadable": unreadable }))
    }
}

fn report(kind: &'static str, status: DependencyStatus, error: Option<&'static str>) -> ComponentReport {
    ComponentReport {
        kind,
        status,
        since: None,
        latency_ms: None,
        error,
    }
}
