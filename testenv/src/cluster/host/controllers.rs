//! kube-controller-manager and kube-scheduler.

use std::time::Duration;

use k8s_openapi::api::core::v1::{ConfigMap, ServiceAccount};
use kube::{Api, Client};

use super::{control_plane::ControlPlane, process::Process};
use crate::{Error, cluster::wait::wait_for, host::Context};

/// About 6 s on an idle machine.
const READY_DEADLINE: Duration = Duration::from_secs(90);

/// The controllers of a control plane.
pub(super) struct Controllers {
    _manager: Process,
    _scheduler: Process,
}

impl Controllers {
    /// Starts both, and waits until the controllers have done their first work.
    pub(super) async fn start(context: &Context, plane: &ControlPlane) -> Result<Self, Error> {
        let arguments = manager_arguments(plane)?;
        let manager = Process::start(context, "kube-controller-manager", plane.folder(), &arguments).await?;
        let arguments = scheduler_arguments(plane)?;
        let scheduler = Process::start(context, "kube-scheduler", plane.folder(), &arguments).await?;
        let working = manager.until(working(&plane.client));
        scheduler.until(working).await?;
        Ok(Self {
            _manager: manager,
            _scheduler: scheduler,
        })
    }
}

/// Pods need the ServiceAccount and the authority's certificate that controllers put into every namespace.
async fn working(client: &Client) -> Result<(), Error> {
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), "default");
    let config_maps: Api<ConfigMap> = Api::namespaced(client.clone(), "default");
    wait_for(
        "the controllers have filled the namespace `default`",
        READY_DEADLINE,
        async || {
            accounts.get("default").await.map_err(|error| error.to_string())?;
            config_maps
                .get("kube-root-ca.crt")
                .await
                .map_err(|error| error.to_string())
        },
    )
    .await
    .map(drop)
}

fn manager_arguments(plane: &ControlPlane) -> Result<Vec<String>, Error> {
    let file = |name: &str| plane.pki.file(name).display().to_string();
    Ok([
        format!(
            "--kubeconfig={}",
            plane.kubeconfig_for("system:kube-controller-manager")?.display()
        ),
        format!("--root-ca-file={}", file("ca.crt")),
        format!("--service-account-private-key-file={}", file("sa.key")),
        String::from("--use-service-account-credentials"),
        String::from("--leader-elect=false"),
        // Nobody asks it over HTTP, so it takes no port.
        String::from("--secure-port=0"),
        // The default of 20 requests a second is what bounds tests with many objects.
        String::from("--kube-api-qps=1000"),
        String::from("--kube-api-burst=2000"),
        String::from("--profiling=false"),
    ]
    .to_vec())
}

fn scheduler_arguments(plane: &ControlPlane) -> Result<Vec<String>, Error> {
    Ok([
        format!(
            "--kubeconfig={}",
            plane.kubeconfig_for("system:kube-scheduler")?.display()
        ),
        String::from("--leader-elect=false"),
        String::from("--secure-port=0"),
        String::from("--kube-api-qps=1000"),
        String::from("--kube-api-burst=2000"),
        String::from("--profiling=false"),
    ]
    .to_vec())
}
