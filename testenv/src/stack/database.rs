//! Databases that live as long as their handle.

use std::fmt::Display;

use crate::{
    Error,
    client::Connection,
    protocol::{Request, Response},
};

/// A database of its own on a stack's Postgres, dropped with this handle and, however its process ends, with that.
#[derive(Debug)]
pub struct Database {
    url: String,
    /// The host drops the database when this closes.
    _connection: Connection,
}

impl Database {
    pub(super) async fn fresh(stack: Option<u64>) -> Result<Self, Error> {
        let connection = Connection::open().await?;
        let answer = connection.call(Request::FreshDatabase { stack }).await?;
        Self::from_answer(connection, answer)
    }

    pub(super) async fn copied<M, F, E>(stack: Option<u64>, key: &str, migrate: M) -> Result<Self, Error>
    where
        M: FnOnce(String) -> F,
        F: Future<Output = Result<(), E>>,
        E: Display,
    {
        let connection = Connection::open().await?;
        let answer = connection
            .call(Request::DatabaseFrom {
                stack,
                key: key.to_owned(),
            })
            .await?;
        let Response::Migrate { url } = answer else {
            return Self::from_answer(connection, answer);
        };
        // On an error the connection closes, which hands the template to the next caller who waits for it.
        migrate(url).await.map_err(|error| Error::Migration {
            key: key.to_owned(),
            message: error.to_string(),
        })?;
        let answer = connection.call(Request::TemplateReady).await?;
        Self::from_answer(connection, answer)
    }

    fn from_answer(connection: Connection, answer: Response) -> Result<Self, Error> {
        match answer {
            Response::Database { url } => Ok(Self {
                url,
                _connection: connection,
            }),
            other => Err(Error::unexpected("a database", &other)),
        }
    }

    /// `postgres://…`, as a superuser.
    pub fn url(&self) -> &str {
        &self.url
    }
}
