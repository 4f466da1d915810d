//! The service's own keys: those that sign access tokens, and the one that encrypts what it keeps for others.

use super::{
    Invalid,
    credentials::{Generated, Kind, existing, generated},
};
use crate::{fresh::FreshKey, names, observe::Observed};
use k8s_openapi::api::core::v1::Secret;
use secrecy::SecretString;
use serde::{Deserialize, de::IgnoredAny};
use std::collections::BTreeMap;

/// Says which key signs, and when keys activate and expire.
pub const RING: &str = "ring.json";
/// The key of the Secret with the master keys.
pub const MASTER_KEY: &str = "master-key";

const SIGNING_KEYS: Kind = Kind {
    keys: &[RING],
    anew: "which ends the access tokens that are in use",
};

const MASTER_KEYS: Kind = Kind {
    keys: &[MASTER_KEY],
    anew: "with which the provider keys that are stored cannot be read any more",
};

/// What counts here of the ring; the service checks all of it.
#[derive(Deserialize)]
struct Ring {
    signer: Option<String>,
    #[serde(default)]
    keys: BTreeMap<String, IgnoredAny>,
}

/// The keys that sign access tokens. Every key that the ring names must be there: without it new pods would not start,
/// while the old ones go on.
pub(super) fn jwt(instance: &str, observed: &Observed) -> Result<Generated<FreshKey>, Invalid> {
    let name = names::jwt(instance);
    if let Some(secret) = existing(&name, observed) {
        SIGNING_KEYS.check(secret)?;
        check_ring(&name, secret)?;
    }
    generated(&name, &SIGNING_KEYS, observed, &observed.fresh.jwt)
}

/// The key that encrypts the provider keys in the database.
pub(super) fn master_key(instance: &str, observed: &Observed) -> Result<Generated<SecretString>, Invalid> {
    generated(
        &names::master_key(instance),
        &MASTER_KEYS,
        observed,
        &observed.fresh.master_key,
    )
}

fn check_ring(name: &str, secret: &Secret) -> Result<(), Invalid> {
    let data = secret.data.iter().flatten();
    let files: BTreeMap<&str, &[u8]> = data
        .map(|(key, value)| (key.as_str(), value.0.as_slice()))
        .collect();
    let ring = files.get(RING).copied().unwrap_or_default();
    let Ok(Ring { signer, keys }) = serde_json::from_slice(ring) else {
        return Err(Invalid::SecretMalformed {
            name: name.to_owned(),
            key: RING,
            example: r#"{"signer": "<kid>"}, where <kid>.pem is another key of the Secret"#,
        });
    };
    let is_there = |kid: &String| {
        ["pem", "hs256"]
            .iter()
            .any(|kind| files.contains_key(format!("{kid}.{kind}").as_str()))
    };
    match signer.iter().chain(keys.keys()).find(|kid| !is_there(kid)) {
        Some(kid) => Err(SIGNING_KEYS.incomplete(name, &format!("{kid}.pem"))),
        None => Ok(()),
    }
}
