//! Accepts connections until the run ends.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    sync::{Mutex, watch},
    task::JoinSet,
};

use super::{
    Context, Mode, lifetime::Clients, servers::Servers, session::Session, stack::HostedStack, status,
};
use crate::{
    Error,
    cluster::host::HostCluster,
    protocol::{Response, StackAddresses, StackRequest, Status},
    stack::{Fault, Part},
};

/// How long requests that were asked before the end may take; what they made is removed after that.
const LAST_REQUESTS: Duration = Duration::from_secs(20);

/// What all connections of a run share.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) context: Arc<Context>,
    pub(super) clients: Clients,
    pub(super) cluster: HostCluster,
    shared: Arc<Servers>,
    dedicated: std::sync::Mutex<HashMap<u64, Arc<Servers>>>,
    kept: Mutex<Option<HostedStack>>,
    stacks: AtomicU64,
}

impl Host {
    fn new(context: Arc<Context>) -> Self {
        Self {
            context,
            clients: Clients::new(),
            cluster: HostCluster::default(),
            shared: Arc::new(Servers::shared()),
            dedicated: std::sync::Mutex::default(),
            kept: Mutex::default(),
            stacks: AtomicU64::new(1),
        }
    }

    /// The servers of a dedicated stack, or the shared ones.
    pub(super) fn servers(&self, stack: Option<u64>) -> Result<Arc<Servers>, Error> {
        let Some(id) = stack else {
            return Ok(self.shared.clone());
        };
        let servers = self.dedicated().get(&id).cloned();
        servers.ok_or_else(|| Error::Refused(format!("the dedicated stack {id} is gone")))
    }

    /// Starts a stack for one connection.
    pub(super) async fn start_stack(&self, request: &StackRequest) -> Result<HostedStack, Error> {
        let id = self.stacks.fetch_add(1, Ordering::Relaxed);
        let servers = match request.dedicated {
            true => Arc::new(Servers::dedicated(id, request.small_disk)),
            false => self.shared.clone(),
        };
        let stack = HostedStack::start(&self.context, id, servers, request).await?;
        if let Some((id, servers)) = stack.own_servers() {
            self.dedicated().insert(id, servers.clone());
        }
        Ok(stack)
    }

    /// Takes a stack back.
    pub(super) async fn release(&self, stack: HostedStack) {
        if let Some((id, _)) = stack.own_servers() {
            self.dedicated().remove(&id);
        }
        stack.release().await;
    }

    /// The stack that belongs to the run, started with the first request.
    pub(super) async fn kept_stack(&self, request: &StackRequest) -> Result<StackAddresses, Error> {
        let mut kept = self.kept.lock().await;
        if let Some(stack) = &*kept {
            return Ok(stack.addresses());
        }
        let stack = self.start_stack(request).await?;
        Ok(kept.insert(stack).addresses())
    }

    /// Disturbs a part of the stack that belongs to the run.
    pub(super) async fn disturb_kept(&self, part: Part, fault: Fault) -> Result<(), Error> {
        let kept = self.kept.lock().await;
        let stack = kept
            .as_ref()
            .ok_or_else(|| Error::Refused("nothing is up".to_owned()))?;
        stack.disturb(part, fault).await
    }

    /// The log of a part of the stack that belongs to the run.
    pub(super) async fn kept_logs(&self, part: Part, lines: usize) -> Result<String, Error> {
        let kept = self.kept.lock().await;
        let stack = kept
            .as_ref()
            .ok_or_else(|| Error::Refused("nothing is up".to_owned()))?;
        stack.container(part)?.logs(lines).await
    }

    /// What the run has.
    pub(super) async fn status(&self) -> Result<Status, Error> {
        status::read(&self.context, self.clients.connected(), self.cluster.kubeconfig()).await
    }

    fn dedicated(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Arc<Servers>>> {
        self.dedicated.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn end(&self) {
        if let Some(stack) = self.kept.lock().await.take() {
            self.release(stack).await;
        }
        if let Err(error) = self.shared.remove().await {
            tracing::warn!("the shared containers are left to the cleaning: {error}");
        }
    }
}

/// The host's socket.
pub(super) struct Server {
    host: Arc<Host>,
    listener: UnixListener,
}

impl Server {
    pub(super) fn bind(context: Arc<Context>) -> Result<Self, Error> {
        let socket = context.run().socket();
        let listener = UnixListener::bind(&socket).map_err(Error::at("listen on", &socket))?;
        Ok(Self {
            host: Arc::new(Host::new(context)),
            listener,
        })
    }

    /// Serves until the run ends, and removes what it made.
    pub(super) async fn run(self, mode: Mode) {
        let (closing, closed) = watch::channel(false);
        let mut sessions = JoinSet::new();
        let end = self.host.clients.until_the_end(mode);
        tokio::pin!(end);
        loop {
            tokio::select! {
                () = &mut end => break,
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        sessions.spawn(converse(self.host.clone(), stream, closed.clone()));
                    }
                    Err(error) => tracing::warn!("a client could not connect: {error}"),
                },
                Some(_) = sessions.join_next() => {}
            }
        }
        // Whoever connects from now on sees the connection closed without an answer, and finds or starts another host.
        drop(self.listener);
        closing.send_replace(true);
        let all = async { while sessions.join_next().await.is_some() {} };
        if tokio::time::timeout(LAST_REQUESTS, all).await.is_err() {
            tracing::warn!("requests that take too long are abandoned");
        }
        self.host.end().await;
    }
}

/// Serves one connection. A request that has begun is finished, even when the run ends.
async fn converse(host: Arc<Host>, stream: UnixStream, mut closed: watch::Receiver<bool>) {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    let mut session = Session::new(host);
    loop {
        let line = tokio::select! {
            line = lines.next_line() => line,
            _ = closed.wait_for(|closed| *closed) => break,
        };
        let Ok(Some(line)) = line else { break };
        let response = match serde_json::from_str(&line) {
            Ok(request) => session.answer(request).await,
            Err(error) => Response::Refused(format!("the host does not understand {line}: {error}")),
        };
        let Ok(mut text) = serde_json::to_vec(&response) else {
            break;
        };
        text.push(b'\n');
        if writer.write_all(&text).await.is_err() {
            break;
        }
    }
    // Before the client is told: a client that sees its connection closed may count on all being gone.
    session.close().await;
}
