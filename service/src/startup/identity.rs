//! Everything that decides who makes a request, wired together.

use std::{sync::Arc, time::Duration};

use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

use super::{Background, Error};
use crate::{
    auth::{Accounts, ApiKeys, Authenticator, KeyRing, LiveKeyRing, Revocations, Rules, TokenRules, Tokens},
    config::{Config, FirstAdmin, Profile},
    secrets::{LiveMasterKeys, MasterKeys, ProviderKeys},
    store::Store,
};

/// How often what has expired is removed from the store.
const HOUSEKEEPING: Duration = Duration::from_secs(3_600);

/// How long to wait before the next try to make the first admin: the schema may still be on its way.
const FIRST_ADMIN_INTERVAL: Duration = Duration::from_millis(250);

/// Who gets in.
pub(super) struct Identity {
    pub(super) tokens: Arc<Tokens>,
    pub(super) keys: Arc<ApiKeys>,
    pub(super) accounts: Arc<Accounts>,
    pub(super) authenticator: Arc<Authenticator>,
    pub(super) provider_keys: Option<Arc<ProviderKeys>>,
}

impl Identity {
    /// Wires it together over the store; what goes on in the background goes on until `stop`.
    pub(super) fn build(
        config: &Config,
        store: &Arc<dyn Store>,
        background: &Background,
        stop: &CancellationToken,
    ) -> Result<Self, Error> {
        let ring = key_ring(config)?;
        background.spawn(ring.clone().watch(stop.clone()));
        let tokens = Arc::new(Tokens::new(ring, token_rules(config)));

        let revocations = Arc::new(Revocations::default());
        background.spawn(Arc::clone(&revocations).follow(store.clone(), stop.clone()));
        let keys = Arc::new(ApiKeys::new(store.clone(), revocations.clone()));
        background.spawn(Arc::clone(&keys).write_uses(stop.clone()));

        let accounts = Accounts::new(store.clone(), tokens.clone(), revocations.clone(), &config.auth)?;
        let accounts = Arc::new(accounts);
        if let Some(admin) = config.auth.first_admin.clone() {
            let making = make_first_admin(accounts.clone(), admin);
            background.spawn(stop.clone().run_until_cancelled_owned(making));
        }
        background.spawn(stop.clone().run_until_cancelled_owned(keep_house(store.clone())));
        let authenticator = Authenticator::new(
            store.clone(),
            tokens.clone(),
            keys.clone(),
            revocations,
            config.auth.anonymous,
        );
        Ok(Self {
            tokens,
            keys,
            accounts,
            authenticator: Arc::new(authenticator),
            provider_keys: provider_keys(config, store, background, stop)?,
        })
    }
}

/// The keys that sign access tokens. Development and testing make one of their own where there is none.
fn key_ring(config: &Config) -> Result<LiveKeyRing, Error> {
    let (dir, rules) = (&config.auth.jwt_keys_dir, Rules::of(config.profile));
    if let Some(ring) = &config.auth.key_ring {
        return Ok(LiveKeyRing::of(Arc::clone(ring), dir, rules));
    }
    if config.profile != Profile::Production && !KeyRing::is_there(dir) {
        let kid = KeyRing::generate(dir)?;
        tracing::info!(dir = %dir.display(), kid, "a key for access tokens is made");
    }
    Ok(LiveKeyRing::load(dir, rules)?)
}

fn token_rules(config: &Config) -> TokenRules {
    TokenRules {
        issuer: config.auth.issuer.clone(),
        audience: config.auth.audience.clone(),
        access_ttl: config.auth.access_token_ttl,
        accept_test_tokens: config.profile == Profile::Testing,
    }
}

/// The providers' keys in the store, where a master key is given.
fn provider_keys(
    config: &Config,
    store: &Arc<dyn Store>,
    background: &Background,
    stop: &CancellationToken,
) -> Result<Option<Arc<ProviderKeys>>, Error> {
    let Some(text) = &config.secrets.master_key else {
        return Ok(None);
    };
    let master_keys = LiveMasterKeys::new(MasterKeys::parse(text)?, config.profile == Profile::Production);
    if let Some(file) = config.secrets.master_key_file.clone() {
        let (master_keys, stop) = (master_keys.clone(), stop.clone());
        background.spawn(async move { master_keys.watch(file, stop).await });
    }
    let keys = Arc::new(ProviderKeys::new(store.clone(), master_keys));
    let (rotated, stop) = (Arc::clone(&keys), stop.clone());
    background.spawn(async move { rotated.keep_rotated(stop).await });
    Ok(Some(keys))
}

/// Tries until it is done: the database or its schema may come later than the service.
async fn make_first_admin(accounts: Arc<Accounts>, admin: FirstAdmin) {
    let mut told = false;
    while let Err(error) = accounts.ensure_first_admin(&admin).await {
        if !told {
            told = true;
            tracing::warn!(%error, "the first admin is not made yet");
        }
        tokio::time::sleep(FIRST_ADMIN_INTERVAL).await;
    }
}

/// Removes what has expired, now and then. Every replica does; what one has removed, another finds gone.
async fn keep_house(store: Arc<dyn Store>) {
    loop {
        tokio::time::sleep(HOUSEKEEPING).await;
        match store.forget_expired(OffsetDateTime::now_utc()).await {
            Ok(0) => {}
            Ok(rows) => tracing::debug!(rows, "what has expired is removed"),
            Err(error) => tracing::debug!(%error, "what has expired is not removed yet"),
        }
    }
}
