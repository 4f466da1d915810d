//! A Redis server and the logical databases that tests have on it.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::{
    Context,
    container::{Container, Recipe},
    front::Front,
    redis_faults::RedisFaults,
};
use crate::{Error, provision::Image, stack::Fault, versions::Versions};

const PORT: u16 = 6379;

/// More stacks than this at once have no Redis.
const DATABASES: u32 = 4096;

const ANSWER_DEADLINE: Duration = Duration::from_secs(5);

/// A server.
#[derive(Debug)]
pub(super) struct RedisServer {
    container: Container,
    front: Front,
    faults: RedisFaults,
    free: Mutex<BTreeSet<u32>>,
}

impl RedisServer {
    /// Starts a server that keeps everything in memory.
    pub(super) async fn start(context: &Context, name: String, disturbable: bool) -> Result<Self, Error> {
        let version = &Versions::supported().redis.default;
        let image = context.image(Image::Redis(version.clone())).await?;
        let databases = DATABASES.to_string();
        let arguments = [
            "redis-server",
            "--databases",
            &databases,
            "--save",
            "",
            "--appendonly",
            "no",
            // Where it writes to is what a full disk is made of.
            "--enable-protected-configs",
            "yes",
        ];
        let container = Container::start(
            context,
            Recipe {
                name,
                image,
                port: PORT,
                arguments: arguments.map(String::from).to_vec(),
                environment: Vec::new(),
                memory: Vec::new(),
            },
        )
        .await?;
        let front = Front::start(context, &container, PORT, disturbable).await?;
        let server = Self {
            faults: RedisFaults::new(container.port()),
            container,
            front,
            free: Mutex::new((0..DATABASES).collect()),
        };
        server.until_ready().await?;
        Ok(server)
    }

    async fn until_ready(&self) -> Result<(), Error> {
        self.container.until_ready(|| self.command(0, "PING")).await
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
            Fault::DiskFull | Fault::SlowQueries | Fault::OutOfConnections | Fault::WrongPassword => {
                return self.faults.begin(fault).await;
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

    /// A logical database's URL as processes of this machine reach it.
    pub(super) fn url(&self, database: u32) -> String {
        format!("redis://{}/{database}", self.front.outside())
    }

    /// A logical database's URL as containers of the run reach it.
    pub(super) fn url_inside(&self, database: u32) -> String {
        format!("redis://{}/{database}", self.front.inside())
    }

    /// Takes an empty logical database.
    pub(super) async fn take(&self) -> Result<u32, Error> {
        let database = self.free().pop_first().ok_or_else(|| {
            Error::Refused(format!(
                "all {DATABASES} logical Redis databases are in use: drop stacks that are done"
            ))
        })?;
        // Its last user may have been killed in the middle of a write.
        self.command(database, "FLUSHDB").await.map_err(Error::refusal)?;
        Ok(database)
    }

    /// Gives a logical database back.
    pub(super) fn give_back(&self, database: u32) {
        self.free().insert(database);
    }

    fn free(&self) -> std::sync::MutexGuard<'_, BTreeSet<u32>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn command(&self, database: u32, command: &str) -> redis::RedisResult<()> {
        let exchange = async {
            let client =
                redis::Client::open(format!("redis://127.0.0.1:{}/{database}", self.container.port()))?;
            let mut connection = client.get_multiplexed_async_connection().await?;
            redis::cmd(command).exec_async(&mut connection).await
        };
        let late = |_| std::io::Error::from(std::io::ErrorKind::TimedOut);
        tokio::time::timeout(ANSWER_DEADLINE, exchange)
            .await
            .map_err(late)?
    }
}
