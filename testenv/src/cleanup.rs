//! Removes all that a run made, by its marks alone: whoever made it need not live any more.

use std::{
    collections::HashMap,
    path::PathBuf,
    time::{Duration, Instant},
};

use bollard::{
    Docker,
    query_parameters::{
        ListContainersOptionsBuilder, ListNetworksOptionsBuilder, ListVolumesOptionsBuilder,
        RemoveContainerOptionsBuilder, RemoveVolumeOptions,
    },
};

use crate::{
    Error,
    run::{RUN_LABEL, RunDir},
};

/// How long ending processes and removing containers may take.
const DEADLINE: Duration = Duration::from_secs(60);

const INTERVAL: Duration = Duration::from_millis(50);

/// Removes the containers, networks, volumes and processes of a run. The error says what is left.
pub(crate) async fn clean(run: &RunDir) -> Result<(), Error> {
    let deadline = Instant::now() + DEADLINE;
    loop {
        for process in run.living_processes() {
            process.kill_group();
        }
        let left = match remaining(run).await {
            Ok(left) if left.is_empty() => return Ok(()),
            Ok(left) => left.join(", "),
            Err(error) => error.to_string(),
        };
        if Instant::now() > deadline {
            return Err(Error::Refused(format!(
                "the run {} could not be cleaned up, left: {left}",
                run.id()
            )));
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Cleans up after the runs below `runs` whose host and watchdog both died.
pub(crate) async fn sweep(runs: PathBuf) {
    let dead = match RunDir::dead(&runs) {
        Ok(dead) => dead,
        Err(error) => return tracing::warn!("cannot look for dead runs: {error}"),
    };
    for (run, _lock) in dead {
        match clean(&run).await.and_then(|()| run.remove()) {
            Ok(()) => tracing::info!("cleaned up after the dead run {}", run.id()),
            Err(error) => tracing::warn!("{error}"),
        }
    }
}

/// Removes what can be removed, and names what was there: only a look that finds nothing proves that nothing is left.
async fn remaining(run: &RunDir) -> Result<Vec<String>, Error> {
    let mut left: Vec<String> = run
        .living_processes()
        .iter()
        .map(|process| format!("process {}", process.pid))
        .collect();
    // Without a recorded engine, the run never came to use one.
    let Some(endpoint) = run.engine() else {
        return Ok(left);
    };
    let docker = Docker::connect_with_host(&endpoint).map_err(Error::refusal)?;
    let docker = docker.negotiate_version().await.map_err(Error::refusal)?;
    let label = format!("{RUN_LABEL}={}", run.id());
    let filters = HashMap::from([("label", vec![label.as_str()])]);
    left.extend(remove_containers(&docker, &filters).await?);
    left.extend(remove_networks(&docker, &filters).await?);
    left.extend(remove_volumes(&docker, &filters).await?);
    Ok(left)
}

type Filters<'a> = HashMap<&'a str, Vec<&'a str>>;

async fn remove_containers(docker: &Docker, filters: &Filters<'_>) -> Result<Vec<String>, Error> {
    let options = ListContainersOptionsBuilder::new()
        .all(true)
        .filters(filters)
        .build();
    let containers = docker
        .list_containers(Some(options))
        .await
        .map_err(Error::refusal)?;
    let mut names = Vec::new();
    for id in containers.into_iter().filter_map(|container| container.id) {
        let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        names.push(told(
            "container",
            &id,
            docker.remove_container(&id, Some(options)).await,
        ));
    }
    Ok(names)
}

async fn remove_networks(docker: &Docker, filters: &Filters<'_>) -> Result<Vec<String>, Error> {
    let options = ListNetworksOptionsBuilder::new().filters(filters).build();
    let networks = docker
        .list_networks(Some(options))
        .await
        .map_err(Error::refusal)?;
    let mut names = Vec::new();
    for id in networks.into_iter().filter_map(|network| network.id) {
        names.push(told("network", &id, docker.remove_network(&id).await));
    }
    Ok(names)
}

async fn remove_volumes(docker: &Docker, filters: &Filters<'_>) -> Result<Vec<String>, Error> {
    let options = ListVolumesOptionsBuilder::new().filters(filters).build();
    let volumes = docker.list_volumes(Some(options)).await.map_err(Error::refusal)?;
    let mut names = Vec::new();
    for volume in volumes.volumes.unwrap_or_default() {
        let removal = docker
            .remove_volume(&volume.name, None::<RemoveVolumeOptions>)
            .await;
        names.push(told("volume", &volume.name, removal));
    }
    Ok(names)
}

fn told(kind: &str, id: &str, removal: Result<(), bollard::errors::Error>) -> String {
    match removal {
        Ok(()) => format!("{kind} {id}"),
        Err(error) => format!("{kind} {id} ({error})"),
    }
}
