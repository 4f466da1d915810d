//! Puts images of the engine on a node.

use std::time::Duration;

use futures::StreamExt;

use super::machine::Machine;
use crate::{Error, cluster::wait::wait_for, host::Context};

/// containerd tells its Kubernetes side of an import within milliseconds, but later than the import returns.
const KNOWN_DEADLINE: Duration = Duration::from_secs(30);

/// Copies the images onto the node, and waits until kubelet finds them there.
pub(super) async fn import(context: &Context, machine: &Machine, images: &[&str]) -> Result<(), Error> {
    let docker = context.engine().await?.docker();
    let archive = docker
        .export_images(images)
        .map(|chunk| chunk.map_err(Error::refusal));
    machine
        .execute(&["ctr", "--namespace=k8s.io", "images", "import", "-"], archive)
        .await?;
    for image in images {
        known(machine, &full_name(image)).await?;
    }
    Ok(())
}

/// kubelet would try to pull an image that it does not know yet, and then wait long before it looks again.
async fn known(machine: &Machine, image: &str) -> Result<(), Error> {
    let filter = format!("name=={image},labels.\"io.cri-containerd.image\"==managed");
    wait_for(&format!("the node knows {image}"), KNOWN_DEADLINE, async || {
        let found = machine
            .run(&["ctr", "--namespace=k8s.io", "images", "list", "--quiet", &filter])
            .await;
        match found {
            Ok(names) if names.contains(image) => Ok(()),
            Ok(_) => Err(String::from("it does not")),
            Err(error) => Err(error.to_string()),
        }
    })
    .await
}

/// As container engines complete a short name.
fn full_name(image: &str) -> String {
    match image.split_once('/') {
        None => format!("docker.io/library/{image}"),
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => image.to_owned(),
        Some(_) => format!("docker.io/{image}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_are_completed_and_registries_kept() {
        assert_eq!(full_name("postgres:17"), "docker.io/library/postgres:17");
        assert_eq!(
            full_name("ultra-testenv/pause:1"),
            "docker.io/ultra-testenv/pause:1"
        );
        assert_eq!(full_name("registry.k8s.io/pause:3"), "registry.k8s.io/pause:3");
        assert_eq!(full_name("localhost:5000/a:1"), "localhost:5000/a:1");
    }
}
