//! One container of a run: started by testcontainers, reachable on the loopback interface only, at a port that a
//! restart does not change.

use std::{
    collections::HashMap,
    net::{Ipv4Addr, TcpListener},
    time::Duration,
};

use bollard::{
    Docker,
    models::{HostConfig, PortBinding},
    query_parameters::{
        InspectContainerOptions, KillContainerOptions, LogsOptionsBuilder, RemoveContainerOptionsBuilder,
    },
};
use futures::StreamExt;
use rand::RngExt;
use testcontainers::{
    ContainerAsync, ContainerRequest, GenericImage, ImageExt, core::IntoContainerPort, runners::AsyncRunner,
};
use tokio::{sync::Mutex, time::Instant};

use super::Context;
use crate::{Error, stack::Fault};

/// Below the ports that the kernel gives to outgoing connections, so that none of those takes the port of a container
/// that is stopped for a while.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// Two runs may pick the same port in the same moment; the engine lets only one have it.
const PORT_ATTEMPTS: usize = 10;

/// Ready in seconds on an idle machine; builds that run beside it can make it many times that.
const READY_DEADLINE: Duration = Duration::from_secs(90);

const PROBE_INTERVAL: Duration = Duration::from_millis(20);

/// How long a container may take to end when it is asked to, before the engine ends it.
const STOP_SECONDS: i32 = 10;

/// What a container is made from.
#[derive(Debug, Clone)]
pub(super) struct Recipe {
    /// Its name within the run.
    pub(super) name: String,
    /// The image's reference.
    pub(super) image: String,
    /// The port that it listens on.
    pub(super) port: u16,
    /// The command's arguments.
    pub(super) arguments: Vec<String>,
    /// Its environment.
    pub(super) environment: Vec<(&'static str, String)>,
    /// Folders in memory, with their mount options.
    pub(super) memory: Vec<(&'static str, &'static str)>,
}

/// A running container.
#[derive(Debug)]
pub(super) struct Container {
    name: String,
    id: String,
    port: u16,
    docker: Docker,
    /// Taken out when it is removed.
    inner: Mutex<Option<ContainerAsync<GenericImage>>>,
}

impl Container {
    /// Starts a container; it may not listen yet.
    pub(super) async fn start(context: &Context, recipe: Recipe) -> Result<Self, Error> {
        let docker = context.engine().await?.docker().clone();
        let network = context.network().await?;
        let name = context.run().name(&recipe.name);
        let mut attempts = PORT_ATTEMPTS;
        loop {
            let port = free_port()?;
            let request = request(&recipe, &name, port)?
                .with_network(network)
                .with_labels(context.run().labels());
            match request.start().await {
                Ok(inner) => {
                    let id = inner.id().to_owned();
                    return Ok(Self {
                        name,
                        id,
                        port,
                        docker,
                        inner: Mutex::new(Some(inner)),
                    });
                }
                Err(error) if attempts > 1 && is_port_conflict(&error) => {
                    attempts -= 1;
                    remove(&docker, &name).await?;
                }
                Err(error) => {
                    return Err(Error::Refused(format!(
                        "cannot start {name} from {}: {error}",
                        recipe.image
                    )));
                }
            }
        }
    }

    /// The name by which the run's other containers find it.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Its port on the loopback interface.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Waits until `probe` succeeds. The error tells its last failure and the end of the container's log.
    pub(super) async fn until_ready<E, F>(&self, mut probe: impl FnMut() -> F) -> Result<(), Error>
    where
        E: std::fmt::Display,
        F: Future<Output = Result<(), E>>,
    {
        let deadline = Instant::now() + READY_DEADLINE;
        loop {
            let failure = match tokio::time::timeout_at(deadline, probe()).await {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(error)) => error.to_string(),
                Err(_) => String::from("it does not answer"),
            };
            let running = self.is_running().await?;
            if !running || Instant::now() > deadline {
                let state = if running { "is not ready" } else { "has ended" };
                let log = self.logs(20).await.unwrap_or_else(|error| error.to_string());
                return Err(Error::Refused(format!(
                    "{} {state}: {failure}\nits log ends with:\n{log}",
                    self.name
                )));
            }
            tokio::time::sleep(PROBE_INTERVAL).await;
        }
    }

    async fn is_running(&self) -> Result<bool, Error> {
        let answer = self
            .docker
            .inspect_container(&self.id, None::<InspectContainerOptions>)
            .await;
        Ok(answer
            .map_err(Error::refusal)?
            .state
            .and_then(|state| state.running)
            .unwrap_or(false))
    }

