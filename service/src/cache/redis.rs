use std::time::Duration;

use async_trait::async_trait;
use redis::{
    AsyncCommands as _, Client, RedisError,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
use secrecy::{ExposeSecret as _, SecretString};

use super::{Error, Key, RemoteCache};
use crate::config;

/// A Redis server, over one multiplexed connection that reconnects by itself.
#[derive(Clone)]
pub struct Redis {
    connection: ConnectionManager,
    response_timeout: Duration,
}

impl Redis {
    /// A connection that is made when it is first needed: Redis may come later than the service.
    pub fn connect_lazily(url: &SecretString, config: &config::Cache) -> Result<Self, Error> {
        let manager = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(config.connect_timeout))
            .set_response_timeout(Some(config.response_timeout))
            .set_max_delay(Duration::from_secs(1));
        let connection = Client::open(url.expose_secret())
            .and_then(|client| ConnectionManager::new_lazy_with_config(client, manager))
            .map_err(Error::from)?;
        Ok(Self {
            connection,
            response_timeout: config.response_timeout,
        })
    }

    /// The connection, and how long to wait for an answer on it, for what else the replicas share.
    pub(crate) fn connection(&self) -> (ConnectionManager, Duration) {
        (self.connection.clone(), self.response_timeout)
    }

    /// The manager's own timeout begins once it is connected; this one bounds what a caller waits in all cases.
    async fn bounded<T>(&self, call: impl Future<Output = Result<T, RedisError>>) -> Result<T, Error> {
        match tokio::time::timeout(self.response_timeout, call).await {
            Ok(result) => result.map_err(Error::from),
            Err(elapsed) => Err(Error::from(RedisError::from(std::io::Error::from(elapsed)))),
        }
    }
}

#[async_trait]
impl RemoteCache for Redis {
    async fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, Error> {
        self.bounded(self.connection.clone().get(key.as_str())).await
    }

    async fn set(&self, key: &Key, value: &[u8], ttl: Duration) -> Result<(), Error> {
        let seconds = ttl.as_secs().max(1);
        self.bounded(self.connection.clone().set_ex(key.as_str(), value, seconds))
            .await
    }

    async fn ping(&self) -> Result<(), Error> {
        let mut connection = self.connection.clone();
        let ping = redis::cmd("PING");
        self.bounded(ping.query_async::<()>(&mut connection)).await
    }
}

impl From<RedisError> for Error {
    fn from(source: RedisError) -> Self {
        let class = if source.is_timeout() {
            "timeout"
        } else if source.is_connection_refusal() {
            "connection_refused"
        } else if source.is_connection_dropped() {
            "connection_lost"
        } else if source.is_io_error() {
            "unreachable"
        } else {
            "refused"
        };
        Self { class, source }
    }
}
