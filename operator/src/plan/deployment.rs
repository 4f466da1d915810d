//! Deployments.

use super::{
    checksum::digest,
    container::{container, port},
    env,
    metadata::{metadata, sealed},
    pod,
    probe::{self, Timing},
    secret, volume,
};
use crate::{
    crd::SecretKeyRef,
    defaults::resources,
    names::{self, Component},
    validate::{ADMIN_PASSWORD, BuiltinRedis, Cache, Database, MASTER_KEY, Validated},
};
use k8s_openapi::{
    api::{
        apps::v1::{Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment},
        core::v1::{
            ConfigMap, Container, Lifecycle, LifecycleHandler, PodSpec, ResourceRequirements, Secret,
            SleepAction, Volume, VolumeMount,
        },
    },
    apimachinery::pkg::util::intstr::IntOrString,
};
use kube::ResourceExt;

/// Seconds in which a pod that ends is taken out of the Services while it still answers.
const LEAVE_SECONDS: i64 = 3;
/// Seconds that a process gets beyond its drain, to write what it holds.
const EXIT_SECONDS: i64 = 5;
/// Seconds after which a rollout that makes no progress is reported as failed.
const PROGRESS_DEADLINE_SECONDS: i32 = 180;

/// The API service.
pub(super) fn service(ultra: &Validated, config_map: &ConfigMap, secrets: &[Secret]) -> Deployment {
    let version = ultra.image.version();
    let strategy = DeploymentStrategy {
        type_: Some("RollingUpdate".to_owned()),
        rolling_update: Some(RollingUpdateDeployment {
            max_surge: Some(IntOrString::Int(1)),
            max_unavailable: Some(IntOrString::Int(0)),
        }),
    };
    let pod = PodSpec {
        containers: vec![service_container(ultra, config_map)],
        volumes: Some(service_volumes(ultra, config_map)),
        termination_grace_period_seconds: Some(LEAVE_SECONDS + ultra.drain_seconds + EXIT_SECONDS),
        ..Default::default()
    };
    sealed(Deployment {
        metadata: metadata(ultra, ultra.name.clone(), Component::Service, version),
        spec: Some(DeploymentSpec {
            replicas: Some(ultra.replicas),
            selector: names::selector(&ultra.name, Component::Service),
            strategy: Some(strategy),
            progress_deadline_seconds: Some(PROGRESS_DEADLINE_SECONDS),
            template: pod::template(
                ultra,
                Component::Service,
                names::labels(&ultra.name, Component::Service, version),
                start_checksum(ultra, secrets),
                pod,
            ),
            ..Default::default()
        }),
        ..Default::default()
    })
}

fn service_container(ultra: &Validated, config_map: &ConfigMap) -> Container {
    let data = config_map.data.clone().unwrap_or_default();
    let probes = &ultra.probes;
    container(
        "ultra-service",
        &ultra.image,
        ultra.resources.clone(),
        Container {
            image_pull_policy: Some(ultra.pull_policy.as_str().to_owned()),
            env: Some(env::container_env(ultra, &config_map.name_any(), &data)),
            ports: port("http", env::PORT),
            startup_probe: probe::http("/health/startup", Timing::STARTUP.or(probes.startup.as_ref())),
            liveness_probe: probe::http("/health/live", Timing::LIVENESS.or(probes.liveness.as_ref())),
            readiness_probe: probe::http("/health/ready", Timing::READINESS.or(probes.readiness.as_ref())),
            lifecycle: Some(leave_before_exit()),
            volume_mounts: Some(service_mounts(ultra)),
            ..Default::default()
        },
    )
}

/// The kubelet's own sleep, because the image has no shell.
fn leave_before_exit() -> Lifecycle {
    let sleep = LifecycleHandler {
        sleep: Some(SleepAction {
            seconds: LEAVE_SECONDS,
        }),
        ..Default::default()
    };
    Lifecycle {
        pre_stop: Some(sleep),
        ..Default::default()
    }
}

fn service_volumes(ultra: &Validated, config_map: &ConfigMap) -> Vec<Volume> {
    let master_key = names::master_key(&ultra.name);
    let mut volumes = vec![
        volume::scratch("data"),
        volume::scratch("tmp"),
        volume::secret("jwt", &names::jwt(&ultra.name), None),
        volume::secret("master-key", &master_key, Some(&[(MASTER_KEY, MASTER_KEY)])),
    ];
    if let Some(admin) = &ultra.first_admin {
        let password = [(ADMIN_PASSWORD, ADMIN_PASSWORD)];
        volumes.push(volume::secret("admin", &admin.secret, Some(&password)));
    }
    if let Some(ca) = database_ca(ultra) {
        let file = [(ca.key.as_str(), env::DATABASE_CA_FILE)];
        volumes.push(volume::secret("database-ca", &ca.name, Some(&file)));
    }
    if let Some((ca, _)) = ultra.cache.ca() {
        let file = [(ca.key.as_str(), env::CACHE_CA_FILE)];
        volumes.push(volume::secret("cache-ca", &ca.name, Some(&file)));
    }
    if ultra.panel.is_some() {
        volumes.push(volume::config_file("config", &config_map.name_any()));
    }
    volumes
}

