use std::time::Duration;

use async_trait::async_trait;
use sqlx::{PgConnection, SqliteConnection, pool::PoolConnection};

use crate::store::Error;

/// A database that the shared statements run on.
#[async_trait]
pub(in crate::store) trait Database: Send + Sync {
    /// A connection of the pool, for statements that need no transaction.
    async fn lease(&self) -> Result<Lease, Error>;

    /// Begins a transaction. One that is dropped is rolled back.
    async fn begin(&self) -> Result<Transaction, Error>;

    /// Bounds each call as a whole; none where the database bounds itself.
    fn call_timeout(&self) -> Option<Duration>;

    /// A call went well.
    fn note_success(&self) {}

    /// A call failed.
    fn note_failure(&self, _: &Error) {}
}

/// A connection of the pool.
pub(in crate::store) enum Lease {
    Postgres(PoolConnection<sqlx::Postgres>),
    Sqlite(PoolConnection<sqlx::Sqlite>),
}

/// A transaction under way.
pub(in crate::store) enum Transaction {
    Postgres(sqlx::Transaction<'static, sqlx::Postgres>),
    Sqlite(sqlx::Transaction<'static, sqlx::Sqlite>),
}

/// What a statement runs on.
pub(super) enum Connection<'c> {
    Postgres(&'c mut PgConnection),
    Sqlite(&'c mut SqliteConnection),
}

impl Lease {
    pub(super) fn connection(&mut self) -> Connection<'_> {
        match self {
            Self::Postgres(lease) => Connection::Postgres(lease),
            Self::Sqlite(lease) => Connection::Sqlite(lease),
        }
    }
}

impl Transaction {
    pub(super) fn connection(&mut self) -> Connection<'_> {
        match self {
            Self::Postgres(transaction) => Connection::Postgres(transaction),
            Self::Sqlite(transaction) => Connection::Sqlite(transaction),
        }
    }

    pub(super) async fn commit(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Postgres(transaction) => transaction.commit().await,
            Self::Sqlite(transaction) => transaction.commit().await,
        }
    }
}

// Macros, because the two databases' queries have no type in common.

/// Runs a statement on a [`Lease`] or [`Transaction`], and counts the rows that it changed.
macro_rules! execute {
    (@ $postgres:expr, $sqlite:expr, $on:expr $(, $value:expr)*) => {
        match $on.connection() {
            $crate::store::sql::connection::Connection::Postgres(connection) => {
                let query = sqlx::query($postgres)$(.bind($value))*;
                query.execute(&mut *connection).await.map(|done| done.rows_affected())
            }
            $crate::store::sql::connection::Connection::Sqlite(connection) => {
                let query = sqlx::query($sqlite)$(.bind($value))*;
                query.execute(&mut *connection).await.map(|done| done.rows_affected())
            }
        }
    };
    ($on:expr, $sql:expr $(, $value:expr)* $(,)?) => {
        $crate::store::sql::connection::execute!(@ $sql, $sql, $on $(, $value)*)
    };
}
pub(super) use execute;

/// Reads all rows of a statement.
macro_rules! fetch_all {
    (@ $postgres:expr, $sqlite:expr, $on:expr, $row:ty $(, $value:expr)*) => {
        match $on.connection() {
            $crate::store::sql::connection::Connection::Postgres(connection) => {
                let query = sqlx::query_as::<_, $row>($postgres)$(.bind($value))*;
                query.fetch_all(&mut *connection).await
            }
            $crate::store::sql::connection::Connection::Sqlite(connection) => {
                let query = sqlx::query_as::<_, $row>($sqlite)$(.bind($value))*;
                query.fetch_all(&mut *connection).await
            }
        }
    };
    ($on:expr, $row:ty, $sql:expr $(, $value:expr)* $(,)?) => {
        $crate::store::sql::connection::fetch_all!(@ $sql, $sql, $on, $row $(, $value)*)
    };
}
pub(super) use fetch_all;

/// Reads the row of a statement that has one at most.
macro_rules! fetch_optional {
    (@ $postgres:expr, $sqlite:expr, $on:expr, $row:ty $(, $value:expr)*) => {
        match $on.connection() {
            $crate::store::sql::connection::Connection::Postgres(connection) => {
                let query = sqlx::query_as::<_, $row>($postgres)$(.bind($value))*;
                query.fetch_optional(&mut *connection).await
            }
            $crate::store::sql::connection::Connection::Sqlite(connection) => {
                let query = sqlx::query_as::<_, $row>($sqlite)$(.bind($value))*;
                query.fetch_optional(&mut *connection).await
            }
        }
    };
    ($on:expr, $row:ty, $sql:expr $(, $value:expr)* $(,)?) => {
        $crate::store::sql::connection::fetch_optional!(@ $sql, $sql, $on, $row $(, $value)*)
    };
}
pub(super) use fetch_optional;

/// Reads a row and keeps it from all others until the transaction ends. SQLite's transactions hold the whole database
/// from their beginning.
macro_rules! fetch_locked {
    ($on:expr, $row:ty, $sql:literal $(, $value:expr)* $(,)?) => {
        $crate::store::sql::connection::fetch_optional!(
            @ concat!($sql, " for update"), $sql, $on, $row $(, $value)*
        )
    };
}
pub(super) use fetch_locked;
