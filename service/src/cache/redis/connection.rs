//! One connection to Redis that everything shares, with a breaker in it (docs/adr/0011).
//!
//! Requests never connect and never probe. The first of them that meets a lost Redis pays its timeout and opens the
//! breaker, which lets go all who wait beside it; from then on everybody is told at once, and one task in the
//! background tries to connect anew, one try at a time. When a try succeeds, its connection is the one that all use.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionInfo, FromRedisValue, RedisError, RedisResult,
    TlsCertificates, aio::MultiplexedConnection,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use time::OffsetDateTime;
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use crate::{cache::Error, config};

/// The longest rest between two tries: with the time that a try may take, Redis is taken back within two seconds.
const REST: Duration = Duration::from_millis(500);

/// Commands that may wait to be written. The driver's own 50 make requests wait for each other in a burst.
const QUEUE: usize = 1_024;

/// How the breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// Requests go through.
    Closed,
    /// Redis is left alone; nobody waits for it.
    Open,
    /// One try is under way; nobody waits for it.
    HalfOpen,
}

/// How the breaker stands, since when, and why.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct Breaker {
    /// How it stands.
    pub state: BreakerState,
    /// Since when requests go through, or do not.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub since: OffsetDateTime,
    /// What went wrong the last time, in one stable word; absent while it is closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'static str>,
    /// How often it has opened since the start.
    pub opened: u64,
}

/// The connection. Clones share it.
#[derive(Clone)]
pub struct Connection(Arc<Shared>);

struct Shared {
    /// What new connections are made with.
    client: Mutex<Client>,
    ca: Option<Vec<u8>>,
    connect_timeout: Duration,
    response_timeout: Duration,
    line: watch::Sender<Line>,
}

/// What there is to talk over.
struct Line {
    link: Link,
    since: OffsetDateTime,
    /// Counts the connections: a late failure on a former one says nothing about this one.
    generation: u64,
    opened: u64,
}

enum Link {
    /// Nobody has tried yet. Requests wait for the first try, so that a service that has just started has a cache.
    New,
    Up(MultiplexedConnection),
    Lost {
        class: &'static str,
        trying: bool,
    },
}

impl Connection {
    /// A connection that is made once [`Connection::keep`] runs: Redis may come later than the service.
    pub fn new(url: &SecretString, config: &config::Cache) -> Result<Self, Error> {
        Ok(Self(Arc::new(Shared {
            client: Mutex::new(client(url, config.ca.as_ref())?),
            ca: config.ca.clone(),
            connect_timeout: config.connect_timeout,
            response_timeout: config.response_timeout,
            line: watch::Sender::new(Line {
                link: Link::New,
                since: OffsetDateTime::now_utc(),
                generation: 0,
                opened: 0,
            }),
        })))
    }

    /// Uses this URL for each connection that is made from now on; the one that there is stays. Only who logs in may be
    /// another than before. Says whether the URL is another.
    pub fn take_over_url(&self, url: &SecretString) -> Result<bool, Error> {
        let now = client(url, self.0.ca.as_ref())?;
        let mut current = self.0.client.lock().unwrap_or_else(PoisonError::into_inner);
        let (before, after) = (current.get_connection_info(), now.get_connection_info());
        let place = |info: &ConnectionInfo| (info.addr().clone(), info.redis_settings().db());
        let login = |info: &ConnectionInfo| {
            let settings = info.redis_settings();
            [settings.username(), settings.password()].map(|part| part.map(str::to_owned))
        };
        if place(before) != place(after) {
            return Err(Error::OtherServer);
        }
        let is_another = login(before) != login(after);
        *current = now;
        Ok(is_another)
    }

    /// Sends a command. It fails at once while Redis is lost, and after the response timeout at the latest.
    pub async fn call<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, Error> {
        self.with(|mut connection| async move { command.query_async(&mut connection).await })
            .await
    }

