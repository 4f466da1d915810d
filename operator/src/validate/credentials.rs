//! Secrets: those that exist, those that are yet to be made, and those of others.

use super::Invalid;
use crate::{crd::SecretKeyRef, observe::Observed};
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;

/// Credentials of a built-in part.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// A Secret that exists; it stays as it is.
    Existing(Box<Secret>),
    /// A password for a Secret that is yet to be made.
    Fresh(FreshPassword),
}

/// A password that nobody has used yet, never printed.
#[derive(Clone)]
pub struct FreshPassword(pub String);

impl std::fmt::Debug for FreshPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FreshPassword(redacted)")
    }
}

/// A connection URL in someone else's Secret.
#[derive(Clone, Debug)]
pub struct UrlSecret {
    /// Where it is.
    pub reference: SecretKeyRef,
    /// What it is; only its checksum leaves the plan.
    pub url: Vec<u8>,
}

/// The Secret of a built-in part, or a password for one.
pub(super) fn credentials(
    name: &str,
    keys: &[&'static str],
    observed: &Observed,
    fresh: &str,
) -> Result<Credentials, Invalid> {
    let Some(secret) = observed
        .children
        .secrets
        .iter()
        .find(|secret| secret.name_any() == name)
    else {
        return Ok(Credentials::Fresh(FreshPassword(fresh.to_owned())));
    };
    let has = |key: &str| secret.data.as_ref().is_some_and(|data| data.contains_key(key));
    match keys.iter().find(|key| !has(key)) {
        Some(key) => Err(Invalid::SecretIncomplete {
            name: name.to_owned(),
            key,
        }),
        None => Ok(Credentials::Existing(Box::new(Secret::clone(secret)))),
    }
}

/// A URL that the spec refers to.
pub(super) fn url_secret(
    field: &'static str,
    reference: SecretKeyRef,
    observed: &Observed,
) -> Result<UrlSecret, Invalid> {
    let SecretKeyRef { name, key } = reference.clone();
    let Some(secret) = observed.referenced.get(&name) else {
        return Err(Invalid::SecretMissing { field, name, key });
    };
    match secret.data.as_ref().and_then(|data| data.get(&key)) {
        Some(url) => Ok(UrlSecret {
            reference,
            url: url.0.clone(),
        }),
        None => Err(Invalid::SecretKeyMissing { field, name, key }),
    }
}
