//! A Postgres server and the databases that tests have on it.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use sqlx::{
    AssertSqlSafe, Connection, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::{
    Context,
    container::{Container, Recipe},
    front::Front,
    postgres_faults::PostgresFaults,
};
use crate::{Error, provision::Image, stack::Fault, versions::Versions};

const PORT: u16 = 5432;
pub(super) const USER: &str = "postgres";
pub(super) const PASSWORD: &str = "password-of-tests";
const DATA: &str = "/var/lib/postgresql/data";

/// What a test's data need not survive is switched off: this doubles the speed of a migration. It survives a server
/// that is killed, which tests of outages do, and not a machine that loses its power: commits are still written before
/// they are acknowledged, only not to the disk.
const SETTINGS: [&str; 5] = [
    "fsync=off",
    "full_page_writes=off",
    "max_connections=500",
    "autovacuum=off",
    "checkpoint_timeout=1d",
];

/// A server that is disturbed has few connections, so that they can all be taken.
const FEW_CONNECTIONS: &str = "max_connections=40";

/// Databases that are made or dropped at the same time.
const CONNECTIONS: u32 = 8;

/// A statement of ours on a server that somebody paused must not wait for ever.
const STATEMENT_DEADLINE: Duration = Duration::from_secs(30);

/// Where a server keeps its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Disk {
    /// In memory, which is faster; all is forgotten when it is stopped.
    Memory,
    /// In memory, and so small that it can be filled.
    Small,
    /// Where it outlives a restart.
    Kept,
}

impl Disk {
    /// The options of the folder in memory, where it is one.
    fn options(self) -> Option<&'static str> {
        match self {
            Self::Memory => Some("rw,uid=999,gid=999,mode=0700"),
            Self::Small => Some("rw,uid=999,gid=999,mode=0700,size=160m"),
            Self::Kept => None,
        }
    }
}

/// A server.
#[derive(Debug)]
pub(super) struct PostgresServer {
    container: Container,
    front: Front,
    faults: PostgresFaults,
    administration: PgPool,
    databases: AtomicU64,
    templates: std::sync::Mutex<HashMap<String, Template>>,
}

/// The name of a template database once it is ready. Whoever holds the lock is making it.
type Template = Arc<Mutex<Option<String>>>;

/// The right, and the duty, to make a template: the others who want it wait until this is dropped.
#[derive(Debug)]
pub(super) struct TemplateLease {
    state: OwnedMutexGuard<Option<String>>,
    database: String,
}

/// A template that is ready, or is to be made by the caller.
pub(super) enum Found {
    Ready(String),
    Make(TemplateLease),
}

impl PostgresServer {
    /// Starts a server.
    pub(super) async fn start(
        context: &Context,
        name: String,
        disk: Disk,
        disturbable: bool,
    ) -> Result<Self, Error> {
        let version = &Versions::supported().postgres.default;
        let image = context.image(Image::Postgres(version.clone())).await?;
        let memory = disk
            .options()
            .map(|options| (DATA, options))
            .into_iter()
            .collect();
        let few = disturbable.then_some(FEW_CONNECTIONS);
        let container = Container::start(
            context,
            Recipe {
                name,
                image,
                port: PORT,
                arguments: SETTINGS
                    .iter()
                    .chain(&few)
                    .flat_map(|setting| ["-c".into(), (*setting).into()])
                    .collect(),
                environment: vec![("POSTGRES_PASSWORD", PASSWORD.into())],
                memory,
            },
        )
        .await?;
        let options = PgConnectOptions::new()
            .host("127.0.0.1")
            .port(container.port())
            .username(USER)
            .password(PASSWORD)
            .database("postgres");
        let administration = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(STATEMENT_DEADLINE)
            .connect_lazy_with(options.clone());
        let front = Front::start(context, &container, PORT, disturbable).await?;
        let server = Self {
            faults: PostgresFaults::new(options, (disk == Disk::Small).then_some(DATA)),
            container,
            front,
            administration,
            databases: AtomicU64::new(1),
            templates: std::sync::Mutex::default(),
        };
        server.until_ready().await?;
        Ok(server)
    }

    async fn until_ready(&self) -> Result<(), Error> {
        let options = self.administration.connect_options();
        // The pool would wait inside, and hide why.
        let probe = || async { PgConnection::connect_with(&options).await?.ping().await };
        self.container.until_ready(probe).await
    }