    /// Does something with the connection, such as calling a script, under the same bounds.
    pub async fn with<T, F>(&self, work: impl FnOnce(MultiplexedConnection) -> F) -> Result<T, Error>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let deadline = Instant::now() + self.0.response_timeout;
        let (connection, generation) = self.connection(deadline).await?;
        let result = tokio::select! {
            biased;
            result = work(connection) => result.map_err(Error::from),
            () = sleep_until(deadline) => Err(late()),
            class = self.lost(generation) => return Err(Error::Lost { class }),
        };
        if let Err(error) = &result
            && !error.is_refusal()
        {
            self.open(generation, error);
        }
        result
    }

    /// Whether the breaker lets nobody through.
    pub fn is_lost(&self) -> bool {
        matches!(self.0.line.borrow().link, Link::Lost { .. })
    }

    /// How the breaker stands.
    pub fn breaker(&self) -> Breaker {
        let line = self.0.line.borrow();
        let (state, error) = match line.link {
            Link::New => (BreakerState::HalfOpen, None),
            Link::Up(_) => (BreakerState::Closed, None),
            Link::Lost { class, trying: true } => (BreakerState::HalfOpen, Some(class)),
            Link::Lost { class, trying: false } => (BreakerState::Open, Some(class)),
        };
        Breaker {
            state,
            since: line.since,
            error,
            opened: line.opened,
        }
    }

    /// Connects, and connects anew whenever Redis was lost, until it is stopped.
    pub async fn keep(self, stop: CancellationToken) {
        stop.run_until_cancelled_owned(self.keep_connected()).await;
    }

    async fn keep_connected(self) {
        let mut line = self.0.line.subscribe();
        // The sender lives in `self`.
        while line
            .wait_for(|line| !matches!(line.link, Link::Up(_)))
            .await
            .is_ok()
        {
            self.0.line.send_modify(|line| {
                if let Link::Lost { trying, .. } = &mut line.link {
                    *trying = true;
                }
            });
            match self.connect().await {
                Ok(connection) => self.take(connection),
                Err(error) => {
                    self.give_up(&error, false);
                    sleep(rand::random_range(REST / 2..REST)).await;
                }
            }
        }
    }

    /// One try. What connects must also answer, and take a write, in the time that requests wait for it: a server that
    /// hangs accepts connections for a while, one that is slow answers too late, and one that fails over holds writes
    /// back alone. Taken back before it is well, it would cost requests their timeout again and again.
    async fn connect(&self) -> Result<MultiplexedConnection, Error> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None)
            .set_pipeline_buffer_size(QUEUE);
        let work = async {
            let client = self
                .0
                .client
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone();
            let mut connection = client
                .get_multiplexed_async_connection_with_config(&config)
                .await?;
            self.answers(&mut connection, &redis::cmd("PING")).await?;
            match self.answers(&mut connection, &touch()).await {
                // A disk or a memory that is full keeps nothing, and can be read.
                Err(error) if !error.is_refusal() => Err(error),
                _ => Ok(connection),
            }
        };
        timeout(self.0.connect_timeout, work).await.map_err(|_| late())?
    }

    /// Whether a command is answered as soon as requests would want it.
    async fn answers(&self, connection: &mut MultiplexedConnection, command: &Cmd) -> Result<(), Error> {
        let answer = command.exec_async(connection);
        Ok(timeout(self.0.response_timeout, answer)
            .await
            .map_err(|_| late())??)
    }

    fn take(&self, connection: MultiplexedConnection) {
        self.0.line.send_modify(|line| {
            if matches!(line.link, Link::Lost { .. }) {
                tracing::info!("Redis is back");
            }
            line.link = Link::Up(connection);
            line.since = OffsetDateTime::now_utc();
            line.generation += 1;
        });
    }

    /// There is no connection for now.
    fn give_up(&self, error: &Error, trying: bool) {
        self.0.line.send_modify(|line| {
            if matches!(line.link, Link::New) {
                line.since = OffsetDateTime::now_utc();
                line.opened += 1;
                tracing::warn!(%error, "Redis is not there; what needs it does without");
            }
            let class = error.class();
            line.link = Link::Lost { class, trying };
        });
    }

    /// Opens the breaker, unless another connection has taken the place of the one that failed.
    fn open(&self, generation: u64, error: &Error) {
        self.0.line.send_if_modified(|line| {
            let current = line.generation == generation && matches!(line.link, Link::Up(_));
            if current {
                tracing::warn!(%error, "Redis is lost; what needs it does without");
                line.link = Link::Lost {
                    class: error.class(),
                    trying: false,
                };
                line.since = OffsetDateTime::now_utc();
                line.opened += 1;
            }
            current
        });
    }

    async fn connection(&self, deadline: Instant) -> Result<(MultiplexedConnection, u64), Error> {
        loop {
            match &*self.0.line.borrow() {
                Line {
                    link: Link::Up(connection),
                    generation,
                    ..
                } => return Ok((connection.clone(), *generation)),
                Line {
                    link: Link::Lost { class, .. },
                    ..
                } => return Err(Error::Lost { class }),
                Line { link: Link::New, .. } => {}
            }
            let mut line = self.0.line.subscribe();
            let tried = line.wait_for(|line| !matches!(line.link, Link::New));
            if timeout_at(deadline, tried).await.is_err() {
                // The try goes on, and nobody waits for it any more.
                self.give_up(&late(), true);
                return Err(late());
            }
        }
    }

    /// Ends when the connection of this generation is given up, with the reason.
    async fn lost(&self, generation: u64) -> &'static str {
        let mut line = self.0.line.subscribe();
        let lost =
            line.wait_for(|line| line.generation != generation || matches!(line.link, Link::Lost { .. }));
        match lost.await.as_deref() {
            Ok(Line {
                link: Link::Lost { class, .. },
                ..
            }) => class,
            _ => "connection_lost",
        }
    }
}

/// Writes something that nobody reads.
pub(super) fn touch() -> Cmd {
    let mut set = redis::cmd("SET");
    set.arg("ultra:v1:probe").arg("").arg("EX").arg(10);
    set
}

fn client(url: &SecretString, ca: Option<&Vec<u8>>) -> RedisResult<Client> {
    let url = url.expose_secret();
    match ca {
        Some(ca) => Client::build_with_tls(
            url,
            TlsCertificates {
                client_tls: None,
                root_cert: Some(ca.clone()),
            },
        ),
        None => Client::open(url),
    }
}

fn late() -> Error {
    Error::from(RedisError::from(std::io::Error::from(
        std::io::ErrorKind::TimedOut,
    )))
}

#[cfg(test)]
mod tests;