    /// Does to the container what `fault` says. One that starts may not listen yet.
    pub(super) async fn disturb(&self, fault: Fault) -> Result<(), Error> {
        let inner = self.inner.lock().await;
        let container = inner
            .as_ref()
            .ok_or_else(|| Error::Refused(format!("{} is gone", self.name)))?;
        match fault {
            Fault::Pause => container.pause().await.map_err(Error::refusal),
            Fault::Unpause => container.unpause().await.map_err(Error::refusal),
            Fault::Stop => container
                .stop_with_timeout(Some(STOP_SECONDS))
                .await
                .map_err(Error::refusal),
            Fault::Start => container.start().await.map_err(Error::refusal),
            Fault::Restart => {
                container
                    .stop_with_timeout(Some(STOP_SECONDS))
                    .await
                    .map_err(Error::refusal)?;
                container.start().await.map_err(Error::refusal)
            }
            Fault::Kill => self.kill().await,
            _ => Err(Error::Refused(format!(
                "cannot {fault} {}: it is no server that keeps something",
                self.name
            ))),
        }
    }

    async fn kill(&self) -> Result<(), Error> {
        self.docker
            .kill_container(&self.id, None::<KillContainerOptions>)
            .await
            .map_err(Error::refusal)?;
        // The engine answers when it has sent the signal.
        let deadline = Instant::now() + READY_DEADLINE;
        while self.is_running().await? {
            if Instant::now() > deadline {
                return Err(Error::Refused(format!("{} was killed and still runs", self.name)));
            }
            tokio::time::sleep(PROBE_INTERVAL).await;
        }
        Ok(())
    }

    /// The last lines that it wrote.
    pub(super) async fn logs(&self, lines: usize) -> Result<String, Error> {
        let options = LogsOptionsBuilder::new()
            .stdout(true)
            .stderr(true)
            .tail(&lines.to_string())
            .build();
        let mut log = self.docker.logs(&self.id, Some(options));
        let mut text = String::new();
        while let Some(chunk) = log.next().await {
            text.push_str(&String::from_utf8_lossy(
                &chunk.map_err(Error::refusal)?.into_bytes(),
            ));
        }
        Ok(text)
    }

    /// Removes it with its volumes.
    pub(super) async fn remove(&self) -> Result<(), Error> {
        match self.inner.lock().await.take() {
            Some(container) => container.rm().await.map_err(Error::refusal),
            None => Ok(()),
        }
    }
}

fn request(recipe: &Recipe, name: &str, port: u16) -> Result<ContainerRequest<GenericImage>, Error> {
    let (image, tag) = recipe
        .image
        .rsplit_once(':')
        .ok_or_else(|| Error::Refused(format!("the image reference {} has no tag", recipe.image)))?;
    let inside = recipe.port;
    let memory: HashMap<String, String> = recipe
        .memory
        .iter()
        .map(|(path, options)| ((*path).to_owned(), (*options).to_owned()))
        .collect();
    let mut request = GenericImage::new(image, tag)
        .with_container_name(name)
        .with_cmd(&recipe.arguments)
        .with_mapped_port(port, inside.tcp())
        .with_host_config_modifier(move |config| {
            bind_to_loopback(config, inside, port);
            config.tmpfs = Some(memory.clone());
        });
    for (variable, value) in &recipe.environment {
        request = request.with_env_var(*variable, value);
    }
    Ok(request)
}

/// testcontainers binds to every interface.
fn bind_to_loopback(config: &mut HostConfig, inside: u16, outside: u16) {
    let binding = PortBinding {
        host_ip: Some(Ipv4Addr::LOCALHOST.to_string()),
        host_port: Some(outside.to_string()),
    };
    config.port_bindings = Some(HashMap::from([(format!("{inside}/tcp"), Some(vec![binding]))]));
}

pub(super) fn free_port() -> Result<u16, Error> {
    let mut random = rand::rng();
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    (0..PORTS.len())
        .map(|_| random.random_range(PORTS))
        .find(is_free)
        .ok_or_else(|| Error::Refused(format!("no free port in {PORTS:?}")))
}

fn is_port_conflict(error: &testcontainers::TestcontainersError) -> bool {
    let text = error.to_string();
    text.contains("port is already allocated") || text.contains("address already in use")
}

async fn remove(docker: &Docker, name: &str) -> Result<(), Error> {
    let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
    docker
        .remove_container(name, Some(options))
        .await
        .map_err(Error::refusal)
}