fn service_mounts(ultra: &Validated) -> Vec<VolumeMount> {
    let mut mounts = vec![
        volume::mount("data", volume::DATA_DIR),
        volume::mount("tmp", "/tmp"),
        volume::mount_read_only("jwt", env::JWT_DIR),
        volume::mount_read_only("master-key", env::MASTER_KEY_DIR),
    ];
    if ultra.first_admin.is_some() {
        mounts.push(volume::mount_read_only("admin", env::ADMIN_DIR));
    }
    if database_ca(ultra).is_some() {
        mounts.push(volume::mount_read_only("database-ca", env::DATABASE_CA_DIR));
    }
    if ultra.cache.ca().is_some() {
        mounts.push(volume::mount_read_only("cache-ca", env::CACHE_CA_DIR));
    }
    if ultra.panel.is_some() {
        mounts.push(volume::mount_read_only("config", env::CONFIG_DIR));
    }
    mounts
}

fn database_ca(ultra: &Validated) -> Option<&SecretKeyRef> {
    match &ultra.database {
        Database::External(external) => external.ca.as_ref(),
        Database::Builtin(_) => None,
    }
}

/// What the service reads once, at its start, rolls the pods when it changes: URLs of database and cache, the cache's CA,
/// and the first admin. The keys are in no checksum. The service watches their files and takes new ones over within a second of the
/// kubelet; to restart it would add nothing, for the kubelet changes the files of old and new pods alike.
fn start_checksum(ultra: &Validated, secrets: &[Secret]) -> String {
    let builtin = secrets
        .iter()
        .filter_map(|secret| secret.data.as_ref()?.get(env::URI));
    let database = match &ultra.database {
        Database::External(external) => Some(external.url.url.as_slice()),
        Database::Builtin(_) => None,
    };
    let cache = match &ultra.cache {
        Cache::External(external) => Some(external.url.url.as_slice()),
        Cache::Builtin(_) | Cache::Memory => None,
    };
    let admin = ultra.first_admin.iter();
    let admin = admin.flat_map(|admin| [admin.email.as_slice(), admin.password.as_slice()]);
    digest(
        builtin
            .map(|uri| uri.0.as_slice())
            .chain(database)
            .chain(cache)
            .chain(ultra.cache.ca().map(|(_, ca)| ca.as_slice()))
            .chain(admin),
    )
}

/// The built-in cache.
pub(super) fn redis(ultra: &Validated, redis: &BuiltinRedis, credentials: &Secret) -> Deployment {
    let name = names::redis(&ultra.name);
    let version = redis.image.version();
    let pod = PodSpec {
        containers: vec![redis_container(&name, redis)],
        volumes: Some(vec![volume::scratch("data")]),
        termination_grace_period_seconds: Some(10),
        ..Default::default()
    };
    let password = credentials.data.as_ref().and_then(|data| data.get("password"));
    sealed(Deployment {
        metadata: metadata(ultra, name, Component::Cache, version),
        spec: Some(DeploymentSpec {
            replicas: Some(1),
            selector: names::selector(&ultra.name, Component::Cache),
            // Two caches side by side would answer differently behind one address.
            strategy: Some(DeploymentStrategy {
                type_: Some("Recreate".to_owned()),
                rolling_update: None,
            }),
            progress_deadline_seconds: Some(PROGRESS_DEADLINE_SECONDS),
            template: pod::template(
                ultra,
                Component::Cache,
                names::labels(&ultra.name, Component::Cache, version),
                digest(password.map(|password| password.0.as_slice())),
                pod,
            ),
            ..Default::default()
        }),
        ..Default::default()
    })
}

fn redis_container(secret: &str, redis: &BuiltinRedis) -> Container {
    // `-e`: an error in the answer is an error of the command.
    let ping = |timing| probe::command(&["redis-cli", "-e", "ping"], timing);
    container(
        "redis",
        &redis.image,
        redis_resources(redis.memory_bytes),
        Container {
            args: Some(redis_arguments(redis.memory_bytes)),
            // redis-cli reads it too, so that the probes need no password among their arguments.
            env: Some(vec![env::from_secret("REDISCLI_AUTH", secret, "password")]),
            ports: port("redis", secret::REDIS_PORT),
            startup_probe: ping(Timing::STARTUP),
            liveness_probe: ping(Timing::LIVENESS),
            readiness_probe: ping(Timing::READINESS),
            volume_mounts: Some(vec![volume::mount("data", volume::DATA_DIR)]),
            ..Default::default()
        },
    )
}

fn redis_arguments(memory_bytes: u64) -> Vec<String> {
    let memory = memory_bytes.to_string();
    let persist_nothing = ["--save", "", "--appendonly", "no"];
    let evict = ["--maxmemory", &memory, "--maxmemory-policy", "allkeys-lru"];
    let guard = ["--requirepass", "$(REDISCLI_AUTH)", "--dir", volume::DATA_DIR];
    ["redis-server"]
        .iter()
        .chain(&persist_nothing)
        .chain(&evict)
        .chain(&guard)
        .map(|&word| word.to_owned())
        .collect()
}

/// Redis counts only its data towards `maxmemory`: buffers, fragmentation and the process itself come on top.
fn redis_resources(memory_bytes: u64) -> ResourceRequirements {
    const MEBI: u64 = 1024 * 1024;
    let mebibytes = memory_bytes.div_ceil(MEBI);
    let most = mebibytes + mebibytes / 2 + 16;
    resources(("10m", &format!("{mebibytes}Mi")), ("1", &format!("{most}Mi")))
}
