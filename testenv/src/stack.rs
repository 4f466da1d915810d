//! A stack: real Postgres and Redis in containers, and the service as its image, for one test or for many.
//!
//! Stacks share one container of each kind per run, and are kept apart by a database and a logical Redis database
//! of their own. A dedicated stack has containers of its own, so it may be disturbed: see [`Fault`].

mod database;
mod fault;
mod postgres;
mod profile;
mod redis;
mod service;

pub use database::Database;
pub use fault::{Fault, Part};
pub use postgres::Postgres;
pub use profile::Profile;
pub use redis::Redis;
pub use service::Service;

use std::sync::Arc;

use crate::{
    Error,
    client::Connection,
    protocol::{Request, Response, StackAddresses, StackRequest},
};

/// What a test stands on. Its containers, or its share of them, go when it is dropped.
#[derive(Debug)]
pub struct Stack {
    postgres: Option<Postgres>,
    redis: Option<Redis>,
    service: Option<Service>,
}

impl Stack {
    /// Starts to describe a stack.
    pub fn builder() -> StackBuilder {
        StackBuilder::default()
    }

    /// The stack's Postgres.
    ///
    /// # Panics
    /// When the stack was built without one: that is a mistake in the test.
    #[track_caller]
    pub fn postgres(&self) -> &Postgres {
        present(self.postgres.as_ref(), "Postgres", "postgres()")
    }

    /// The stack's Redis.
    ///
    /// # Panics
    /// When the stack was built without one: that is a mistake in the test.
    #[track_caller]
    pub fn redis(&self) -> &Redis {
        present(self.redis.as_ref(), "Redis", "redis()")
    }

    /// The service in front of the stack's Postgres and Redis.
    ///
    /// # Panics
    /// When the stack was built without one: that is a mistake in the test.
    #[track_caller]
    pub fn service(&self) -> &Service {
        present(self.service.as_ref(), "service", "service(Profile::Development)")
    }
}

#[track_caller]
#[expect(
    clippy::panic,
    reason = "a part that was never asked for is a mistake in the test, best told at its line"
)]
fn present<'a, T>(part: Option<&'a T>, name: &str, method: &str) -> &'a T {
    match part {
        Some(part) => part,
        None => panic!("this stack has no {name}: add `.{method}` to its builder"),
    }
}

/// Describes a [`Stack`].
#[derive(Debug, Clone, Default)]
#[must_use = "a stack starts with `start()`"]
pub struct StackBuilder {
    request: StackRequest,
}

impl StackBuilder {
    /// With Postgres.
    pub fn postgres(mut self) -> Self {
        self.request.postgres = true;
        self
    }

    /// With Redis.
    pub fn redis(mut self) -> Self {
        self.request.redis = true;
        self
    }

    /// With the service, as its image, in front of the stack's Postgres and Redis; without them it has its own.
    pub fn service(mut self, profile: Profile) -> Self {
        self.request.service = Some(profile);
        self
    }

    /// With containers of its own rather than those that all tests share: slower to start, and free to be disturbed.
    pub fn dedicated(mut self) -> Self {
        self.request.dedicated = true;
        self
    }

    /// With containers of its own, and with Postgres' data on a disk of 160 MiB in memory, which can be filled. It forgets
    /// everything when it is stopped.
    pub fn small_disk(mut self) -> Self {
        self.request.small_disk = true;
        self.dedicated()
    }

    /// Starts what is not there yet, and returns when all of it answers.
    pub async fn start(self) -> Result<Stack, Error> {
        let connection = Connection::open().await?;
        let dedicated = self.request.dedicated;
        let addresses = match connection.call(Request::Stack(self.request)).await? {
            Response::Stack(addresses) => addresses,
            other => return Err(Error::unexpected("a stack", &other)),
        };
        Ok(Stack::new(
            &Lease {
                connection: Arc::new(connection),
                dedicated,
            },
            addresses,
        ))
    }
}

impl Stack {
    fn new(lease: &Lease, addresses: StackAddresses) -> Self {
        let id = lease.dedicated.then_some(addresses.id);
        Self {
            postgres: addresses
                .postgres
                .map(|url| Postgres::new(lease.clone(), id, url)),
            redis: addresses.redis.map(|url| Redis::new(lease.clone(), url)),
            service: addresses.service.map(|url| Service::new(lease.clone(), url)),
        }
    }
}

/// The connection whose end gives the stack back, held by every part of it.
#[derive(Debug, Clone)]
struct Lease {
    connection: Arc<Connection>,
    dedicated: bool,
}

impl Lease {
    async fn fault(&self, part: Part, fault: Fault) -> Result<(), Error> {
        if !self.dedicated {
            return Err(Error::SharedStack { part, fault });
        }
        self.connection
            .call(Request::Fault { part, fault })
            .await
            .map(drop)
    }

    async fn logs(&self, part: Part) -> Result<String, Error> {
        match self.connection.call(Request::Logs { part }).await? {
            Response::Logs { text } => Ok(text),
            other => Err(Error::unexpected("a log", &other)),
        }
    }
}
