//! StatefulSets.

use super::{
    checksum::digest,
    container::{container, port},
    env::from_secret,
    metadata::{metadata, sealed},
    pod,
    probe::{self, Timing},
    secret, volume,
};
use crate::{
    crd::DeletionPolicy,
    names::{self, Component},
    validate::{BuiltinPostgres, Validated},
};
use k8s_openapi::{
    api::{
        apps::v1::{
            StatefulSet, StatefulSetPersistentVolumeClaimRetentionPolicy, StatefulSetSpec,
            StatefulSetUpdateStrategy,
        },
        core::v1::{
            Container, EnvVar, PersistentVolumeClaim, PersistentVolumeClaimSpec, PodSpec, Secret,
            VolumeMount, VolumeResourceRequirements,
        },
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use std::collections::BTreeMap;

/// Where the volume is mounted.
const VOLUME_DIR: &str = "/var/lib/postgresql/data";
/// A folder in the volume, because a volume's own root may hold `lost+found`, which initdb refuses.
const DATA_DIR: &str = "/var/lib/postgresql/data/pgdata";
/// Lets a volume that was made with another password take over the Secret's.
const ADOPT_PASSWORD: &str = include_str!("adopt_password.sh");

/// The built-in database.
pub(super) fn postgres(ultra: &Validated, postgres: &BuiltinPostgres, credentials: &Secret) -> StatefulSet {
    let name = names::postgres(&ultra.name);
    let version = postgres.image.version();
    let pod = PodSpec {
        init_containers: Some(vec![adopt_password(&name, postgres)]),
        containers: vec![postgres_container(&name, postgres)],
        volumes: Some(vec![volume::scratch("run"), volume::scratch("tmp")]),
        termination_grace_period_seconds: Some(60),
        ..Default::default()
    };
    let password = credentials.data.as_ref().and_then(|data| data.get("password"));
    sealed(StatefulSet {
        metadata: metadata(ultra, name.clone(), Component::Database, version),
        spec: Some(StatefulSetSpec {
            replicas: Some(1),
            service_name: Some(name),
            selector: names::selector(&ultra.name, Component::Database),
            update_strategy: Some(StatefulSetUpdateStrategy {
                type_: Some("RollingUpdate".to_owned()),
                rolling_update: None,
            }),
            persistent_volume_claim_retention_policy: Some(retention(ultra.deletion_policy)),
            volume_claim_templates: Some(vec![claim(ultra, postgres)]),
            template: pod::template(
                ultra,
                Component::Database,
                names::labels(&ultra.name, Component::Database, version),
                digest(password.map(|password| password.0.as_slice())),
                pod,
            ),
            ..Default::default()
        }),
        ..Default::default()
    })
}

fn retention(policy: DeletionPolicy) -> StatefulSetPersistentVolumeClaimRetentionPolicy {
    let when_deleted = match policy {
        DeletionPolicy::Delete => "Delete",
        DeletionPolicy::Retain => "Retain",
    };
    StatefulSetPersistentVolumeClaimRetentionPolicy {
        when_deleted: Some(when_deleted.to_owned()),
        when_scaled: Some("Retain".to_owned()),
    }
}

/// The volume. Its template can never change, so its labels carry no version.
fn claim(ultra: &Validated, postgres: &BuiltinPostgres) -> PersistentVolumeClaim {
    PersistentVolumeClaim {
        metadata: ObjectMeta {
            name: Some("data".to_owned()),
            labels: Some(names::selector_labels(&ultra.name, Component::Database)),
            ..Default::default()
        },
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(vec!["ReadWriteOnce".to_owned()]),
            storage_class_name: postgres.storage_class.clone(),
            resources: Some(VolumeResourceRequirements {
                requests: Some(BTreeMap::from([("storage".to_owned(), postgres.storage.clone())])),
                limits: None,
            }),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn postgres_container(secret: &str, postgres: &BuiltinPostgres) -> Container {
    // Over TCP: while the image initialises its volume it listens on a Unix socket only.
    let ready = |timing| {
        probe::command(
            &[
                "pg_isready",
                "--quiet",
                "--host=127.0.0.1",
                "--username=ultra",
                "--dbname=ultra",
            ],
            timing,
        )
    };
    container(
        "postgres",
        &postgres.image,
        postgres.resources.clone(),
        Container {
            env: Some(postgres_env(secret)),
            ports: port("postgres", secret::POSTGRES_PORT),
            startup_probe: ready(Timing::STARTUP),
            liveness_probe: ready(Timing {
                failures: 6,
                timeout: 5,
                ..Timing::LIVENESS
            }),
            readiness_probe: ready(Timing::READINESS),
            volume_mounts: Some(postgres_mounts()),
            ..Default::default()
        },
    )
}

fn adopt_password(secret: &str, postgres: &BuiltinPostgres) -> Container {
    container(
        "adopt-password",
        &postgres.image,
        postgres.resources.clone(),
        Container {
            command: Some(vec![
                "/bin/sh".to_owned(),
                "-c".to_owned(),
                ADOPT_PASSWORD.to_owned(),
            ]),
            env: Some(postgres_env(secret)),
            volume_mounts: Some(postgres_mounts()),
            ..Default::default()
        },
    )
}

fn postgres_env(secret: &str) -> Vec<EnvVar> {
    vec![
        from_secret("POSTGRES_USER", secret, "username"),
        from_secret("POSTGRES_PASSWORD", secret, "password"),
        from_secret("POSTGRES_DB", secret, "dbname"),
        EnvVar {
            name: "PGDATA".to_owned(),
            value: Some(DATA_DIR.to_owned()),
            value_from: None,
        },
    ]
}

fn postgres_mounts() -> Vec<VolumeMount> {
    vec![
        volume::mount("data", VOLUME_DIR),
        volume::mount("run", "/run/postgresql"),
        volume::mount("tmp", "/tmp"),
    ]
}
