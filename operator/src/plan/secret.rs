//! Secrets. Of one that exists only the owner is planned: what is in it was generated once and is never made again.

use super::{
    env::URI,
    metadata::{metadata, owned},
};
use crate::{
    crd::DeletionPolicy,
    names::{self, Component},
    validate::{BuiltinPostgres, BuiltinRedis, Generated, MASTER_KEY, RING, Validated},
};
use k8s_openapi::{ByteString, api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use secrecy::ExposeSecret as _;

/// The database's user, and the name of the database.
const POSTGRES_USER: &str = "ultra";
/// Postgres' port.
pub(super) const POSTGRES_PORT: i32 = 5432;
/// Redis' port.
pub(super) const REDIS_PORT: i32 = 6379;

/// What signs access tokens: the same for all pods, and for those that come after them.
pub(super) fn jwt(ultra: &Validated) -> Secret {
    let metadata = service_metadata(ultra, names::jwt(&ultra.name));
    secret(ultra, ultra.deletion_policy, metadata, &ultra.jwt, |key| {
        vec![
            (format!("{}.pem", key.kid), key.pem.expose_secret().to_owned()),
            (RING.to_owned(), format!("{{\"signer\": \"{}\"}}\n", key.kid)),
        ]
    })
}

/// What encrypts the provider keys in the database.
pub(super) fn master_key(ultra: &Validated) -> Secret {
    let metadata = service_metadata(ultra, names::master_key(&ultra.name));
    secret(ultra, ultra.deletion_policy, metadata, &ultra.master_key, |key| {
        vec![(MASTER_KEY.to_owned(), key.expose_secret().to_owned())]
    })
}

/// How the built-in database is reached. It stays where the volume stays.
pub(super) fn postgres(ultra: &Validated, postgres: &BuiltinPostgres) -> Secret {
    let name = names::postgres(&ultra.name);
    let host = host(ultra, &name);
    let metadata = metadata(ultra, name, Component::Database, postgres.image.version());
    secret(
        ultra,
        ultra.deletion_policy,
        metadata,
        &postgres.credentials,
        |password| {
            let password = password.expose_secret();
            let uri = format!("postgres://{POSTGRES_USER}:{password}@{host}:{POSTGRES_PORT}/{POSTGRES_USER}");
            entries([
                ("username", POSTGRES_USER.to_owned()),
                ("password", password.to_owned()),
                ("dbname", POSTGRES_USER.to_owned()),
                ("host", host),
                ("port", POSTGRES_PORT.to_string()),
                (URI, uri),
            ])
        },
    )
}

/// How the built-in cache is reached.
pub(super) fn redis(ultra: &Validated, redis: &BuiltinRedis) -> Secret {
    let name = names::redis(&ultra.name);
    let host = host(ultra, &name);
    let metadata = metadata(ultra, name, Component::Cache, redis.image.version());
    secret(
        ultra,
        DeletionPolicy::Delete,
        metadata,
        &redis.credentials,
        |password| {
            let password = password.expose_secret();
            let uri = format!("redis://:{password}@{host}:{REDIS_PORT}/0");
            entries([
                ("password", password.to_owned()),
                ("host", host),
                ("port", REDIS_PORT.to_string()),
                (URI, uri),
            ])
        },
    )
}

fn service_metadata(ultra: &Validated, name: String) -> ObjectMeta {
    metadata(ultra, name, Component::Service, ultra.image.version())
}

fn host(ultra: &Validated, service: &str) -> String {
    format!("{service}.{}.svc", ultra.namespace)
}

fn entries<const N: usize>(entries: [(&str, String); N]) -> Vec<(String, String)> {
    entries.map(|(key, value)| (key.to_owned(), value)).into()
}

/// What is in a Secret, and how long it lives: as long as its resource, or as the deletion policy says.
fn secret<F>(
    ultra: &Validated,
    policy: DeletionPolicy,
    metadata: ObjectMeta,
    content: &Generated<F>,
    entries: impl FnOnce(&F) -> Vec<(String, String)>,
) -> Secret {
    let mut secret = match content {
        Generated::Existing(secret) => Secret::clone(secret),
        Generated::Fresh(fresh) => made(metadata, entries(fresh)),
    };
    secret.metadata = owned(ultra, policy, secret.metadata);
    secret
}

fn made(metadata: ObjectMeta, entries: Vec<(String, String)>) -> Secret {
    let data = entries
        .into_iter()
        .map(|(key, value)| (key, ByteString(value.into_bytes())))
        .collect();
    Secret {
        metadata,
        data: Some(data),
        type_: Some("Opaque".to_owned()),
        ..Default::default()
    }
}