    pub(super) fn container(&self) -> &Container {
        &self.container
    }

    pub(super) async fn disturb(&self, fault: Fault) -> Result<(), Error> {
        match fault {
            Fault::Heal => {
                self.faults.heal().await?;
                return self.front.heal().await;
            }
            Fault::DiskFull | Fault::SlowQueries => return self.faults.begin(fault).await,
            // Whoever is about to be let in is no connection yet that could be ended, so nobody may come meanwhile.
            Fault::OutOfConnections | Fault::WrongPassword => {
                return self.front.closed(self.faults.begin(fault)).await;
            }
            _ if self.front.disturb(fault).await? => return Ok(()),
            _ => {}
        }
        self.container.disturb(fault).await?;
        if fault.starts() {
            self.until_ready().await?;
        }
        self.front.follow(fault).await
    }

    /// A database's URL as processes of this machine reach it.
    pub(super) fn url(&self, database: &str) -> String {
        format!("postgres://{USER}:{PASSWORD}@{}/{database}", self.front.outside())
    }

    /// A database's URL as containers of the run reach it.
    pub(super) fn url_inside(&self, database: &str) -> String {
        format!("postgres://{USER}:{PASSWORD}@{}/{database}", self.front.inside())
    }

    /// Makes an empty database.
    pub(super) async fn create(&self) -> Result<String, Error> {
        self.copy("template0").await
    }

    /// Makes a copy of a database that nobody is connected to.
    pub(super) async fn copy(&self, template: &str) -> Result<String, Error> {
        let name = self.next_name("test");
        self.execute(format!(
            "CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy"
        ))
        .await?;
        Ok(name)
    }

    /// Drops a database, whoever is still connected to it.
    pub(super) async fn drop(&self, database: &str) -> Result<(), Error> {
        self.execute(format!("DROP DATABASE IF EXISTS {database} WITH (FORCE)"))
            .await
    }

    /// The template of this key: ready, or to be made by the caller. Waits for another caller who is making it.
    pub(super) async fn template(&self, key: &str) -> Result<Found, Error> {
        let template = self.templates().entry(key.to_owned()).or_default().clone();
        let state = template.lock_owned().await;
        if let Some(database) = &*state {
            return Ok(Found::Ready(database.clone()));
        }
        let database = self.next_name("template");
        self.execute(format!("CREATE DATABASE {database} TEMPLATE template0"))
            .await?;
        Ok(Found::Make(TemplateLease { state, database }))
    }

    /// Gives a template that was made to those who wait for it.
    pub(super) async fn publish(&self, mut lease: TemplateLease) -> Result<String, Error> {
        let database = lease.database.clone();
        // A connection that its maker forgot would fail every copy.
        self.execute(format!("ALTER DATABASE {database} ALLOW_CONNECTIONS false"))
            .await?;
        self.execute(format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'"
        ))
        .await?;
        *lease.state = Some(database.clone());
        Ok(database)
    }

    /// Undoes a template that its maker gave up; the next who waits for it makes it.
    pub(super) async fn abandon(&self, lease: TemplateLease) -> Result<(), Error> {
        self.drop(&lease.database).await
    }

    fn templates(&self) -> std::sync::MutexGuard<'_, HashMap<String, Template>> {
        self.templates
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn next_name(&self, kind: &str) -> String {
        format!("{kind}_{}", self.databases.fetch_add(1, Ordering::Relaxed))
    }

    /// Executes a statement that is made of our own names only.
    async fn execute(&self, statement: String) -> Result<(), Error> {
        let execution = sqlx::raw_sql(AssertSqlSafe(statement.clone())).execute(&self.administration);
        match tokio::time::timeout(STATEMENT_DEADLINE, execution).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(Error::Refused(format!("`{statement}` failed: {error}"))),
            Err(_) => Err(Error::Refused(format!(
                "`{statement}` had no answer in {} s: is {} paused?",
                STATEMENT_DEADLINE.as_secs(),
                self.container.name()
            ))),
        }
    }
}

impl TemplateLease {
    /// The database to migrate.
    pub(super) fn database(&self) -> &str {
        &self.database
    }
}
