//! Where answers are cached.

use super::{
    Invalid,
    credentials::{Generated, Kind, UrlSecret, generated, referenced, url_secret},
};
use crate::{
    crd::{self, Profile, SecretKeyRef, UltraDeployment},
    defaults::Defaults,
    image::ImageName,
    names,
    observe::Observed,
    quantity,
    settings::Images,
};
use secrecy::SecretString;

const REDIS_SECRET: Kind = Kind {
    keys: &["password", "uri"],
    anew: "whose password the cache takes over",
};

/// Where answers are cached.
#[derive(Clone, Debug)]
pub enum Cache {
    /// In a Redis of its own.
    Builtin(BuiltinRedis),
    /// In one that someone else runs.
    External(ExternalRedis),
    /// In each pod.
    Memory,
}

impl Cache {
    /// Where the CA of its certificate is, and what it is, where it is not a public one.
    pub fn ca(&self) -> Option<&(SecretKeyRef, Vec<u8>)> {
        match self {
            Self::External(external) => external.ca.as_ref(),
            Self::Builtin(_) | Self::Memory => None,
        }
    }
}

/// A Redis that someone else runs.
#[derive(Clone, Debug)]
pub struct ExternalRedis {
    /// How it is reached.
    pub url: UrlSecret,
    /// Where the CA of its certificate is, and what it is: the service reads it at its start.
    pub ca: Option<(SecretKeyRef, Vec<u8>)>,
}

/// A Redis of its own.
#[derive(Clone, Debug)]
pub struct BuiltinRedis {
    /// Redis' image.
    pub image: ImageName,
    /// How many bytes it may hold.
    pub memory_bytes: u64,
    /// Its credentials.
    pub credentials: Generated<SecretString>,
}

/// The cache that the spec asks for.
pub(super) fn cache(
    ud: &UltraDeployment,
    name: &str,
    defaults: &Defaults,
    observed: &Observed,
    images: &Images,
) -> Result<Cache, Invalid> {
    let profile = ud.spec.profile.unwrap_or_default();
    let crd::Cache {
        builtin,
        external,
        memory,
    } = ud.spec.cache.clone().unwrap_or_else(builtin_cache);
    match (builtin, external, memory) {
        (Some(_), None, None) if profile == Profile::Production => Err(Invalid::BuiltinInProduction {
            field: "cache",
            instead: "`memory: {}`, or `external: {urlSecretRef: {name: …, key: …}}` with a rediss:// URL",
        }),
        (Some(builtin), None, None) => {
            let memory = builtin.memory.unwrap_or_else(|| defaults.cache_memory.clone());
            let credentials = generated(
                &names::redis(name),
                &REDIS_SECRET,
                observed,
                &observed.fresh.redis,
            )?;
            Ok(Cache::Builtin(BuiltinRedis {
                image: images.redis.clone(),
                memory_bytes: quantity::bytes(&memory).ok_or(Invalid::Malformed {
                    field: "cache.builtin.memory",
                    value: memory.0,
                    example: "a size such as 256Mi",
                })?,
                credentials,
            }))
        }
        (None, Some(external), None) => external_redis(external, observed).map(Cache::External),
        (None, None, Some(crd::MemoryCache {})) => Ok(Cache::Memory),
        _ => Err(Invalid::NotExactlyOne {
            field: "cache",
            alternatives: "builtin, external and memory",
        }),
    }
}

fn external_redis(external: crd::ExternalCache, observed: &Observed) -> Result<ExternalRedis, Invalid> {
    let crd::ExternalCache {
        url_secret_ref,
        ca_secret_ref,
    } = external;
    let ca = ca_secret_ref
        .map(|ca| {
            let SecretKeyRef { name, key } = &ca;
            let content = referenced("cache.external.caSecretRef", name, key, observed)?;
            Ok((ca, content))
        })
        .transpose()?;
    Ok(ExternalRedis {
        url: url_secret("cache.external.urlSecretRef", url_secret_ref, observed)?,
        ca,
    })
}

fn builtin_cache() -> crd::Cache {
    crd::Cache {
        builtin: Some(crd::BuiltinCache::default()),
        ..Default::default()
    }
}
