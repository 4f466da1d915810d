//! Postgres as a test sees it.

use std::fmt::Display;

use super::{
    Database, Lease, Part,
    fault::{faults, server_faults},
};
use crate::Error;

/// A Postgres server with a database of the stack's own, empty at its start.
#[derive(Debug)]
pub struct Postgres {
    lease: Lease,
    /// The stack's id when the server is its own.
    server: Option<u64>,
    url: String,
}

impl Postgres {
    pub(super) fn new(lease: Lease, server: Option<u64>, url: String) -> Self {
        Self { lease, server, url }
    }

    /// `postgres://…` of the stack's own database, as a superuser.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// An empty database on the same server, dropped when its handle is.
    pub async fn fresh_database(&self) -> Result<Database, Error> {
        Database::fresh(self.server).await
    }

    /// A copy of a template database, dropped when its handle is.
    ///
    /// The template is made once per `key` and server, by the first caller of any process, who runs `migrate` on it;
    /// all others wait for that one. Put into the key what the result depends on: a version, or a hash of the migrations.
    pub async fn fresh_database_from<M, F, E>(&self, key: &str, migrate: M) -> Result<Database, Error>
    where
        M: FnOnce(String) -> F,
        F: Future<Output = Result<(), E>>,
        E: Display,
    {
        Database::copied(self.server, key, migrate).await
    }
}

faults!(Postgres, Part::Postgres);
server_faults!(Postgres);
