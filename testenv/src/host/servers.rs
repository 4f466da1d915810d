//! The Postgres and the Redis of many stacks, or of one: each starts with the first stack that needs it.

use tokio::sync::OnceCell;

use super::{
    Context,
    postgres::{Disk, PostgresServer},
    redis::RedisServer,
};
use crate::Error;

/// At most one server of each kind.
#[derive(Debug)]
pub(super) struct Servers {
    /// Follows the names of containers.
    suffix: String,
    /// Where a Postgres keeps its data.
    disk: Disk,
    /// Whether faults can happen on the way to a server.
    disturbable: bool,
    postgres: OnceCell<PostgresServer>,
    redis: OnceCell<RedisServer>,
}

impl Servers {
    /// Those that all tests of the run share. Nothing stops them before its end.
    pub(super) fn shared() -> Self {
        Self {
            suffix: String::new(),
            disk: Disk::Memory,
            disturbable: false,
            postgres: OnceCell::new(),
            redis: OnceCell::new(),
        }
    }

    /// Those of one dedicated stack, which may be stopped and started.
    pub(super) fn dedicated(stack: u64, small_disk: bool) -> Self {
        Self {
            suffix: format!("-{stack}"),
            disk: if small_disk { Disk::Small } else { Disk::Kept },
            disturbable: true,
            postgres: OnceCell::new(),
            redis: OnceCell::new(),
        }
    }

    /// The Postgres, started if need be.
    pub(super) async fn postgres(&self, context: &Context) -> Result<&PostgresServer, Error> {
        let name = format!("postgres{}", self.suffix);
        self.postgres
            .get_or_try_init(|| PostgresServer::start(context, name, self.disk, self.disturbable))
            .await
    }

    /// The Redis, started if need be.
    pub(super) async fn redis(&self, context: &Context) -> Result<&RedisServer, Error> {
        let name = format!("redis{}", self.suffix);
        self.redis
            .get_or_try_init(|| RedisServer::start(context, name, self.disturbable))
            .await
    }

    /// The Postgres, if it has started.
    pub(super) fn started_postgres(&self) -> Option<&PostgresServer> {
        self.postgres.get()
    }

    /// The Redis, if it has started.
    pub(super) fn started_redis(&self) -> Option<&RedisServer> {
        self.redis.get()
    }

    /// Removes the containers.
    pub(super) async fn remove(&self) -> Result<(), Error> {
        let (postgres, redis) = tokio::join!(
            async {
                match self.started_postgres() {
                    Some(server) => server.container().remove().await,
                    None => Ok(()),
                }
            },
            async {
                match self.started_redis() {
                    Some(server) => server.container().remove().await,
                    None => Ok(()),
                }
            }
        );
        postgres.and(redis)
    }
}
