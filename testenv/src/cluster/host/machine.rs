//! The container that is a node.

use std::{collections::HashMap, net::Ipv4Addr};

use bollard::{
    Docker,
    container::LogOutput,
    exec::StartExecResults,
    models::{ContainerCreateBody, ExecConfig, HostConfig, HostConfigCgroupnsModeEnum},
    query_parameters::{
        CreateContainerOptionsBuilder, InspectContainerOptions, LogsOptionsBuilder,
        RemoveContainerOptionsBuilder, StartContainerOptions, UploadToContainerOptionsBuilder,
        WaitContainerOptions,
    },
};
use futures::{Stream, StreamExt};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::{capabilities, process::tail};
use crate::{Error, host::Context};

/// How much of a log's end goes into an error.
const TAIL_LINES: usize = 40;

/// A container with all that kubelet and containerd want of a machine.
#[derive(Clone)]
pub(super) struct Machine {
    docker: Docker,
    id: String,
}

impl Machine {
    /// Makes the container, with the run's labels; it does not run yet.
    pub(super) async fn create(
        context: &Context,
        name: &str,
        image: String,
        environment: Vec<String>,
    ) -> Result<Self, Error> {
        let docker = context.engine().await?.docker().clone();
        let container = context.run().name(name);
        remove(&docker, &container).await?;
        let options = CreateContainerOptionsBuilder::new().name(&container).build();
        let body = ContainerCreateBody {
            hostname: Some(name.to_owned()),
            image: Some(image),
            env: Some(environment),
            labels: Some(context.run().labels()),
            host_config: Some(host_config()?),
            ..ContainerCreateBody::default()
        };
        let created = docker
            .create_container(Some(options), body)
            .await
            .map_err(Error::refusal)?;
        Ok(Self {
            docker,
            id: created.id,
        })
    }

    /// Writes files into a folder of the container.
    pub(super) async fn write(&self, folder: &str, files: &[(&str, String)]) -> Result<(), Error> {
        let archive = archive(files).map_err(|source| Error::io("pack the node's files", source))?;
        let options = UploadToContainerOptionsBuilder::new().path(folder).build();
        let uploaded =
            self.docker
                .upload_to_container(&self.id, Some(options), bollard::body_full(archive.into()));
        uploaded.await.map_err(Error::refusal)
    }

    /// Starts the container.
    pub(super) async fn start(&self) -> Result<(), Error> {
        self.docker
            .start_container(&self.id, None::<StartContainerOptions>)
            .await
            .map_err(Error::refusal)
    }

    /// Its address on the engine's default network, which it has while it runs.
    pub(super) async fn address(&self) -> Result<Ipv4Addr, Error> {
        let inspected = self
            .docker
            .inspect_container(&self.id, None::<InspectContainerOptions>)
            .await
            .map_err(Error::refusal)?;
        let networks = inspected
            .network_settings
            .and_then(|settings| settings.networks)
            .unwrap_or_default();
        let addresses = networks.into_values().filter_map(|network| network.ip_address);
        addresses
            .into_iter()
            .find_map(|address| address.parse().ok())
            .ok_or_else(|| Error::Refused("the engine gave the node no address".to_owned()))
    }

    /// Waits for `condition`, but no longer than the container runs. The error holds the end of its log.
    pub(super) async fn until<T>(
        &self,
        condition: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let mut ended = self.docker.wait_container(&self.id, None::<WaitContainerOptions>);
        tokio::select! {
            end = ended.next() => {
                Err(Error::Ended { program: "the node", status: format!("{end:?}"), log: self.log().await })
            }
            result = condition => match result {
                Err(error) => {
                    let (source, log) = (Box::new(error), self.log().await);
                    Err(Error::Unready { program: "the node", source, log })
                }
                done => done,
            },
        }
    }

    async fn log(&self) -> String {
        let lines = TAIL_LINES.to_string();
        let options = LogsOptionsBuilder::new()
            .stdout(true)
            .stderr(true)
            .tail(&lines)
            .build();
        let log = collect(self.docker.logs(&self.id, Some(options))).await;
        log.unwrap_or_else(|error| error.to_string())
    }

