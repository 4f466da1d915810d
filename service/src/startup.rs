//! The whole wiring, from a configuration to a running service. The binary and the tests use the same.

mod components;
mod connection_url;
mod identity;
mod providers;
mod stored;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::{
    net::TcpListener,
    time::{Instant, sleep, timeout, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    analyses::Analyses,
    auth::{KeyRingError, PasswordError},
    cache::{self, Memory, Redis, RemoteCache, Tiered, redis::Connection},
    config::{self, Config, Migrate},
    health::{self, Dependency, Fault, Health, Probe, SchemaState},
    http::{self, Api, InFlight, Server},
    ledger::{self, Ledger},
    limits::{self, Limits},
    llm::{self, Catalog},
    metering::Prices,
    secrets::InvalidMasterKeys,
    store::{self, Schema, Store},
};
use identity::Identity;
use stored::Stored;

/// How long the last connections may take to close, once no request is under way.
const LAST_CONNECTIONS: Duration = Duration::from_secs(1);

/// How long to wait before the next look at a schema that does not fit, or cannot be seen.
const SCHEMA_INTERVAL: Duration = Duration::from_secs(1);

/// A service that is bound to its address, and not yet running.
pub struct Application {
    listener: TcpListener,
    local_addr: SocketAddr,
    router: axum::Router,
    health: Arc<Health>,
    in_flight: InFlight,
    store: Arc<dyn Store>,
    ledger: Ledger,
    background: TaskTracker,
    stop: CancellationToken,
    max_connections: usize,
    drain_timeout: Duration,
}

/// Why the service cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is taken, or not ours.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// There are no keys to sign access tokens with.
    #[error(transparent)]
    KeyRing(#[from] KeyRingError),
    /// Passwords cannot be hashed as the configuration asks for.
    #[error(transparent)]
    Passwords(#[from] PasswordError),
    /// The master keys are of no use.
    #[error("the master key {0}")]
    MasterKeys(#[from] InvalidMasterKeys),
    /// The ledger's spool cannot be used.
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    /// The cache's URL is of no use.
    #[error(transparent)]
    Cache(#[from] cache::Error),
    /// A provider cannot be reached at all.
    #[error(transparent)]
    Provider(#[from] llm::upstream::InvalidClient),
}

impl Application {
    /// Builds everything and binds the listener. Servers that it depends on are not waited for.
    pub async fn build(config: Config) -> Result<Self, Error> {
        // Some TLS clients take the process's default; it is an error only where somebody has chosen before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let stop = CancellationToken::new();
        let background = TaskTracker::new();

        let store = keep_store(&config, &background, &stop).await?;
        let database = Arc::new(Dependency::new("database", store.kind()));
        background.spawn(health::watch(
            database.clone(),
            StoreProbe(store.clone()),
            stop.clone(),
        ));

        let prices = Prices::from(config.prices.clone());
        let ledger = keep_ledger(&config, prices.clone(), &store, &background, &stop)?;

        let redis = keep_redis(&config, &background, &stop)?;
        let stored = Arc::new(Stored(store.clone()));
        let limits = Arc::new(Limits::new(
            &config.limits,
            config.tiers.clone(),
            prices,
            limits::Sources {
                tier_of: stored.clone(),
                spent_today: stored,
            },
            redis.clone(),
        ));
        background.spawn(limits.clone().keep(stop.clone()));
        let remote = redis.map(|redis| Arc::new(Redis::new(redis)) as Arc<dyn RemoteCache>);
        let kind = if remote.is_some() { "redis" } else { "memory" };
        let cached = Arc::new(Dependency::new("cache", kind));
        background.spawn(health::watch(
            cached.clone(),
            CacheProbe(remote.clone()),
            stop.clone(),
        ));
        let cache = Tiered::new(remote, Memory::new(config.cache.max_bytes));

        let health = Arc::new(Health::new(config.profile, config.mode));
        health.register(Arc::new(components::Database {
            dependency: database.clone(),
            store: store.clone(),
        }));
        health.register(Arc::new(components::Cache {
            dependency: cached,
            cache: cache.clone(),
        }));
        health.register(Arc::new(components::Limits(limits.clone())));
        health.register(Arc::new(components::Ledger(ledger.clone())));
        let migrate = config.database.migrate;
        background.spawn(stop.clone().run_until_cancelled_owned(watch_schema(
            store.clone(),
            migrate,
            health.clone(),
        )));

        let Identity {
            tokens,
            keys,
            accounts,
            authenticator,
            provider_keys,
        } = Identity::build(&config, &store, &background, &stop)?;

        health.register(Arc::new(components::AccessTokens(tokens.clone())));
        if let Some(keys) = &provider_keys {
            health.register(Arc::new(components::StoredKeys(keys.clone())));
        }

        let provider_names = Arc::new(config.provider_names());
        let providers = providers::build(&config, provider_keys.as_ref(), &background, &stop)?;
        let catalog = Arc::new(Catalog::new(providers).with_fallbacks(config.fallbacks));
        let analyses = Analyses {
            panel: config.panel,
            provider: catalog.clone(),
            store: store.clone(),
            database,
            ledger: ledger.clone(),
            cache,
            cache_ttl: config.cache.ttl,
        };

        let in_flight = InFlight::default();
        let router = http::router(Api {
            analyses,
            catalog,
            authenticator,
            limits,
            accounts,
            keys,
            tokens,
            provider_keys,
            provider_names,
            store: store.clone(),
            health: health.clone(),
            in_flight: in_flight.clone(),
            cors: config.http.cors.clone(),
            trusted_proxies: config.http.trusted_proxies.clone(),
            max_body_bytes: config.http.max_body_bytes,
            request_timeout: config.http.request_timeout,
        });

        let address = config.http.listen;
        let listen = |source| Error::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let local_addr = listener.local_addr().map_err(listen)?;
        if config.auth.anonymous {
            tracing::warn!(
                profile = %config.profile,
                "the service is open: whoever reaches {local_addr} can use it without a credential"
            );
        }
        let (max_connections, drain_timeout) = (config.http.max_connections, config.http.drain_timeout);
        Ok(Self {
            listener,
            local_addr,
            router,
            health,
            in_flight,
            store,
            ledger,
            background,
            stop,
            max_connections,
            drain_timeout,
        })
    }

    /// Where it listens: the real port, where port 0 was asked for.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Serves until `shutdown` is ready, then finishes what is under way.
    ///
    /// Readiness goes first, and for the first half of the drain's time requests that still come in are served: who
    /// balances the load needs a moment to notice. Then nothing new is accepted. The drain ends as soon as no request
    /// is under way, and at the latest when its time is over.
    pub async fn run_until(self, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        tracing::info!("listening on http://{}", self.local_addr);
        let stop_accepting = CancellationToken::new();
        let server = Server::new(self.max_connections);
        let mut serving = tokio::spawn(server.serve(self.listener, self.router, stop_accepting.clone()));
        tokio::select! {
            ended = &mut serving => return ended.map_err(io::Error::other),
            () = shutdown => {}
        }

        self.health.start_draining();
        let now = Instant::now();
        tracing::info!(requests = self.in_flight.count(), "shutting down");
        let _ = timeout(self.drain_timeout / 2, self.in_flight.none_left()).await;
        stop_accepting.cancel();
        let deadline = (now + self.drain_timeout).max(Instant::now() + LAST_CONNECTIONS);
        if timeout_at(deadline, &mut serving).await.is_err() {
            tracing::warn!(
                requests = self.in_flight.count(),
                "the time to drain is over; what is under way is cut"
            );
            serving.abort();
        }
        self.ledger.close(deadline).await;

        self.stop.cancel();
        self.background.close();
        let _ = timeout(LAST_CONNECTIONS, self.background.wait()).await;
        let _ = timeout(LAST_CONNECTIONS, self.store.close()).await;
        tracing::info!("stopped");
        Ok(())
    }
}

/// The store, which takes a new URL over from its file until `stop`.
async fn keep_store(
    config: &Config,
    background: &TaskTracker,
    stop: &CancellationToken,
) -> Result<Arc<dyn Store>, Error> {
    let store = store::open(&config.database).await?;
    if let Some(file) = config.database.url_file.clone() {
        let (store, profile) = (store.clone(), config.profile);
        background.spawn(connection_url::follow(
            "database",
            file,
            move |file| config::database_url_in(file, profile),
            move |url| store.take_over_url(url),
            stop.clone(),
        ));
    }
    Ok(store)
}

/// The connection to Redis where there is one, which is made anew and takes a new URL over from its file until `stop`.
fn keep_redis(
    config: &Config,
    background: &TaskTracker,
    stop: &CancellationToken,
) -> Result<Option<Connection>, Error> {
    let Some(url) = &config.cache.redis_url else {
        return Ok(None);
    };
    let redis = Connection::new(url, &config.cache)?;
    background.spawn(redis.clone().keep(stop.clone()));
    if let Some(file) = config.cache.url_file.clone() {
        let (redis, profile) = (redis.clone(), config.profile);
        background.spawn(connection_url::follow(
            "cache",
            file,
            move |file| config::cache_url_in(file, profile),
            move |url| redis.take_over_url(url),
            stop.clone(),
        ));
    }
    Ok(Some(redis))
}

/// The ledger, and what goes on in it until `stop`.
fn keep_ledger(
    config: &Config,
    prices: Prices,
    store: &Arc<dyn Store>,
    background: &TaskTracker,
    stop: &CancellationToken,
) -> Result<Ledger, Error> {
    let ledger = Ledger::open(&config.data_dir, &config.ledger, prices)?;
    background.spawn(ledger.clone().sync(stop.clone()));
    background.spawn(ledger.clone().write(store.clone(), stop.clone()));
    let house = ledger::keep_house(store.clone(), config.ledger.retention);
    background.spawn(stop.clone().run_until_cancelled_owned(house));
    Ok(ledger)
}

/// Brings the schema up to date, or waits for whoever does, and tells what is known of it.
async fn watch_schema(store: Arc<dyn Store>, migrate: Migrate, health: Arc<Health>) {
    let mut told = None;
    loop {
        let result = match migrate {
            Migrate::Auto => store.migrate().await,
            Migrate::Check => store.schema().await,
        };
        let reason = match result {
            Ok(Schema::Fits) => {
                tracing::info!(database = store.kind(), "the schema fits");
                health.set_schema(SchemaState::Fits);
                return;
            }
            Ok(Schema::TooOld { has, needs }) => {
                let has = has.map_or_else(|| "none".to_owned(), |version| version.to_string());
                let reason =
                    format!("the database's schema is too old: it has version {has}, and {needs} is needed");
                health.set_schema(SchemaState::Unfit(reason.clone()));
                reason
            }
            Err(error) if error.is_outage() => error.to_string(),
            Err(error) => {
                health.set_schema(SchemaState::Unfit(
                    "the database's schema could not be migrated".to_owned(),
                ));
                error.to_string()
            }
        };
        if told.as_ref() != Some(&reason) {
            tracing::error!(database = store.kind(), reason, "the schema does not fit yet");
            told = Some(reason);
        }
        sleep(SCHEMA_INTERVAL).await;
    }
}

struct StoreProbe(Arc<dyn Store>);

#[async_trait]
impl Probe for StoreProbe {
    async fn look(&self) -> Result<(), Fault> {
        self.0.ping().await.map_err(|error| Fault {
            class: error.class(),
            detail: error.to_string(),
            answers: false,
        })
    }
}

/// The cache in the process is always there.
struct CacheProbe(Option<Arc<dyn RemoteCache>>);

#[async_trait]
impl Probe for CacheProbe {
    async fn look(&self) -> Result<(), Fault> {
        match &self.0 {
            Some(remote) => remote.probe().await.map_err(|error| Fault {
                class: error.class(),
                detail: error.to_string(),
                answers: error.is_refusal(),
            }),
            None => Ok(()),
        }
    }
}
