//! The contract with the service: which variables its container gets, and from where.

use super::volume;
use crate::{
    crd, names,
    validate::{ADMIN_EMAIL, ADMIN_PASSWORD, Cache, Database, MASTER_KEY, UrlSecret, Validated},
};
use k8s_openapi::api::core::v1::{ConfigMapKeySelector, EnvVar, EnvVarSource, SecretKeySelector};
use std::{collections::BTreeMap, time::Duration};

/// The port that the service listens on.
pub const PORT: i32 = 8080;
/// Where the service's file is mounted.
pub(super) const CONFIG_DIR: &str = "/etc/ultra";
/// The service's file.
pub(super) const CONFIG_FILE: &str = "config.yaml";
/// Where the keys that sign access tokens are mounted.
pub(super) const JWT_DIR: &str = "/run/secrets/ultra/jwt";
/// Where the master key is mounted.
pub(super) const MASTER_KEY_DIR: &str = "/run/secrets/ultra/master-key";
/// Where the first admin's password is mounted.
pub(super) const ADMIN_DIR: &str = "/run/secrets/ultra/admin";
/// Where the CA of someone else's database is mounted.
pub(super) const DATABASE_CA_DIR: &str = "/run/secrets/ultra/database-ca";
/// The file of that CA, which the database's URL names.
pub(super) const DATABASE_CA_FILE: &str = "ca.crt";
/// Where the CA of someone else's cache is mounted.
pub(super) const CACHE_CA_DIR: &str = "/run/secrets/ultra/cache-ca";
/// The file of that CA.
pub(super) const CACHE_CA_FILE: &str = "ca.crt";
/// The key of a connection URL in the Secret of a built-in part.
pub(super) const URI: &str = "uri";

/// A request may take longer than the panel's deadline by this, to write its answer.
const ANSWER_MARGIN: Duration = Duration::from_secs(30);

/// The variables that hold no secret.
pub(super) fn variables(ultra: &Validated) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::from([
        ("ULTRA_PROFILE", ultra.profile.to_string()),
        ("ULTRA_MODE", ultra.mode.to_string()),
        ("ULTRA_LISTEN", format!("0.0.0.0:{PORT}")),
        ("ULTRA_DATA_DIR", volume::DATA_DIR.to_owned()),
        ("ULTRA_LOG_FORMAT", "json".to_owned()),
        ("ULTRA_DATABASE_MIGRATE", "auto".to_owned()),
        ("ULTRA_HTTP_DRAIN_TIMEOUT", format!("{}s", ultra.drain_seconds)),
        ("ULTRA_JWT_KEYS_DIR", JWT_DIR.to_owned()),
        ("ULTRA_MASTER_KEY_FILE", format!("{MASTER_KEY_DIR}/{MASTER_KEY}")),
    ]);
    variables.extend(auth_variables(ultra));
    if ultra.cache.ca().is_some() {
        variables.insert("ULTRA_CACHE_CA_FILE", format!("{CACHE_CA_DIR}/{CACHE_CA_FILE}"));
    }
    if let Some(panel) = &ultra.panel {
        variables.insert("ULTRA_CONFIG_FILE", format!("{CONFIG_DIR}/{CONFIG_FILE}"));
        if let Some(deadline) = panel.deadline {
            // The service refuses a request timeout that would cut the panel's own deadline short.
            variables.insert(
                "ULTRA_HTTP_REQUEST_TIMEOUT",
                duration(Duration::from(deadline) + ANSWER_MARGIN),
            );
        }
    }
    // What the owner sets wins over what only follows from another field.
    variables.retain(|name, _| ultra.env.iter().all(|variable| variable.name != *name));
    variables
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn auth_variables(ultra: &Validated) -> impl Iterator<Item = (&'static str, String)> {
    let crd::Auth {
        access_token_ttl,
        refresh_token_ttl,
        registration,
        issuer,
        audience,
        admin_secret_ref: _,
    } = ultra.auth.clone();
    let ttl = |ttl: Option<kube::core::Duration>| ttl.map(|ttl| duration(ttl.into()));
    let admin = ultra.first_admin.as_ref();
    [
        ("ULTRA_AUTH_ACCESS_TOKEN_TTL", ttl(access_token_ttl)),
        ("ULTRA_AUTH_REFRESH_TOKEN_TTL", ttl(refresh_token_ttl)),
        (
            "ULTRA_AUTH_REGISTRATION",
            registration.map(|registration| registration.as_str().to_owned()),
        ),
        ("ULTRA_AUTH_ISSUER", issuer),
        ("ULTRA_AUTH_AUDIENCE", audience),
        (
            "ULTRA_AUTH_ADMIN_PASSWORD_FILE",
            admin.map(|_| format!("{ADMIN_DIR}/{ADMIN_PASSWORD}")),
        ),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
}

/// The service's variables as its container declares them.
pub(super) fn container_env(
    ultra: &Validated,
    config_map: &str,
    variables: &BTreeMap<String, String>,
) -> Vec<EnvVar> {
    let configured = variables
        .keys()
        .filter(|key| *key != CONFIG_FILE)
        .map(|name| from_config_map(name, config_map));
    let database = match &ultra.database {
        Database::Builtin(_) => from_secret("DATABASE_URL", &names::postgres(&ultra.name), URI),
        Database::External(external) => from_url_secret("DATABASE_URL", &external.url),
    };
    let cache = match &ultra.cache {
        Cache::Builtin(_) => Some(from_secret("REDIS_URL", &names::redis(&ultra.name), URI)),
        Cache::External(external) => Some(from_url_secret("REDIS_URL", &external.url)),
        Cache::Memory => None,
    };
    let admin = ultra
        .first_admin
        .as_ref()
        .map(|admin| from_secret("ULTRA_AUTH_ADMIN_EMAIL", &admin.secret, ADMIN_EMAIL));
    let extra = ultra.env.iter().map(|variable| EnvVar {
        name: variable.name.clone(),
        value: variable.value.clone(),
        value_from: variable.value_from.clone().map(|source| EnvVarSource {
            secret_key_ref: source.secret_key_ref,
            config_map_key_ref: source.config_map_key_ref,
            ..Default::default()
        }),
    });
    configured
        .chain([database])
        .chain(cache)
        .chain(admin)
        .chain(extra)
        .collect()
}

/// A duration in the grammar that CRD and environment share.
pub(super) fn duration(duration: Duration) -> String {
    match duration.subsec_millis() {
        0 => format!("{}s", duration.as_secs()),
        _ => format!("{}ms", duration.as_millis()),
    }
}

fn from_config_map(name: &str, config_map: &str) -> EnvVar {
    let selector = ConfigMapKeySelector {
        name: config_map.to_owned(),
        key: name.to_owned(),
        optional: None,
    };
    sourced(
        name,
        EnvVarSource {
            config_map_key_ref: Some(selector),
            ..Default::default()
        },
    )
}

fn from_url_secret(name: &str, url: &UrlSecret) -> EnvVar {
    from_secret(name, &url.reference.name, &url.reference.key)
}

/// A variable that the kubelet takes from a key of a Secret.
pub(super) fn from_secret(name: &str, secret: &str, key: &str) -> EnvVar {
    let selector = SecretKeySelector {
        name: secret.to_owned(),
        key: key.to_owned(),
        optional: None,
    };
    sourced(
        name,
        EnvVarSource {
            secret_key_ref: Some(selector),
            ..Default::default()
        },
    )
}

fn sourced(name: &str, source: EnvVarSource) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value_from: Some(source),
        value: None,
    }
}
