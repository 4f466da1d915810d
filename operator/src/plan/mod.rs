//! Third step: every object that an Ultra consists of. Pure: no cluster, no clock, no randomness, and no input but the
//! validated deployment. So a plan can be printed, compared and kept as a snapshot.

mod checksum;
mod config_map;
mod container;
mod deployment;
pub mod env;
mod metadata;
mod pod;
mod probe;
mod secret;
mod service;
mod service_account;
mod stateful_set;
mod volume;

pub use metadata::PLAN_ANNOTATION;

use crate::validate::{Cache, Database, Validated};
use k8s_openapi::api::{
    apps::v1::{Deployment, StatefulSet},
    core::v1::{ConfigMap, Secret, Service, ServiceAccount},
};

/// How far the work on a set of objects has come.
pub trait Stage {
    /// What the stage has of an object.
    type Of<K>;
}

/// The objects as they should be.
#[derive(Debug)]
pub enum Planned {}

impl Stage for Planned {
    type Of<K> = K;
}

/// The objects as the cluster has them; none where one had to wait or was left alone and does not exist.
#[derive(Debug)]
pub enum Applied {}

impl Stage for Applied {
    type Of<K> = Option<K>;
}

/// Every object that an Ultra consists of. Whoever takes it apart names every field, so that none can be forgotten.
pub struct Objects<S: Stage> {
    /// The identity of the service's pods; it can do nothing.
    pub service_account: S::Of<ServiceAccount>,
    /// The service's keys, and credentials of the built-in parts.
    pub secrets: Vec<S::Of<Secret>>,
    /// The service's variables and its file.
    pub config_map: S::Of<ConfigMap>,
    /// Addresses of the service and of the built-in parts.
    pub services: Vec<S::Of<Service>>,
    /// The built-in database.
    pub postgres: Option<S::Of<StatefulSet>>,
    /// The built-in cache.
    pub redis: Option<S::Of<Deployment>>,
    /// The service.
    pub service: S::Of<Deployment>,
}

/// Plans every object of an Ultra.
pub fn plan(ultra: &Validated) -> Objects<Planned> {
    let config_map = config_map::config_map(ultra);
    let mut secrets = vec![secret::jwt(ultra), secret::master_key(ultra)];
    let mut services = vec![service::service(ultra)];
    let mut postgres = None;
    let mut redis = None;

    if let Database::Builtin(builtin) = &ultra.database {
        let secret = secret::postgres(ultra, builtin);
        postgres = Some(stateful_set::postgres(ultra, builtin, &secret));
        services.push(service::postgres(ultra, builtin));
        secrets.push(secret);
    }
    if let Cache::Builtin(builtin) = &ultra.cache {
        let secret = secret::redis(ultra, builtin);
        redis = Some(deployment::redis(ultra, builtin, &secret));
        services.push(service::redis(ultra, builtin));
        secrets.push(secret);
    }

    Objects {
        service_account: service_account::service_account(ultra),
        service: deployment::service(ultra, &config_map, &secrets),
        secrets,
        config_map,
        services,
        postgres,
        redis,
    }
}
