//! One connection: its requests, and all that goes when it closes.

use std::sync::Arc;

use super::{
    postgres::{Found, TemplateLease},
    server::Host,
    servers::Servers,
    stack::{HostedStack, log_failure},
};
use crate::{
    Error,
    protocol::{Request, Response, StackRequest, VERSION},
    stack::Part,
};

/// Log lines that a request for a log is given.
const LOG_LINES: usize = 1000;

/// The state of one connection.
#[derive(Debug)]
pub(super) struct Session {
    host: Arc<Host>,
    owner: bool,
    stack: Option<HostedStack>,
    databases: Vec<(Arc<Servers>, String)>,
    template: Option<(Arc<Servers>, TemplateLease)>,
}

impl Session {
    pub(super) fn new(host: Arc<Host>) -> Self {
        host.clients.joined();
        Self {
            host,
            owner: false,
            stack: None,
            databases: Vec::new(),
            template: None,
        }
    }

    /// Answers a request.
    pub(super) async fn answer(&mut self, request: Request) -> Response {
        tracing::info!(?request, "asked");
        self.handle(request).await.unwrap_or_else(|error| {
            tracing::warn!("refused: {error}");
            Response::Refused(error.to_string())
        })
    }

    async fn handle(&mut self, request: Request) -> Result<Response, Error> {
        match request {
            Request::Hello => {
                let run = self.host.context.run().path().to_owned();
                Ok(Response::Hello {
                    version: VERSION.to_owned(),
                    run,
                })
            }
            Request::Own => {
                self.owner = true;
                self.host.clients.owned();
                Ok(Response::Done)
            }
            Request::Stack(request) => self.start_stack(request).await,
            Request::FreshDatabase { stack } => {
                let servers = self.host.servers(stack)?;
                let name = servers.postgres(&self.host.context).await?.create().await?;
                self.hand_out(servers, name).await
            }
            Request::DatabaseFrom { stack, key } => self.database_from(stack, &key).await,
            Request::TemplateReady => self.template_ready().await,
            Request::Fault { part, fault } => {
                match &self.stack {
                    Some(stack) => stack.disturb(part, fault).await,
                    None => self.host.disturb_kept(part, fault).await,
                }?;
                Ok(Response::Done)
            }
            Request::Logs { part } => self.logs(part).await,
            Request::Cluster { level, nodes } => {
                self.with_cluster(async move |host| host.cluster.at(&host.context, level, nodes).await)
                    .await
            }
            Request::LoadImage { image } => {
                self.with_cluster(async move |host| host.cluster.load(&host.context, &image).await)
                    .await?;
                Ok(Response::Done)
            }
            Request::Status => self.host.status().await.map(Response::Status),
            Request::Down => {
                self.host.clients.end();
                Ok(Response::Done)
            }
        }
    }

    /// Works on the cluster, on a thread of its own: the compiler cannot see yet that a future which awaits async
    /// closures may move between threads (rust-lang/rust#110338), and the cluster waits by such.
    async fn with_cluster<T: Send + 'static>(
        &self,
        work: impl AsyncFnOnce(Arc<Host>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (host, runtime) = (self.host.clone(), tokio::runtime::Handle::current());
        tokio::task::spawn_blocking(move || runtime.block_on(work(host)))
            .await
            .map_err(Error::refusal)?
    }

    async fn start_stack(&mut self, request: StackRequest) -> Result<Response, Error> {
        if request.kept {
            return self.host.kept_stack(&request).await.map(Response::Stack);
        }
        let stack = self.host.start_stack(&request).await?;
        let addresses = stack.addresses();
        if let Some(former) = self.stack.replace(stack) {
            self.host.release(former).await;
        }
        Ok(Response::Stack(addresses))
    }

    async fn database_from(&mut self, stack: Option<u64>, key: &str) -> Result<Response, Error> {
        let servers = self.host.servers(stack)?;
        let server = servers.postgres(&self.host.context).await?;
        match server.template(key).await? {
            Found::Ready(template) => {
                let name = server.copy(&template).await?;
                self.hand_out(servers, name).await
            }
            Found::Make(lease) => {
                let url = server.url(lease.database());
                self.template = Some((servers, lease));
                Ok(Response::Migrate { url })
            }
        }
    }

    async fn template_ready(&mut self) -> Result<Response, Error> {
        let (servers, lease) = self
            .template
            .take()
            .ok_or_else(|| Error::Refused("this connection was given no template to make".to_owned()))?;
        let server = servers.postgres(&self.host.context).await?;
        let template = server.publish(lease).await?;
        let name = server.copy(&template).await?;
        self.hand_out(servers, name).await
    }

    async fn hand_out(&mut self, servers: Arc<Servers>, name: String) -> Result<Response, Error> {
        let url = servers.postgres(&self.host.context).await?.url(&name);
        self.databases.push((servers, name));
        Ok(Response::Database { url })
    }

    async fn logs(&self, part: Part) -> Result<Response, Error> {
        let text = match &self.stack {
            Some(stack) => stack.container(part)?.logs(LOG_LINES).await?,
            None => self.host.kept_logs(part, LOG_LINES).await?,
        };
        Ok(Response::Logs { text })
    }

    /// Takes back all that this connection was given.
    pub(super) async fn close(self) {
        if let Some((servers, lease)) = self.template
            && let Some(server) = servers.started_postgres()
        {
            log_failure(server.abandon(lease).await);
        }
        for (servers, name) in self.databases {
            if let Some(server) = servers.started_postgres() {
                log_failure(server.drop(&name).await);
            }
        }
        if let Some(stack) = self.stack {
            self.host.release(stack).await;
        }
        self.host.clients.left(self.owner);
    }
}
