//! What every pod is: unprivileged, alone, and under Pod Security's `restricted`.

use crate::{names::Component, validate::Validated};
use k8s_openapi::{
    api::core::v1::{
        Capabilities, LocalObjectReference, PodSecurityContext, PodSpec, PodTemplateSpec, SeccompProfile,
        SecurityContext,
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use std::collections::BTreeMap;

/// Makes a pod restart when what it read at its start has changed.
const CHECKSUM_ANNOTATION: &str = "ultra.dev/secrets-checksum";

/// The user that a component's containers run as: the one that owns the files in its image.
fn user(component: Component) -> i64 {
    match component {
        Component::Service => 65532,
        Component::Database | Component::Cache => 999,
    }
}

/// A pod of a component, with everything that no component may differ in.
pub(super) fn template(
    ultra: &Validated,
    component: Component,
    labels: BTreeMap<String, String>,
    secrets_checksum: String,
    spec: PodSpec,
) -> PodTemplateSpec {
    let pull_secrets: Vec<_> = ultra
        .pull_secrets
        .iter()
        .map(|name| LocalObjectReference { name: name.clone() })
        .collect();
    PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(labels),
            annotations: Some(BTreeMap::from([(
                CHECKSUM_ANNOTATION.to_owned(),
                secrets_checksum,
            )])),
            ..Default::default()
        }),
        spec: Some(PodSpec {
            service_account_name: Some(ultra.name.clone()),
            automount_service_account_token: Some(false),
            // A Service called `ultra` would inject ULTRA_PORT=tcp://…, which the service takes for its own variable.
            enable_service_links: Some(false),
            image_pull_secrets: (!pull_secrets.is_empty()).then_some(pull_secrets),
            security_context: Some(pod_security(user(component))),
            ..spec
        }),
    }
}

fn pod_security(user: i64) -> PodSecurityContext {
    PodSecurityContext {
        run_as_non_root: Some(true),
        run_as_user: Some(user),
        run_as_group: Some(user),
        fs_group: Some(user),
        fs_group_change_policy: Some("OnRootMismatch".to_owned()),
        seccomp_profile: Some(SeccompProfile {
            type_: "RuntimeDefault".to_owned(),
            localhost_profile: None,
        }),
        ..Default::default()
    }
}

/// The security context of every container.
pub(super) fn container_security() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        read_only_root_filesystem: Some(true),
        capabilities: Some(Capabilities {
            drop: Some(vec!["ALL".to_owned()]),
            add: None,
        }),
        ..Default::default()
    }
}
