//! Everything that a cluster needs to run the operator.

use crate::{crd::UltraDeployment, image::ImageName, rbac, versions};
use k8s_openapi::{
    api::{
        apps::v1::{Deployment, DeploymentSpec, DeploymentStrategy},
        core::v1::{
            Capabilities, Container, ContainerPort, EnvVar, HTTPGetAction, Namespace, PodSecurityContext,
            PodSpec, PodTemplateSpec, Probe, SeccompProfile, SecurityContext, ServiceAccount,
        },
        rbac::v1::{ClusterRoleBinding, RoleRef, Subject},
    },
    apimachinery::pkg::{
        apis::meta::v1::{LabelSelector, ObjectMeta},
        util::intstr::IntOrString,
    },
};
use kube::CustomResourceExt;
use serde_json::Value;
use std::collections::BTreeMap;

/// The namespace that the operator lives in.
pub const NAMESPACE: &str = "ultra-system";
/// The name of its objects.
pub const NAME: &str = "ultra-operator";
/// The user that its image runs as.
const USER: i64 = 65532;
const PORT: i32 = 8080;

/// The objects, in the order in which they can be applied.
pub fn manifest() -> Result<Vec<Value>, serde_json::Error> {
    [
        serde_json::to_value(namespace()),
        serde_json::to_value(UltraDeployment::crd()),
        serde_json::to_value(service_account()),
        serde_json::to_value(rbac::cluster_role(NAME)),
        serde_json::to_value(cluster_role_binding()),
        serde_json::to_value(deployment()),
    ]
    .into_iter()
    .collect()
}

fn namespace() -> Namespace {
    let enforce = (
        "pod-security.kubernetes.io/enforce".to_owned(),
        "restricted".to_owned(),
    );
    Namespace {
        metadata: ObjectMeta {
            name: Some(NAMESPACE.to_owned()),
            labels: Some(BTreeMap::from([enforce])),
            ..Default::default()
        },
        ..Default::default()
    }
}

fn labels() -> BTreeMap<String, String> {
    BTreeMap::from([("app.kubernetes.io/name".to_owned(), NAME.to_owned())])
}

fn metadata() -> ObjectMeta {
    ObjectMeta {
        name: Some(NAME.to_owned()),
        namespace: Some(NAMESPACE.to_owned()),
        labels: Some(labels()),
        ..Default::default()
    }
}

fn service_account() -> ServiceAccount {
    ServiceAccount {
        metadata: metadata(),
        ..Default::default()
    }
}

fn cluster_role_binding() -> ClusterRoleBinding {
    ClusterRoleBinding {
        metadata: ObjectMeta {
            namespace: None,
            ..metadata()
        },
        role_ref: RoleRef {
            api_group: "rbac.authorization.k8s.io".to_owned(),
            kind: "ClusterRole".to_owned(),
            name: NAME.to_owned(),
        },
        subjects: Some(vec![Subject {
            kind: "ServiceAccount".to_owned(),
            name: NAME.to_owned(),
            namespace: Some(NAMESPACE.to_owned()),
            api_group: None,
        }]),
    }
}

fn deployment() -> Deployment {
    Deployment {
        metadata: metadata(),
        spec: Some(DeploymentSpec {
            replicas: Some(1),
            selector: LabelSelector {
                match_labels: Some(labels()),
                ..Default::default()
            },
            // There is no leader election: two operators at once would each answer the other's writes.
            strategy: Some(DeploymentStrategy {
                type_: Some("Recreate".to_owned()),
                rolling_update: None,
            }),
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta {
                    labels: Some(labels()),
                    ..Default::default()
                }),
                spec: Some(pod()),
            },
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn pod() -> PodSpec {
    PodSpec {
        service_account_name: Some(NAME.to_owned()),
        enable_service_links: Some(false),
        security_context: Some(PodSecurityContext {
            run_as_non_root: Some(true),
            run_as_user: Some(USER),
            run_as_group: Some(USER),
            seccomp_profile: Some(SeccompProfile {
                type_: "RuntimeDefault".to_owned(),
                localhost_profile: None,
            }),
            ..Default::default()
        }),
        containers: vec![container()],
        ..Default::default()
    }
}

fn container() -> Container {
    let setting = |(name, value): (&str, String)| EnvVar {
        name: name.to_owned(),
        value: Some(value),
        value_from: None,
    };
    Container {
        name: NAME.to_owned(),
        image: Some(ImageName::new(NAME, versions::ULTRA).to_string()),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        args: Some(vec!["run".to_owned()]),
        env: Some(
            [
                ("ULTRA_OPERATOR_LISTEN", format!("0.0.0.0:{PORT}")),
                ("RUST_LOG", "info".to_owned()),
            ]
            .map(setting)
            .into(),
        ),
        ports: Some(vec![ContainerPort {
            name: Some("http".to_owned()),
            container_port: PORT,
            ..Default::default()
        }]),
        liveness_probe: probe("/health/live"),
        readiness_probe: probe("/health/ready"),
        resources: Some(crate::defaults::resources(("10m", "32Mi"), ("500m", "128Mi"))),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            read_only_root_filesystem: Some(true),
            capabilities: Some(Capabilities {
                drop: Some(vec!["ALL".to_owned()]),
                add: None,
            }),
            ..Default::default()
        }),
        termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
        ..Default::default()
    }
}

fn probe(path: &str) -> Option<Probe> {
    let action = HTTPGetAction {
        path: Some(path.to_owned()),
        port: IntOrString::String("http".to_owned()),
        ..Default::default()
    };
    Some(Probe {
        http_get: Some(action),
        period_seconds: Some(5),
        ..Default::default()
    })
}
