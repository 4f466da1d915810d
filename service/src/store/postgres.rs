mod pool;

use std::{
    path::{Path, PathBuf},
    str::FromStr as _,
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::{
    Connection as _, PgConnection, PgPool,
    migrate::Migrator,
    pool::PoolConnection,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::time::{Instant, sleep, timeout_at};
use uuid::Uuid;

use super::{
    Error, KnownLoss, Page, PoolState, Schema, Store,
    analysis_row::{self, AnalysisRow, bind_row, select_page},
    error::TIMEOUT,
    records::owner,
    sql::{Database, Lease, Transaction, call},
};
use crate::{
    analyses::Analysis,
    config,
    domain::{Account, AnalysisId, UserId},
};
use pool::Trust;

static MIGRATOR: Migrator = sqlx::migrate!("src/store/migrations/postgres");

/// The part of a call's time in which it may wait for a connection.
const WAITING: f64 = 0.95;

/// When a pool that is well has found a connection.
const SHOULD_HAVE_ONE: Duration = Duration::from_millis(200);

/// How long a write that found no room counts: longer than the ledger waits before it tries again.
const FULL_FOR: Duration = Duration::from_secs(1);

/// A PostgreSQL server.
pub struct Postgres {
    pool: PgPool,
    /// What new connections are made with.
    url: Mutex<SecretString>,
    statement_timeout: Duration,
    /// Bounds each call as a whole: a server that hangs holds a connection that was acquired long ago.
    call_timeout: Duration,
    trust: Trust,
    known_loss: OnceLock<KnownLoss>,
    /// When a call went well.
    answered_at: Mutex<Option<Instant>>,
    /// When it had no room for a write.
    full_at: Mutex<Option<Instant>>,
}

impl Postgres {
    /// A pool that connects when it is first needed.
    pub fn connect_lazily(url: &SecretString, config: &config::Database) -> Result<Self, Error> {
        let call_timeout = config.acquire_timeout;
        // A little earlier than we give up, so that a slow statement is told from a server that hangs.
        let statement_timeout = config.statement_timeout.min(call_timeout.mul_f64(0.9));
        let trust = Trust::new(call_timeout);
        Ok(Self {
            pool: pool::lazy(hurried(options(url)?, statement_timeout), config, &trust),
            url: Mutex::new(url.clone()),
            statement_timeout,
            call_timeout,
            trust,
            known_loss: OnceLock::new(),
            answered_at: Mutex::default(),
            full_at: Mutex::default(),
        })
    }

    fn full_at(&self) -> MutexGuard<'_, Option<Instant>> {
        self.full_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nobody waits for a server that is known to be lost. Whoever looks at it has less patience than a call: one that
    /// answers them too late may be a slow one.
    fn is_at_hand(&self) -> Result<(), Error> {
        match self.known_loss.get().and_then(|known_loss| known_loss()) {
            None => Ok(()),
            Some(TIMEOUT) if self.has_answered_lately() => Ok(()),
            Some(_) => Err(Error::Lost),
        }
    }

    fn has_answered_lately(&self) -> bool {
        let answered_at = *self.answered_at.lock().unwrap_or_else(PoisonError::into_inner);
        answered_at.is_some_and(|at| at.elapsed() < self.call_timeout)
    }

    /// A connection, by as many tries as there is time for. That ends before the call does, so that a pool whose
    /// connections are all in use is told from a server that hangs.
    async fn acquire<T, F>(&self, attempt: impl Fn() -> F + Send) -> Result<T, sqlx::Error>
    where
        F: Future<Output = Result<T, sqlx::Error>> + Send,
    {
        let deadline = Instant::now() + self.call_timeout.mul_f64(WAITING);
        loop {
            match timeout_at(deadline, attempt()).await {
                Ok(Err(sqlx::Error::PoolTimedOut)) if Instant::now() < deadline => {}
                Ok(result) => return result,
                Err(_) => return Err(sqlx::Error::PoolTimedOut),
            }
        }
    }

    /// How to connect where statements may take their time.
    fn unhurried(&self) -> Result<PgConnectOptions, sqlx::Error> {
        options(&self.url.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn connection(&self) -> Result<PoolConnection<sqlx::Postgres>, sqlx::Error> {
        self.acquire(|| self.pool.acquire()).await
    }

    /// A connection beside the pool, which should have had one by then, where all of its own are in use: the server is
    /// well. Where the pool has none, the reason. It tries again by itself where it was refused, and says in the end that
    /// it took too long.
    async fn connection_beside(&self) -> Result<PgConnection, sqlx::Error> {
        sleep(SHOULD_HAVE_ONE).await;
        let connection = PgConnection::connect_with(&self.unhurried()?).await?;
        let PoolState { size, idle, max } = self.pool();
        if size >= max && idle == 0 {
            return Ok(connection);
        }
        let _ = connection.close().await;
        // Its own comes in a moment, and everybody waits for that.
        std::future::pending().await
    }
}

#[async_trait]
impl Database for Postgres {
    async fn lease(&self) -> Result<Lease, Error> {
        self.is_at_hand()?;
        Ok(Lease::Postgres(self.connection().await?))
    }

    async fn begin(&self) -> Result<Transaction, Error> {
        self.is_at_hand()?;
        let begun = self.acquire(|| self.pool.begin()).await?;
        Ok(Transaction::Postgres(begun))
    }

    fn call_timeout(&self) -> Option<Duration> {
        Some(self.call_timeout)
    }

    fn note_success(&self) {
        *self.answered_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn note_failure(&self, error: &Error) {
        if matches!(error, Error::DiskFull) {
            *self.full_at() = Some(Instant::now());
        }
        if error.may_be_of_the_connection() {
            self.trust.note_failure();
        }
    }
}

#[async_trait]
impl Store for Postgres {
    fn kind(&self) -> &'static str {
        "postgres"
    }

    async fn migrate(&self) -> Result<Schema, Error> {
        // A migration takes the time that it needs, and so does waiting for another replica's. Whatever it has locked
        // goes with its connection.
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(self.call_timeout)
            .connect_lazy_with(self.unhurried()?);
        let migrated = migrator().run(&pool).await;
        pool.close().await;
        migrated?;
        self.schema().await
    }

    async fn schema(&self) -> Result<Schema, Error> {
        let applied: Result<Vec<i64>, _> = call(self, async {
            let mut connection = self.connection().await?;
            Ok(sqlx::query_scalar(analysis_row::APPLIED)
                .fetch_all(&mut *connection)
                .await?)
        })
        .await;
        match applied {
            Ok(applied) => Ok(Schema::compare(&MIGRATOR, &applied)),
            Err(Error::Refused(error)) if is_undefined_table(&error) => Ok(Schema::compare(&MIGRATOR, &[])),
            Err(error) => Err(error),
        }
    }

    async fn ping(&self) -> Result<(), Error> {
        call(self, async {
            tokio::select! {
                connection = self.connection() => touch(&mut *connection?).await,
                connection = self.connection_beside() => {
                    let mut connection = connection?;
                    touch(&mut connection).await?;
                    // It is one too many, and says so itself where this fails.
                    let _ = connection.close().await;
                    Ok(())
                }
            }
        })
        .await?;
        // To look would be a write, for which there may be room where others find none. The ledger tries all the time.
        match *self.full_at() {
            Some(at) if at.elapsed() < FULL_FOR => Err(Error::DiskFull),
            _ => Ok(()),
        }
    }

    async fn save_analysis(&self, analysis: &Analysis, account: Account) -> Result<(), Error> {
        call(self, async {
            let mut connection = self.connection().await?;
            let insert = bind_row!(AnalysisRow::from(analysis), owner(account));
            insert.execute(&mut *connection).await?;
            Ok(())
        })
        .await
    }

    async fn analysis(&self, id: AnalysisId, account: Account) -> Result<Option<Analysis>, Error> {
        call(self, async {
            let mut connection = self.connection().await?;
            let select = sqlx::query_as::<_, AnalysisRow>(analysis_row::SELECT)
                .bind(id.as_uuid())
                .bind(owner(account));
            let row = select.fetch_optional(&mut *connection).await?;
            row.map(Analysis::try_from).transpose()
        })
        .await
    }

    async fn analyses(&self, user: UserId, page: Page<AnalysisId>) -> Result<Vec<Analysis>, Error> {
        call(self, async {
            let mut connection = self.connection().await?;
            let select = sqlx::query_as::<_, AnalysisRow>(select_page!("'[]'::jsonb"))
                .bind(user.as_uuid())
                .bind(page.after.map_or(Uuid::max(), AnalysisId::as_uuid))
                .bind(i64::from(page.limit));
            let rows = select.fetch_all(&mut *connection).await?;
            rows.into_iter().map(Analysis::try_from).collect()
        })
        .await
    }

    async fn delete_analysis(&self, id: AnalysisId, account: Account) -> Result<bool, Error> {
        call(self, async {
            let mut connection = self.connection().await?;
            let delete = sqlx::query(analysis_row::DELETE)
                .bind(id.as_uuid())
                .bind(owner(account));
            Ok(delete.execute(&mut *connection).await?.rows_affected() == 1)
        })
        .await
    }

    fn pool(&self) -> PoolState {
        PoolState::of(&self.pool)
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
        self.pool
            .set_connect_options(hurried(now, self.statement_timeout));
        *current = url.clone();
        Ok(true)
    }

    fn heed(&self, known_loss: KnownLoss) {
        let _ = self.known_loss.set(known_loss);
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}

fn options(url: &SecretString) -> Result<PgConnectOptions, sqlx::Error> {
    Ok(PgConnectOptions::from_str(url.expose_secret())?.application_name("ultra-service"))
}

/// Where the server gives up what takes too long.
fn hurried(options: PgConnectOptions, statement_timeout: Duration) -> PgConnectOptions {
    let timeout = statement_timeout.as_millis().max(1).to_string();
    options.options([("statement_timeout", timeout)])
}

/// Which database it is. Half of the connections to one and half to another would be two services in one.
fn place(options: &PgConnectOptions) -> (Option<&Path>, &str, u16, &str) {
    // Without a name it is the user's.
    let database = options.get_database().unwrap_or(options.get_username());
    let socket = options.get_socket().map(PathBuf::as_path);
    (socket, options.get_host(), options.get_port(), database)
}

/// Touches what every panel writes to, and reads none of it. A server whose tables are locked, as by a migration that
/// takes long, answers to what needs no table, and everybody would wait for it in vain.
async fn touch(connection: &mut PgConnection) -> Result<(), Error> {
    const A_TABLE: &str = "select 1 from analyses limit 0";
    match sqlx::query(A_TABLE).execute(connection).await {
        // The schema is still on its way.
        Err(error) if is_undefined_table(&error) => Ok(()),
        result => Ok(result.map(drop)?),
    }
}

fn is_undefined_table(error: &sqlx::Error) -> bool {
    const UNDEFINED_TABLE: &str = "42P01";
    let code = error.as_database_error().and_then(|error| error.code());
    code.as_deref() == Some(UNDEFINED_TABLE)
}

/// A newer version of the service may have migrated further; that is no error, see [`Schema::Fits`].
fn migrator() -> Migrator {
    let mut migrator = Migrator::with_migrations(MIGRATOR.iter().cloned().collect());
    migrator.set_ignore_missing(true);
    migrator
}
