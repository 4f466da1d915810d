//! What a run has, for a person who asks.

use std::{collections::HashMap, path::PathBuf};

use bollard::query_parameters::ListContainersOptionsBuilder;

use super::Context;
use crate::{Error, protocol::Status, run::RUN_LABEL};

/// Reads the engine's containers and the kernel's processes of the run.
pub(super) async fn read(
    context: &Context,
    clients: usize,
    kubeconfig: Option<PathBuf>,
) -> Result<Status, Error> {
    let label = format!("{RUN_LABEL}={}", context.run().id());
    let filters = HashMap::from([("label", vec![label])]);
    let options = ListContainersOptionsBuilder::new()
        .all(true)
        .filters(&filters)
        .build();
    let docker = context.engine().await?.docker();
    let containers = docker
        .list_containers(Some(options))
        .await
        .map_err(Error::refusal)?;
    let containers = containers
        .into_iter()
        .map(|container| {
            let name = container.names.unwrap_or_default().concat();
            (
                name.trim_start_matches('/').to_owned(),
                container.status.unwrap_or_default(),
            )
        })
        .collect();
    let processes = context
        .run()
        .living_processes()
        .into_iter()
        .map(|process| (process.pid, process.command()))
        .collect();
    Ok(Status {
        host: std::process::id(),
        clients,
        containers,
        processes,
        kubeconfig,
    })
}
