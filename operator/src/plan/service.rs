//! Services.

use super::{
    metadata::{metadata, sealed},
    secret,
};
use crate::{
    names::{self, Component},
    validate::{BuiltinPostgres, BuiltinRedis, Validated},
};
use k8s_openapi::{
    api::core::v1::{Service, ServicePort, ServiceSpec},
    apimachinery::pkg::{apis::meta::v1::ObjectMeta, util::intstr::IntOrString},
};

/// The address of the API.
pub(super) fn service(ultra: &Validated) -> Service {
    let metadata = metadata(
        ultra,
        ultra.name.clone(),
        Component::Service,
        ultra.image.version(),
    );
    cluster_ip(ultra, metadata, Component::Service, "http", 80)
}

/// The address of the built-in database.
pub(super) fn postgres(ultra: &Validated, postgres: &BuiltinPostgres) -> Service {
    let metadata = metadata(
        ultra,
        names::postgres(&ultra.name),
        Component::Database,
        postgres.image.version(),
    );
    cluster_ip(
        ultra,
        metadata,
        Component::Database,
        "postgres",
        secret::POSTGRES_PORT,
    )
}

/// The address of the built-in cache.
pub(super) fn redis(ultra: &Validated, redis: &BuiltinRedis) -> Service {
    let metadata = metadata(
        ultra,
        names::redis(&ultra.name),
        Component::Cache,
        redis.image.version(),
    );
    cluster_ip(ultra, metadata, Component::Cache, "redis", secret::REDIS_PORT)
}

fn cluster_ip(
    ultra: &Validated,
    metadata: ObjectMeta,
    component: Component,
    port_name: &str,
    port: i32,
) -> Service {
    sealed(Service {
        metadata,
        spec: Some(ServiceSpec {
            type_: Some("ClusterIP".to_owned()),
            selector: Some(names::selector_labels(&ultra.name, component)),
            ports: Some(vec![ServicePort {
                name: Some(port_name.to_owned()),
                port,
                target_port: Some(IntOrString::String(port_name.to_owned())),
                protocol: Some("TCP".to_owned()),
                ..Default::default()
            }]),
            ..Default::default()
        }),
        ..Default::default()
    })
}
