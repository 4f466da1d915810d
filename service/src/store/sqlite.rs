use std::{
    fs::{self, DirBuilder, OpenOptions, Permissions},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
    time::Duration,
};

use async_trait::async_trait;
use secrecy::SecretString;
use sqlx::{
    SqlitePool,
    migrate::Migrator,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use uuid::Uuid;

use super::{
    Error, Page, PoolState, Schema, Store,
    analysis_row::{self, AnalysisRow, bind_row, select_page},
    records::owner,
    sql::{Database, Lease, Transaction},
};
use crate::{
    analyses::Analysis,
    config,
    domain::{Account, AnalysisId, UserId},
};

static MIGRATOR: Migrator = sqlx::migrate!("src/store/migrations/sqlite");

/// What everybody on the machine may do with a file.
const EVERYBODY: u32 = 0o007;

/// A database in a file of our own.
pub struct Sqlite {
    pool: SqlitePool,
}

impl Sqlite {
    /// Opens the file, and makes it and its folder where they are missing.
    pub async fn open(path: &Path, config: &config::Database) -> Result<Self, Error> {
        if let Some(folder) = path.parent() {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
            made.and_then(|()| keep_private(path))
                .map_err(|source| Error::DataFolder {
                    path: folder.display().to_string(),
                    source,
                })?;
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            // Readers do not wait for the writer, and a commit is one append.
            .journal_mode(SqliteJournalMode::Wal)
            // The ledger lets go of its own copy once a batch is committed, so a commit has to survive a loss of power.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(config.acquire_timeout);
        let pool = SqlitePoolOptions::new()
            .max_connections(config.max_connections)
            .acquire_timeout(config.acquire_timeout)
            .connect_with(options)
            .await?;
        Ok(Self { pool })
    }
}

/// Hashes of passwords and sealed keys lie in the file: only its owner reads it, and where it was made by others, nobody
/// outside its group. SQLite gives its journals the same mode.
fn keep_private(path: &Path) -> io::Result<()> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)?;
    for end in ["", "-wal", "-shm"] {
        let mut file = path.as_os_str().to_owned();
        file.push(end);
        let Ok(metadata) = fs::metadata(&file) else {
            continue;
        };
        let mode = metadata.permissions().mode();
        if mode & EVERYBODY != 0
            && let Err(error) = fs::set_permissions(&file, Permissions::from_mode(mode & !EVERYBODY))
        {
            tracing::warn!(file = %file.display(), %error, "everybody on this machine may read or write the database");
        }
    }
    Ok(())
}

#[async_trait]
impl Database for Sqlite {
    async fn lease(&self) -> Result<Lease, Error> {
        Ok(Lease::Sqlite(self.pool.acquire().await?))
    }

    async fn begin(&self) -> Result<Transaction, Error> {
        // A transaction that first reads and then waits to write would find that another had written in between.
        let begun = self.pool.begin_with("begin immediate").await?;
        Ok(Transaction::Sqlite(begun))
    }

    fn call_timeout(&self) -> Option<Duration> {
        // The pool and the busy timeout bound every wait.
        None
    }
}

#[async_trait]
impl Store for Sqlite {
    fn kind(&self) -> &'static str {
        "sqlite"
    }

    async fn migrate(&self) -> Result<Schema, Error> {
        let mut migrator = Migrator::with_migrations(MIGRATOR.iter().cloned().collect());
        migrator.set_ignore_missing(true);
        migrator.run(&self.pool).await?;
        self.schema().await
    }

    async fn schema(&self) -> Result<Schema, Error> {
        const TABLE: &str = "select count(*) from sqlite_master where name = '_sqlx_migrations'";
        let tables: i64 = sqlx::query_scalar(TABLE).fetch_one(&self.pool).await?;
        let applied: Vec<i64> = match tables {
            0 => Vec::new(),
            _ => {
                sqlx::query_scalar(analysis_row::APPLIED)
                    .fetch_all(&self.pool)
                    .await?
            }
        };
        Ok(Schema::compare(&MIGRATOR, &applied))
    }

    async fn ping(&self) -> Result<(), Error> {
        sqlx::query("select 1").execute(&self.pool).await?;
        Ok(())
    }

    async fn save_analysis(&self, analysis: &Analysis, account: Account) -> Result<(), Error> {
        bind_row!(AnalysisRow::from(analysis), owner(account))
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    async fn analysis(&self, id: AnalysisId, account: Account) -> Result<Option<Analysis>, Error> {
        let select = sqlx::query_as::<_, AnalysisRow>(analysis_row::SELECT)
            .bind(id.as_uuid())
            .bind(owner(account));
        select
            .fetch_optional(&self.pool)
            .await?
            .map(Analysis::try_from)
            .transpose()
    }

    async fn analyses(&self, user: UserId, page: Page<AnalysisId>) -> Result<Vec<Analysis>, Error> {
        let select = sqlx::query_as::<_, AnalysisRow>(select_page!("'[]'"))
            .bind(user.as_uuid())
            .bind(page.after.map_or(Uuid::max(), AnalysisId::as_uuid))
            .bind(i64::from(page.limit));
        let rows = select.fetch_all(&self.pool).await?;
        rows.into_iter().map(Analysis::try_from).collect()
    }

    async fn delete_analysis(&self, id: AnalysisId, account: Account) -> Result<bool, Error> {
        let delete = sqlx::query(analysis_row::DELETE)
            .bind(id.as_uuid())
            .bind(owner(account));
        Ok(delete.execute(&self.pool).await?.rows_affected() == 1)
    }

    fn pool(&self) -> PoolState {
        PoolState::of(&self.pool)
    }

    fn take_over_url(&self, _url: &SecretString) -> Result<bool, Error> {
        Err(Error::OtherDatabase)
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}
