//! What can be the matter with a Redis that runs and is reached.

use std::time::Duration;

use redis::{Client, Cmd, FromRedisValue, RedisResult, aio::MultiplexedConnection, cmd};
use tokio::{
    sync::Mutex,
    time::{Instant, sleep, timeout},
};

use crate::{Error, stack::Fault};

const ANSWER_DEADLINE: Duration = Duration::from_secs(5);
const INTERVAL: Duration = Duration::from_millis(20);

/// A folder that nobody can write to: to Redis the same as a disk that is full.
const FULL: &str = "/proc";

/// A pause that lasts until it is ended.
const LONG: u32 = 3_600_000;

/// The faults of one server.
#[derive(Debug)]
pub(super) struct RedisFaults {
    port: u16,
    under_way: Mutex<Option<UnderWay>>,
}

/// A fault, and the connection that can undo it: none might be made while it lasts.
struct UnderWay {
    fault: Fault,
    connection: MultiplexedConnection,
    /// Where it wrote to before.
    folder: String,
}

impl std::fmt::Debug for UnderWay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("UnderWay").field(&self.fault).finish()
    }
}

impl RedisFaults {
    pub(super) fn new(port: u16) -> Self {
        Self {
            port,
            under_way: Mutex::default(),
        }
    }

    /// Begins a fault, in place of the one that is under way.
    pub(super) async fn begin(&self, fault: Fault) -> Result<(), Error> {
        let mut under_way = self.under_way.lock().await;
        if let Some(former) = under_way.take() {
            end(former).await?;
        }
        *under_way = Some(start(self.port, fault).await?);
        Ok(())
    }

    /// Ends the fault that is under way.
    pub(super) async fn heal(&self) -> Result<(), Error> {
        match self.under_way.lock().await.take() {
            Some(fault) => end(fault).await,
            None => Ok(()),
        }
    }
}

async fn start(port: u16, fault: Fault) -> Result<UnderWay, Error> {
    let client = Client::open(format!("redis://127.0.0.1:{port}/0")).map_err(Error::refusal)?;
    let mut connection = bounded(client.get_multiplexed_async_connection()).await?;
    let (_, folder): (String, String) = ask(&mut connection, cmd("CONFIG").arg("GET").arg("dir")).await?;
    match fault {
        Fault::DiskFull => {
            configure(&mut connection, "dir", FULL).await?;
            configure(&mut connection, "save", "3600 1").await?;
            save(&mut connection, "err").await?;
        }
        Fault::SlowQueries => {
            let mut pause = cmd("CLIENT");
            pause.arg("PAUSE").arg(LONG).arg("WRITE");
            ask::<()>(&mut connection, &pause).await?;
        }
        Fault::OutOfConnections => {
            configure(&mut connection, "maxclients", "1").await?;
            part_with_others(&mut connection).await?;
        }
        Fault::WrongPassword => {
            configure(&mut connection, "requirepass", "another-password").await?;
            part_with_others(&mut connection).await?;
        }
        other => {
            return Err(Error::Refused(format!(
                "{other} is nothing that happens within Redis"
            )));
        }
    }
    Ok(UnderWay {
        fault,
        connection,
        folder,
    })
}

async fn end(fault: UnderWay) -> Result<(), Error> {
    let UnderWay {
        fault,
        mut connection,
        folder,
    } = fault;
    match fault {
        Fault::DiskFull => {
            configure(&mut connection, "dir", &folder).await?;
            save(&mut connection, "ok").await?;
            configure(&mut connection, "save", "").await
        }
        Fault::SlowQueries => ask(&mut connection, cmd("CLIENT").arg("UNPAUSE")).await,
        Fault::OutOfConnections => configure(&mut connection, "maxclients", "10000").await,
        _ => configure(&mut connection, "requirepass", "").await,
    }
}

/// Writes to the disk, which ends in this way.
async fn save(connection: &mut MultiplexedConnection, outcome: &str) -> Result<(), Error> {
    let expected = format!("rdb_last_bgsave_status:{outcome}");
    let deadline = Instant::now() + ANSWER_DEADLINE;
    ask::<()>(connection, &cmd("BGSAVE"))
        .await
        .or_else(|error| match outcome {
            // The process that would save may not even start.
            "err" => Ok(()),
            _ => Err(error),
        })?;
    loop {
        let info: String = ask(connection, cmd("INFO").arg("persistence")).await?;
        if info.contains(&expected) && info.contains("rdb_bgsave_in_progress:0") {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(Error::Refused(format!(
                "Redis did not come to {expected}: {info}"
            )));
        }
        sleep(INTERVAL).await;
    }
}

/// Ends all connections but this one.
async fn part_with_others(connection: &mut MultiplexedConnection) -> Result<(), Error> {
    let mut kill = cmd("CLIENT");
    kill.arg("KILL")
        .arg("TYPE")
        .arg("normal")
        .arg("SKIPME")
        .arg("yes");
    ask(connection, &kill).await
}

async fn configure(connection: &mut MultiplexedConnection, name: &str, value: &str) -> Result<(), Error> {
    let mut set = cmd("CONFIG");
    set.arg("SET").arg(name).arg(value);
    ask(connection, &set).await
}

async fn ask<T: FromRedisValue>(connection: &mut MultiplexedConnection, command: &Cmd) -> Result<T, Error> {
    bounded(command.query_async(connection)).await
}

async fn bounded<T>(call: impl Future<Output = RedisResult<T>>) -> Result<T, Error> {
    match timeout(ANSWER_DEADLINE, call).await {
        Ok(result) => result.map_err(Error::refusal),
        Err(_) => Err(Error::Refused("Redis does not answer: is it paused?".to_owned())),
    }
}
