//! What a profile means where the spec is silent.

use crate::crd::{DeletionPolicy, Mode, Profile};
use k8s_openapi::{api::core::v1::ResourceRequirements, apimachinery::pkg::api::resource::Quantity};
use std::collections::BTreeMap;

/// What a profile means where the spec is silent.
#[derive(Clone, Debug)]
pub struct Defaults {
    /// Whom the panel asks.
    pub mode: Mode,
    /// How many pods the service has.
    pub replicas: i32,
    /// What a pod of the service may use.
    pub service: ResourceRequirements,
    /// What the built-in database may use.
    pub postgres: ResourceRequirements,
    /// The size of its volume.
    pub storage: Quantity,
    /// What the built-in cache may hold.
    pub cache_memory: Quantity,
    /// Seconds that running requests get.
    pub drain_seconds: i64,
    /// What becomes of volumes.
    pub deletion_policy: DeletionPolicy,
}

impl Defaults {
    /// The table.
    pub fn of(profile: Profile) -> Self {
        match profile {
            Profile::Development | Profile::Testing => Self {
                mode: Mode::Mock,
                replicas: 1,
                service: resources(("10m", "64Mi"), ("1", "256Mi")),
                postgres: resources(("10m", "64Mi"), ("1", "512Mi")),
                storage: Quantity("1Gi".into()),
                cache_memory: Quantity("64Mi".into()),
                drain_seconds: 5,
                deletion_policy: DeletionPolicy::Delete,
            },
            Profile::Production => Self {
                mode: Mode::Real,
                replicas: 2,
                service: resources(("250m", "128Mi"), ("2", "512Mi")),
                postgres: resources(("500m", "512Mi"), ("2", "2Gi")),
                storage: Quantity("20Gi".into()),
                cache_memory: Quantity("256Mi".into()),
                drain_seconds: 30,
                deletion_policy: DeletionPolicy::Retain,
            },
        }
    }
}

/// CPU and memory, requested and at most.
pub fn resources(requests: (&str, &str), limits: (&str, &str)) -> ResourceRequirements {
    let amounts = |(cpu, memory): (&str, &str)| {
        Some(BTreeMap::from([
            ("cpu".to_owned(), Quantity(cpu.to_owned())),
            ("memory".to_owned(), Quantity(memory.to_owned())),
        ]))
    };
    ResourceRequirements {
        requests: amounts(requests),
        limits: amounts(limits),
        claims: None,
    }
}
