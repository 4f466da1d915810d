//! Secrets: those that exist, those that are yet to be made, and those of others.

use super::Invalid;
use crate::{crd::SecretKeyRef, observe::Observed};
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use std::fmt;

/// What is in a Secret that the operator makes.
#[derive(Clone)]
pub enum Generated<F> {
    /// A Secret that exists; what is in it stays as it is.
    Existing(Box<Secret>),
    /// What a Secret that is yet to be made will hold.
    Fresh(F),
}

impl<F> fmt::Debug for Generated<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Existing(secret) => write!(f, "Existing({})", secret.name_any()),
            Self::Fresh(_) => f.write_str("Fresh(redacted)"),
        }
    }
}

/// A connection URL in someone else's Secret.
#[derive(Clone)]
pub struct UrlSecret {
    /// Where it is.
    pub reference: SecretKeyRef,
    /// What it is; only its checksum leaves the plan.
    pub url: Vec<u8>,
}

impl fmt::Debug for UrlSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UrlSecret")
            .field("reference", &self.reference)
            .finish_non_exhaustive()
    }
}

/// A kind of Secret that the operator makes.
pub(super) struct Kind {
    /// The keys of it that something reads.
    pub(super) keys: &'static [&'static str],
    /// What making it anew means.
    pub(super) anew: &'static str,
}

impl Kind {
    /// Refuses a Secret that someone took a key out of.
    pub(super) fn check(&self, secret: &Secret) -> Result<(), Invalid> {
        let has = |key: &str| secret.data.as_ref().is_some_and(|data| data.contains_key(key));
        match self.keys.iter().find(|key| !has(key)) {
            Some(key) => Err(self.incomplete(&secret.name_any(), key)),
            None => Ok(()),
        }
    }

    pub(super) fn incomplete(&self, name: &str, key: &str) -> Invalid {
        Invalid::SecretIncomplete {
            name: name.to_owned(),
            key: key.to_owned(),
            anew: self.anew,
        }
    }
}

/// A Secret that was generated once.
pub(super) fn existing<'a>(name: &str, observed: &'a Observed) -> Option<&'a Secret> {
    observed
        .children
        .secrets
        .iter()
        .find(|secret| secret.name_any() == name)
        .map(AsRef::as_ref)
}

/// The Secret that was generated once, or what to make one of.
pub(super) fn generated<F: Clone>(
    name: &str,
    kind: &Kind,
    observed: &Observed,
    fresh: &F,
) -> Result<Generated<F>, Invalid> {
    match existing(name, observed) {
        Some(secret) => kind
            .check(secret)
            .map(|()| Generated::Existing(Box::new(secret.clone()))),
        None => Ok(Generated::Fresh(fresh.clone())),
    }
}

/// A URL that the spec refers to.
pub(super) fn url_secret(
    field: &'static str,
    reference: SecretKeyRef,
    observed: &Observed,
) -> Result<UrlSecret, Invalid> {
    let url = referenced(field, &reference.name, &reference.key, observed)?;
    Ok(UrlSecret { reference, url })
}

/// What a Secret of someone else holds.
pub(super) fn referenced(
    field: &'static str,
    name: &str,
    key: &str,
    observed: &Observed,
) -> Result<Vec<u8>, Invalid> {
    let (name, key) = (name.to_owned(), key.to_owned());
    let Some(secret) = observed.referenced.get(&name) else {
        return Err(Invalid::SecretMissing { field, name, key });
    };
    match secret.data.as_ref().and_then(|data| data.get(&key)) {
        Some(value) => Ok(value.0.clone()),
        None => Err(Invalid::SecretKeyMissing { field, name, key }),
    }
}
