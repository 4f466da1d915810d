//! What every container is.

use super::pod::container_security;
use crate::image::ImageName;
use k8s_openapi::api::core::v1::{Container, ContainerPort, ResourceRequirements};

/// A container with everything that none may differ in.
pub(super) fn container(
    name: &str,
    image: &ImageName,
    resources: ResourceRequirements,
    container: Container,
) -> Container {
    Container {
        name: name.to_owned(),
        image: Some(image.to_string()),
        image_pull_policy: container
            .image_pull_policy
            .or_else(|| Some("IfNotPresent".to_owned())),
        resources: Some(resources),
        security_context: Some(container_security()),
        // The last lines of a container that fails are what the conditions show; no right to read logs is needed.
        termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
        ..container
    }
}

/// A port by the name that Services and probes use.
pub(super) fn port(name: &str, number: i32) -> Option<Vec<ContainerPort>> {
    Some(vec![ContainerPort {
        name: Some(name.to_owned()),
        container_port: number,
        protocol: Some("TCP".to_owned()),
        ..Default::default()
    }])
}
