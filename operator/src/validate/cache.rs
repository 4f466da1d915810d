//! Where answers are cached.

use super::{
    Invalid,
    credentials::{Generated, Kind, UrlSecret, generated, url_secret},
};
use crate::{
    crd::{self, Profile, UltraDeployment},
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
    External(UrlSecret),
    /// In each pod.
    Memory,
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
        (None, Some(external), None) => {
            url_secret("cache.external.urlSecretRef", external.url_secret_ref, observed).map(Cache::External)
        }
        (None, None, Some(crd::MemoryCache {})) => Ok(Cache::Memory),
        _ => Err(Invalid::NotExactlyOne {
            field: "cache",
            alternatives: "builtin, external and memory",
        }),
    }
}

fn builtin_cache() -> crd::Cache {
    crd::Cache {
        builtin: Some(crd::BuiltinCache::default()),
        ..Default::default()
    }
}