    /// Runs a command in the container and gives what it writes.
    pub(super) async fn run(&self, command: &[&str]) -> Result<String, Error> {
        self.execute(command, futures::stream::empty::<Result<Vec<u8>, Error>>())
            .await
    }

    /// Runs a command in the container with `input`, and gives what it writes.
    pub(super) async fn execute<Chunk: AsRef<[u8]> + Send + 'static>(
        &self,
        command: &[&str],
        input: impl Stream<Item = Result<Chunk, Error>> + Send,
    ) -> Result<String, Error> {
        let config = ExecConfig {
            cmd: Some(command.iter().map(ToString::to_string).collect()),
            attach_stdin: Some(true),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            ..ExecConfig::default()
        };
        let exec = self
            .docker
            .create_exec(&self.id, config)
            .await
            .map_err(Error::refusal)?
            .id;
        let StartExecResults::Attached { output, input: stdin } = self
            .docker
            .start_exec(&exec, None)
            .await
            .map_err(Error::refusal)?
        else {
            return Err(Error::Refused(format!(
                "{command:?} runs on the node without its output"
            )));
        };
        let (fed, output) = tokio::join!(feed(stdin, input), collect(output));
        let output = output?;
        match self
            .docker
            .inspect_exec(&exec)
            .await
            .map_err(Error::refusal)?
            .exit_code
        {
            Some(0) => fed.map(|()| output),
            code => {
                let code = code.map_or_else(|| String::from("no code"), |code| code.to_string());
                let end = tail(&output, TAIL_LINES);
                Err(Error::Refused(format!(
                    "{command:?} on the node ended with {code}: {end}"
                )))
            }
        }
    }
}

fn host_config() -> Result<HostConfig, Error> {
    Ok(HostConfig {
        cap_add: Some(capabilities::available()?),
        security_opt: Some(vec![
            String::from("seccomp=unconfined"),
            String::from("apparmor=unconfined"),
        ]),
        // kubelet and kube-proxy set values below /proc/sys.
        masked_paths: Some(Vec::new()),
        readonly_paths: Some(Vec::new()),
        device_cgroup_rules: Some(vec![String::from("a *:* rwm")]),
        // The pods' cgroups lie below the container's: they end with it, and no other node's kubelet takes them for
        // orphans of its own.
        cgroupns_mode: Some(HostConfigCgroupnsModeEnum::PRIVATE),
        tmpfs: Some(HashMap::from([
            (String::from("/run"), String::from("exec")),
            (String::from("/tmp"), String::from("exec")),
        ])),
        ..HostConfig::default()
    })
}

fn archive(files: &[(&str, String)]) -> std::io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o600);
        header.set_size(text.len() as u64);
        archive.append_data(&mut header, name, text.as_bytes())?;
    }
    archive.into_inner()
}

/// Removes what an attempt that failed has left.
async fn remove(docker: &Docker, container: &str) -> Result<(), Error> {
    let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
    match docker.remove_container(container, Some(options)).await {
        Err(bollard::errors::Error::DockerResponseServerError { status_code: 404, .. }) => Ok(()),
        result => result.map_err(Error::refusal),
    }
}

async fn feed<Chunk: AsRef<[u8]>>(
    mut stdin: impl AsyncWrite + Unpin,
    input: impl Stream<Item = Result<Chunk, Error>>,
) -> Result<(), Error> {
    let broken = |source| Error::io("write to a command on the node", source);
    let mut input = std::pin::pin!(input);
    while let Some(chunk) = input.next().await {
        stdin.write_all(chunk?.as_ref()).await.map_err(broken)?;
    }
    stdin.shutdown().await.map_err(broken)
}

async fn collect(
    output: impl Stream<Item = Result<LogOutput, bollard::errors::Error>>,
) -> Result<String, Error> {
    let mut output = std::pin::pin!(output);
    let mut text = String::new();
    while let Some(chunk) = output.next().await {
        text.push_str(&String::from_utf8_lossy(
            &chunk.map_err(Error::refusal)?.into_bytes(),
        ));
    }
    Ok(text)
}
