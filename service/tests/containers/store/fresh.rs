use std::{path::Path, sync::Arc, time::Duration};

use secrecy::SecretString;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection, migrate::Migrator};
use tempfile::TempDir;
use ultra_service::{
    config::{Database, DatabaseTarget, Migrate},
    store::{self, Store},
};
use ultra_testenv::Stack;

/// A new database, and a way around the store to see what is really in it.
pub(crate) struct Fresh {
    url: String,
    target: DatabaseTarget,
    _held: Held,
}

#[expect(dead_code, reason = "held until the test is over")]
enum Held {
    Folder(TempDir),
    Database(Stack, ultra_testenv::Database),
}

impl Fresh {
    pub(crate) fn sqlite() -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("made/by/the/store/ultra.db");
        Self {
            url: format!("sqlite://{}", path.display()),
            target: DatabaseTarget::Sqlite(path),
            _held: Held::Folder(folder),
        }
    }

    pub(crate) async fn postgres() -> Self {
        let stack = Stack::builder().postgres().start().await.unwrap();
        let database = stack.postgres().fresh_database().await.unwrap();
        let url = database.url().to_owned();
        Self {
            target: DatabaseTarget::Postgres(SecretString::from(url.as_str())),
            url,
            _held: Held::Database(stack, database),
        }
    }

    /// Where it is, for another process.
    pub(crate) fn target(&self) -> &DatabaseTarget {
        &self.target
    }

    /// The store as the service opens it.
    pub(crate) async fn unmigrated(&self) -> Arc<dyn Store> {
        open(self.target.clone()).await
    }

    /// The store once its schema fits.
    pub(crate) async fn store(&self) -> Arc<dyn Store> {
        let store = self.unmigrated().await;
        store.migrate().await.unwrap();
        store
    }

    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self.target, DatabaseTarget::Postgres(_))
    }

    /// Applies the migrations of a folder, as a version that has only those.
    pub(crate) async fn migrate_from(&self, folder: &Path) {
        let migrator = Migrator::new(folder).await.unwrap();
        if self.is_postgres() {
            let mut connection = PgConnection::connect(&self.url).await.unwrap();
            migrator.run(&mut connection).await.unwrap();
        } else {
            let mut connection = SqliteConnection::connect(&self.url).await.unwrap();
            migrator.run(&mut connection).await.unwrap();
        }
    }

    pub(crate) async fn run(&self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        if self.is_postgres() {
            let mut connection = PgConnection::connect(&self.url).await.unwrap();
            sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        } else {
            let mut connection = SqliteConnection::connect(&self.url).await.unwrap();
            sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        }
    }

    pub(crate) async fn texts(&self, sql: &str) -> Vec<String> {
        let sql = AssertSqlSafe(sql.to_owned());
        if self.is_postgres() {
            let mut connection = PgConnection::connect(&self.url).await.unwrap();
            sqlx::query_scalar(sql).fetch_all(&mut connection).await.unwrap()
        } else {
            let mut connection = SqliteConnection::connect(&self.url).await.unwrap();
            sqlx::query_scalar(sql).fetch_all(&mut connection).await.unwrap()
        }
    }

    /// How many rows a table has.
    pub(crate) async fn rows(&self, table: &str) -> u64 {
        let counts = self
            .texts(&format!("select cast(count(*) as text) from {table}"))
            .await;
        counts[0].parse().unwrap()
    }

    /// The names of the tables that hold what the service keeps, without their partitions.
    pub(crate) async fn tables(&self) -> Vec<String> {
        let sql = if self.is_postgres() {
            "select table_name::text from information_schema.tables where table_schema = 'public' \
             and table_name not like '\\_sqlx%' and table_name not like 'usage\\_%' order by 1"
        } else {
            "select name from sqlite_master where type = 'table' and name not like '\\_sqlx%' escape '\\' order by 1"
        };
        self.texts(sql).await
    }
}

pub(crate) async fn open(target: DatabaseTarget) -> Arc<dyn Store> {
    open_with(target, Duration::from_secs(30)).await
}

pub(crate) async fn open_with(target: DatabaseTarget, acquire_timeout: Duration) -> Arc<dyn Store> {
    let config = Database {
        target,
        url_file: None,
        migrate: Migrate::Auto,
        max_connections: 4,
        min_connections: 0,
        idle_timeout: Duration::from_secs(600),
        max_lifetime: Duration::from_secs(1_800),
        acquire_timeout,
        statement_timeout: Duration::from_secs(20),
    };
    store::open(&config).await.unwrap()
}
