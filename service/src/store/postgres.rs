use std::{
    path::{Path, PathBuf},
    str::FromStr as _,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::{
    PgPool,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use super::{
    Error, Schema, Store,
    analysis_row::{self, AnalysisRow, bind_row},
    records::owner,
    sql::{Database, Lease, Transaction},
};
use crate::{
    analyses::Analysis,
    config,
    domain::{Account, AnalysisId},
};

static MIGRATOR: Migrator = sqlx::migrate!("src/store/migrations/postgres");

/// How long a connection is used: whoever changes a password may take the old one away after so long.
const CONNECTION_LIFETIME: Duration = Duration::from_secs(30 * 60);

/// A PostgreSQL server.
pub struct Postgres {
    pool: PgPool,
    /// What new connections are made with.
    url: Mutex<SecretString>,
    /// Bounds each call as a whole: a server that hangs holds a connection that was acquired long ago.
    call_timeout: Duration,
}

impl Postgres {
    /// A pool that connects when it is first needed.
    pub fn connect_lazily(url: &SecretString, config: &config::Database) -> Result<Self, Error> {
        let pool = PgPoolOptions::new()
            .max_connections(config.max_connections)
            .acquire_timeout(config.acquire_timeout)
            .max_lifetime(CONNECTION_LIFETIME)
            .connect_lazy_with(options(url)?);
        Ok(Self {
            pool,
            url: Mutex::new(url.clone()),
            call_timeout: config.acquire_timeout,
        })
    }

    async fn bounded<T>(&self, call: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, Error> {
        match tokio::time::timeout(self.call_timeout, call).await {
            Ok(result) => Ok(result?),
            Err(_) => Err(Error::Timeout),
        }
    }
}

#[async_trait]
impl Database for Postgres {
    async fn lease(&self) -> Result<Lease, sqlx::Error> {
        self.pool.acquire().await.map(Lease::Postgres)
    }

    async fn begin(&self) -> Result<Transaction, sqlx::Error> {
        self.pool.begin().await.map(Transaction::Postgres)
    }

    fn call_timeout(&self) -> Option<Duration> {
        Some(self.call_timeout)
    }
}

#[async_trait]
impl Store for Postgres {
    fn kind(&self) -> &'static str {
        "postgres"
    }

    async fn migrate(&self) -> Result<Schema, Error> {
        migrator().run(&self.pool).await?;
        self.schema().await
    }

    async fn schema(&self) -> Result<Schema, Error> {
        let applied: Result<Vec<i64>, _> = self
            .bounded(sqlx::query_scalar(analysis_row::APPLIED).fetch_all(&self.pool))
            .await;
        match applied {
            Ok(applied) => Ok(Schema::compare(&MIGRATOR, &applied)),
            Err(Error::Refused(sqlx::Error::Database(error)))
                if error.code().as_deref() == Some(UNDEFINED_TABLE) =>
            {
                Ok(Schema::compare(&MIGRATOR, &[]))
            }
            Err(error) => Err(error),
        }
    }

    async fn ping(&self) -> Result<(), Error> {
        self.bounded(sqlx::query("select 1").execute(&self.pool))
            .await
            .map(drop)
    }

    async fn save_analysis(&self, analysis: &Analysis, account: Account) -> Result<(), Error> {
        let insert = bind_row!(AnalysisRow::from(analysis), owner(account));
        self.bounded(insert.execute(&self.pool)).await.map(drop)
    }

    async fn analysis(&self, id: AnalysisId, account: Account) -> Result<Option<Analysis>, Error> {
        let select = sqlx::query_as::<_, AnalysisRow>(analysis_row::SELECT)
            .bind(id.as_uuid())
            .bind(owner(account));
        self.bounded(select.fetch_optional(&self.pool))
            .await?
            .map(Analysis::try_from)
            .transpose()
    }

    fn take_over_url(&self, url: &SecretString) -> Result<bool, Error> {
        let mut current = self.url.lock().unwrap_or_else(PoisonError::into_inner);
        if current.expose_secret() == url.expose_secret() {
            return Ok(false);
        }
        let (before, now) = (options(&current)?, options(url)?);
        if place(&before) != place(&now) {
            return Err(Error::OtherDatabase);
        }
        self.pool.set_connect_options(now);
        *current = url.clone();
        Ok(true)
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}

fn options(url: &SecretString) -> Result<PgConnectOptions, sqlx::Error> {
    Ok(PgConnectOptions::from_str(url.expose_secret())?.application_name("ultra-service"))
}

/// Which database it is. Half of the connections to one and half to another would be two services in one.
fn place(options: &PgConnectOptions) -> (Option<&Path>, &str, u16, &str) {
    // Without a name it is the user's.
    let database = options.get_database().unwrap_or(options.get_username());
    let socket = options.get_socket().map(PathBuf::as_path);
    (socket, options.get_host(), options.get_port(), database)
}

const UNDEFINED_TABLE: &str = "42P01";

/// A newer version of the service may have migrated further; that is no error, see [`Schema::Fits`].
fn migrator() -> Migrator {
    let mut migrator = Migrator::with_migrations(MIGRATOR.iter().cloned().collect());
    migrator.set_ignore_missing(true);
    migrator
}
