//! Secrets. One that exists is planned as it is: what is in it was generated once and is never made again.

use super::{env::URI, metadata::metadata};
use crate::{
    names::{self, Component},
    validate::{BuiltinPostgres, BuiltinRedis, Credentials, Validated},
};
use k8s_openapi::{ByteString, api::core::v1::Secret};

/// The database's user, and the name of the database.
const POSTGRES_USER: &str = "ultra";
/// Postgres' port.
pub(super) const POSTGRES_PORT: i32 = 5432;
/// Redis' port.
pub(super) const REDIS_PORT: i32 = 6379;

/// How the built-in database is reached.
pub(super) fn postgres(ultra: &Validated, postgres: &BuiltinPostgres) -> Secret {
    let name = names::postgres(&ultra.name);
    secret(
        ultra,
        name,
        Component::Database,
        postgres.image.version(),
        &postgres.credentials,
        |password, host| {
            let uri = format!("postgres://{POSTGRES_USER}:{password}@{host}:{POSTGRES_PORT}/{POSTGRES_USER}");
            vec![
                ("username", POSTGRES_USER.to_owned()),
                ("password", password.to_owned()),
                ("dbname", POSTGRES_USER.to_owned()),
                ("host", host.to_owned()),
                ("port", POSTGRES_PORT.to_string()),
                (URI, uri),
            ]
        },
    )
}

/// How the built-in cache is reached.
pub(super) fn redis(ultra: &Validated, redis: &BuiltinRedis) -> Secret {
    let name = names::redis(&ultra.name);
    secret(
        ultra,
        name,
        Component::Cache,
        redis.image.version(),
        &redis.credentials,
        |password, host| {
            vec![
                ("password", password.to_owned()),
                ("host", host.to_owned()),
                ("port", REDIS_PORT.to_string()),
                (URI, format!("redis://:{password}@{host}:{REDIS_PORT}/0")),
            ]
        },
    )
}

fn secret(
    ultra: &Validated,
    name: String,
    component: Component,
    version: &str,
    credentials: &Credentials,
    entries: impl FnOnce(&str, &str) -> Vec<(&'static str, String)>,
) -> Secret {
    let password = match credentials {
        Credentials::Existing(secret) => return Secret::clone(secret),
        Credentials::Fresh(password) => &password.0,
    };
    let host = format!("{name}.{}.svc", ultra.namespace);
    let data = entries(password, &host)
        .into_iter()
        .map(|(key, value)| (key.to_owned(), ByteString(value.into_bytes())))
        .collect();
    Secret {
        metadata: metadata(ultra, name, component, version),
        data: Some(data),
        type_: Some("Opaque".to_owned()),
        ..Default::default()
    }
}
