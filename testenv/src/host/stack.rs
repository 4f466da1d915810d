//! A stack as the host keeps it: a share of the servers, or servers of its own, and a service in front of them.

use std::sync::Arc;

use super::{
    Context,
    container::Container,
    servers::Servers,
    service::{ServiceServer, Setup},
};
use crate::{
    Error,
    protocol::{StackAddresses, StackRequest},
    stack::{Fault, Part, Profile},
};

/// What one client was given, to be taken back with [`Self::release`].
#[derive(Debug)]
pub(super) struct HostedStack {
    id: u64,
    servers: Arc<Servers>,
    dedicated: bool,
    database: Option<String>,
    redis: Option<u32>,
    service: Option<ServiceServer>,
}

impl HostedStack {
    /// Starts what the request asks for, and leaves nothing of it when a part fails.
    pub(super) async fn start(
        context: &Context,
        id: u64,
        servers: Arc<Servers>,
        request: &StackRequest,
    ) -> Result<Self, Error> {
        let mut stack = Self {
            id,
            servers,
            dedicated: request.dedicated,
            database: None,
            redis: None,
            service: None,
        };
        match stack.fill(context, request).await {
            Ok(()) => Ok(stack),
            Err(error) => {
                stack.release().await;
                Err(error)
            }
        }
    }

    async fn fill(&mut self, context: &Context, request: &StackRequest) -> Result<(), Error> {
        let servers = &*self.servers;
        let database = async {
            if !request.postgres {
                return Ok(None);
            }
            servers.postgres(context).await?.create().await.map(Some)
        };
        let redis = async {
            if !request.redis {
                return Ok(None);
            }
            servers.redis(context).await?.take().await.map(Some)
        };
        let (database, redis): (Result<_, Error>, Result<_, Error>) = tokio::join!(database, redis);
        (self.database, self.redis) = (database?, redis?);
        if let Some(profile) = request.service {
            self.service = Some(self.start_service(context, profile).await?);
        }
        Ok(())
    }

    async fn start_service(&self, context: &Context, profile: Profile) -> Result<ServiceServer, Error> {
        let database_url = self
            .servers
            .started_postgres()
            .zip(self.database.as_deref())
            .map(|(server, database)| server.url_inside(database));
        let redis_url = self
            .servers
            .started_redis()
            .zip(self.redis)
            .map(|(server, database)| server.url_inside(database));
        let setup = Setup {
            profile,
            database_url,
            redis_url,
        };
        ServiceServer::start(context, format!("service-{}", self.id), setup).await
    }

    /// Where its parts are.
    pub(super) fn addresses(&self) -> StackAddresses {
        let postgres = self.servers.started_postgres().zip(self.database.as_deref());
        let redis = self.servers.started_redis().zip(self.redis);
        StackAddresses {
            id: self.id,
            postgres: postgres.map(|(server, database)| server.url(database)),
            redis: redis.map(|(server, database)| server.url(database)),
            service: self.service.as_ref().map(ServiceServer::url),
        }
    }

    /// The servers, when they are its own.
    pub(super) fn own_servers(&self) -> Option<(u64, &Arc<Servers>)> {
        self.dedicated.then_some((self.id, &self.servers))
    }

    /// Disturbs a part that no other stack uses.
    pub(super) async fn disturb(&self, part: Part, fault: Fault) -> Result<(), Error> {
        let shared = Error::SharedStack { part, fault };
        match part {
            Part::Postgres | Part::Redis if !self.dedicated => Err(shared),
            Part::Postgres => {
                present(self.servers.started_postgres(), part)?
                    .disturb(fault)
                    .await
            }
            Part::Redis => present(self.servers.started_redis(), part)?.disturb(fault).await,
            Part::Service => present(self.service.as_ref(), part)?.disturb(fault).await,
        }
    }

    /// The container of a part.
    pub(super) fn container(&self, part: Part) -> Result<&Container, Error> {
        match part {
            Part::Postgres => present(self.servers.started_postgres(), part).map(|server| server.container()),
            Part::Redis => present(self.servers.started_redis(), part).map(|server| server.container()),
            Part::Service => present(self.service.as_ref(), part).map(ServiceServer::container),
        }
    }

    /// Takes everything back.
    pub(super) async fn release(self) {
        if let Some(service) = self.service {
            log_failure(service.container().remove().await);
        }
        if self.dedicated {
            log_failure(self.servers.remove().await);
            return;
        }
        if let Some((server, database)) = self.servers.started_postgres().zip(self.database) {
            log_failure(server.drop(&database).await);
        }
        if let Some((server, database)) = self.servers.started_redis().zip(self.redis) {
            server.give_back(database);
        }
    }
}

fn present<T>(server: Option<T>, part: Part) -> Result<T, Error> {
    server.ok_or_else(|| Error::Refused(format!("there is no {part} in this stack")))
}

/// What cannot be taken back now goes with the run.
pub(super) fn log_failure(result: Result<(), Error>) {
    if let Err(error) = result {
        tracing::warn!("not taken back before the run's end: {error}");
    }
}
