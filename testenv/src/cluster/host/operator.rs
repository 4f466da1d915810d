//! Ultra's operator on the cluster, installed as a user would.

use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use kube::{Api, Client};

use super::{apply::apply, control_plane::ControlPlane, nodes::Nodes};
use crate::{
    Error,
    cluster::{diagnostics, wait::wait_for},
    host::Context,
    provision::Image,
    versions::Versions,
};

/// What a user applies.
const MANIFEST: &str = include_str!("../../../../manifests/install.yaml");

const NAMESPACE: &str = "ultra-system";
const DEPLOYMENT: &str = "ultra-operator";

/// The operator starts in less than a second once its image is there.
const READY_DEADLINE: Duration = Duration::from_secs(90);

/// The operator's image, and those that it deploys.
pub(super) fn images() -> [Image; 4] {
    let versions = Versions::supported();
    [
        Image::Operator,
        Image::Service,
        Image::Postgres(versions.postgres.default.clone()),
        Image::Redis(versions.redis.default.clone()),
    ]
}

/// Puts the images on the nodes, applies the generated manifest and waits until the operator is available.
pub(super) async fn install(context: &Context, plane: &ControlPlane, nodes: &Nodes) -> Result<(), Error> {
    let mut references = Vec::new();
    for image in images() {
        references.push(context.image(image).await?);
    }
    let references: Vec<&str> = references.iter().map(String::as_str).collect();
    nodes.load(context, &references).await?;
    apply(&plane.client, MANIFEST).await?;
    available(&plane.client).await
}

async fn available(client: &Client) -> Result<(), Error> {
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), NAMESPACE);
    let available = wait_for("the operator is available", READY_DEADLINE, async || {
        let deployment = deployments
            .get(DEPLOYMENT)
            .await
            .map_err(|error| error.to_string())?;
        let status = deployment.status.unwrap_or_default();
        if status.available_replicas >= Some(1) {
            Ok(())
        } else {
            Err(format!("{status:?}"))
        }
    });
    match available.await {
        Err(error) => {
            let told = diagnostics::describe(client, NAMESPACE).await;
            Err(Error::Refused(format!("{error}\n{told}")))
        }
        done => done,
    }
}
