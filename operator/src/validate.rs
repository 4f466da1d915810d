//! Second step: the spec becomes a deployment in which nothing is open. Defaults of the profile are filled in, Secrets
//! are looked up; what cannot be is an error that says what to write instead. The plan reads only what comes out here.

use crate::{
    crd::{self, DeletionPolicy, Mode, Profile, PullPolicy, SecretKeyRef, UltraDeployment, Variable},
    defaults::Defaults,
    image::ImageName,
    names,
    observe::Observed,
    quantity,
    settings::Images,
    versions,
};
use k8s_openapi::{
    api::core::v1::{ResourceRequirements, Secret},
    apimachinery::pkg::{api::resource::Quantity, apis::meta::v1::OwnerReference},
};
use kube::{Resource, ResourceExt};

/// One Ultra with every default resolved: the only input of the plan.
#[derive(Clone, Debug)]
pub struct Validated {
    /// The resource's name, from which the children's follow.
    pub name: String,
    /// Where it lives.
    pub namespace: String,
    /// Makes the children the resource's own.
    pub owner: OwnerReference,
    /// The profile that the service runs in.
    pub profile: Profile,
    /// Whom the panel asks.
    pub mode: Mode,
    /// The service's image.
    pub image: ImageName,
    /// When it is pulled.
    pub pull_policy: PullPolicy,
    /// With which credentials it is pulled.
    pub pull_secrets: Vec<String>,
    /// How many pods the service has.
    pub replicas: i32,
    /// What such a pod may use.
    pub resources: ResourceRequirements,
    /// Where data is kept.
    pub database: Database,
    /// Where answers are cached.
    pub cache: Cache,
    /// The panel, where it is not the service's own.
    pub panel: Option<crd::Panel>,
    /// The service's probes, as far as they are set.
    pub probes: crd::Probes,
    /// Seconds that running requests get.
    pub drain_seconds: i64,
    /// Further variables.
    pub env: Vec<Variable>,
    /// What becomes of the volume.
    pub deletion_policy: DeletionPolicy,
}

/// Where data is kept.
#[derive(Clone, Debug)]
pub enum Database {
    /// In a Postgres of its own.
    Builtin(BuiltinPostgres),
    /// In one that someone else runs.
    External(UrlSecret),
}

/// A Postgres of its own.
#[derive(Clone, Debug)]
pub struct BuiltinPostgres {
    /// Postgres' image.
    pub image: ImageName,
    /// The volume's size.
    pub storage: Quantity,
    /// The volume's class.
    pub storage_class: Option<String>,
    /// What the pod may use.
    pub resources: ResourceRequirements,
    /// Its credentials.
    pub credentials: Credentials,
}

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
    pub credentials: Credentials,
}

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

/// Why a spec cannot be.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Invalid {
    /// The service has no authentication yet, so nothing but the open development profile starts.
    #[error(
        "spec.profile is {0}, which needs authentication, and this version has none: write `profile: development`"
    )]
    ProfileNotAvailable(Profile),
    /// The same for real providers: the cluster would reach the owner's money without a credential.
    #[error("spec.mode is real, which needs authentication, and this version has none: write `mode: mock`")]
    ModeNotAvailable,
    /// A choice with none or several of its alternatives.
    #[error("spec.{field}: write exactly one of {alternatives}")]
    NotExactlyOne {
        /// The field with the choice.
        field: &'static str,
        /// What there is to choose from.
        alternatives: &'static str,
    },
    /// A Secret that the spec names is not there.
    #[error("Secret {name}, which spec.{field} names, does not exist: create it with the key {key}")]
    SecretMissing {
        /// The field that names it.
        field: &'static str,
        /// The Secret.
        name: String,
        /// The key that is needed.
        key: String,
    },
    /// A Secret that the spec names lacks the key.
    #[error("Secret {name}, which spec.{field} names, has no key {key}: add it")]
    SecretKeyMissing {
        /// The field that names it.
        field: &'static str,
        /// The Secret.
        name: String,
        /// The key that is needed.
        key: String,
    },
    /// Someone took a key out of a Secret that the operator made.
    #[error("Secret {name} has lost its key {key}: put it back, or delete the Secret and a new one is made")]
    SecretIncomplete {
        /// The Secret.
        name: String,
        /// The key that is needed.
        key: &'static str,
    },
    /// A major version outside the supported ones.
    #[error("spec.database.builtin.version is {version}: write a version from {oldest} to {newest}")]
    PostgresVersionNotSupported {
        /// What was asked for.
        version: String,
        /// The earliest that works.
        oldest: String,
        /// The latest that works.
        newest: String,
    },
    /// A volume cannot become another one.
    #[error(
        "spec.database.builtin.{field} is {asked}, and the volume that exists has {existing}: write {existing}, or leave it out"
    )]
    VolumeFixed {
        /// The field.
        field: &'static str,
        /// What it holds.
        asked: String,
        /// What the volume has.
        existing: String,
    },
    /// A field whose text has no meaning.
    #[error("spec.{field} is {value:?}: write {example}")]
    Malformed {
        /// The field.
        field: &'static str,
        /// What it holds.
        value: String,
        /// What it could hold.
        example: &'static str,
    },
    /// The object has not come from an API server.
    #[error("metadata.{0} is missing")]
    NoIdentity(&'static str),
}

impl Invalid {
    /// The `reason` of the condition that shows this error.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::ProfileNotAvailable(_) => "ProfileNotAvailable",
            Self::ModeNotAvailable => "ModeNotAvailable",
            Self::NotExactlyOne { .. } | Self::Malformed { .. } | Self::NoIdentity(_) => "InvalidSpec",
            Self::SecretMissing { .. } => "SecretMissing",
            Self::SecretKeyMissing { .. } => "SecretKeyMissing",
            Self::SecretIncomplete { .. } => "SecretIncomplete",
            Self::PostgresVersionNotSupported { .. } => "VersionNotSupported",
            Self::VolumeFixed { .. } => "VolumeFixed",
        }
    }
}

/// Resolves the spec against its profile's defaults and against what was observed.
pub fn validate(ud: &UltraDeployment, observed: &Observed, images: &Images) -> Result<Validated, Invalid> {
    let spec = &ud.spec;
    let profile = available_profile(spec.profile.unwrap_or_default())?;
    let defaults = Defaults::of(profile);
    let image = spec.image.clone().unwrap_or_default();
    let name = ud.metadata.name.clone().ok_or(Invalid::NoIdentity("name"))?;
    Ok(Validated {
        database: database(ud, &name, &defaults, observed, images)?,
        cache: cache(ud, &name, &defaults, observed, images)?,
        namespace: ud.namespace().ok_or(Invalid::NoIdentity("namespace"))?,
        owner: ud.controller_owner_ref(&()).ok_or(Invalid::NoIdentity("uid"))?,
        profile,
        mode: available_mode(spec.mode.unwrap_or(defaults.mode))?,
        image: service_image(&image, images),
        pull_policy: image.pull_policy.unwrap_or_default(),
        pull_secrets: image.pull_secrets.into_iter().map(|secret| secret.name).collect(),
        replicas: spec.replicas.unwrap_or(defaults.replicas),
        resources: spec.resources.clone().unwrap_or(defaults.service),
        panel: spec.panel.clone(),
        probes: spec.probes.clone().unwrap_or_default(),
        drain_seconds: spec
            .shutdown
            .as_ref()
            .and_then(|shutdown| shutdown.drain_seconds)
            .map_or(defaults.drain_seconds, i64::from),
        env: spec.env.clone(),
        deletion_policy: spec.deletion_policy.unwrap_or(defaults.deletion_policy),
        name,
    })
}

fn available_profile(profile: Profile) -> Result<Profile, Invalid> {
    match profile {
        Profile::Development => Ok(profile),
        Profile::Testing | Profile::Production => Err(Invalid::ProfileNotAvailable(profile)),
    }
}

fn available_mode(mode: Mode) -> Result<Mode, Invalid> {
    match mode {
        Mode::Mock => Ok(mode),
        Mode::Real => Err(Invalid::ModeNotAvailable),
    }
}

fn service_image(image: &crd::Image, images: &Images) -> ImageName {
    let repository = match &image.repository {
        Some(repository) => images.service.with_repository(repository),
        None => images.service.clone(),
    };
    match &image.tag {
        Some(tag) => repository.with_tag(tag),
        None => repository,
    }
}

fn database(
    ud: &UltraDeployment,
    name: &str,
    defaults: &Defaults,
    observed: &Observed,
    images: &Images,
) -> Result<Database, Invalid> {
    let crd::Database { builtin, external } = ud.spec.database.clone().unwrap_or_else(builtin_database);
    match (builtin, external) {
        (Some(builtin), None) => {
            let credentials = credentials(
                &names::postgres(name),
                POSTGRES_KEYS,
                observed,
                &observed.fresh.postgres,
            )?;
            let volume = Volume::of(&names::postgres(name), observed);
            Ok(Database::Builtin(BuiltinPostgres {
                image: postgres_image(builtin.version.as_deref(), volume.as_ref(), images)?,
                storage: storage(builtin.storage, volume.as_ref(), defaults)?,
                storage_class: storage_class(builtin.storage_class_name, volume.as_ref())?,
                resources: defaults.postgres.clone(),
                credentials,
            }))
        }
        (None, Some(external)) => url_secret(
            "database.external.urlSecretRef",
            external.url_secret_ref,
            observed,
        )
        .map(Database::External),
        _ => Err(Invalid::NotExactlyOne {
            field: "database",
            alternatives: "builtin and external",
        }),
    }
}

fn builtin_database() -> crd::Database {
    crd::Database {
        builtin: Some(crd::BuiltinDatabase::default()),
        external: None,
    }
}

/// The volume that exists. It keeps the size, the class and the format that it was made with, whatever the defaults
/// have become since.
struct Volume {
    storage: Quantity,
    class: Option<String>,
    major: String,
}

impl Volume {
    fn of(name: &str, observed: &Observed) -> Option<Self> {
        let set = observed
            .children
            .stateful_sets
            .iter()
            .find(|set| set.name_any() == name)?;
        let claim = set
            .spec
            .as_ref()?
            .volume_claim_templates
            .as_ref()?
            .first()?
            .spec
            .as_ref()?;
        Some(Self {
            storage: claim
                .resources
                .as_ref()?
                .requests
                .as_ref()?
                .get("storage")?
                .clone(),
            class: claim.storage_class_name.clone(),
            major: major(set.labels().get(names::VERSION)?).to_owned(),
        })
    }
}

fn major(version: &str) -> &str {
    version.split(['.', '-']).next().unwrap_or(version)
}

fn storage(
    asked: Option<Quantity>,
    volume: Option<&Volume>,
    defaults: &Defaults,
) -> Result<Quantity, Invalid> {
    match (asked, volume) {
        (None, None) => Ok(defaults.storage.clone()),
        (None, Some(volume)) => Ok(volume.storage.clone()),
        (Some(asked), None) => Ok(asked),
        (Some(asked), Some(volume)) if quantity::value(&asked.0) == quantity::value(&volume.storage.0) => {
            Ok(volume.storage.clone())
        }
        (Some(asked), Some(volume)) => Err(fixed("storage", &asked.0, &volume.storage.0)),
    }
}

fn storage_class(asked: Option<String>, volume: Option<&Volume>) -> Result<Option<String>, Invalid> {
    match (asked, volume) {
        (asked, None) => Ok(asked),
        (None, Some(volume)) => Ok(volume.class.clone()),
        (Some(asked), Some(volume)) if Some(&asked) == volume.class.as_ref() => Ok(Some(asked)),
        (Some(asked), Some(volume)) => Err(fixed(
            "storageClassName",
            &asked,
            volume.class.as_deref().unwrap_or("the cluster's default"),
        )),
    }
}

fn fixed(field: &'static str, asked: &str, existing: &str) -> Invalid {
    Invalid::VolumeFixed {
        field,
        asked: asked.to_owned(),
        existing: existing.to_owned(),
    }
}

fn postgres_image(
    asked: Option<&str>,
    volume: Option<&Volume>,
    images: &Images,
) -> Result<ImageName, Invalid> {
    match (asked, volume) {
        (None, None) => Ok(images.postgres.clone()),
        (None, Some(volume)) if volume.major == major(images.postgres.version()) => {
            Ok(images.postgres.clone())
        }
        (None, Some(volume)) => Ok(images.postgres.with_tag(&volume.major)),
        (Some(asked), Some(volume)) if asked != volume.major => Err(fixed("version", asked, &volume.major)),
        (Some(asked), _) => supported_postgres(asked).map(|()| images.postgres.with_tag(asked)),
    }
}

fn supported_postgres(version: &str) -> Result<(), Invalid> {
    let supported = versions::postgres();
    let number = |text: &str| text.parse::<u32>().ok();
    match (
        number(version),
        number(&supported.oldest),
        number(&supported.default),
    ) {
        (Some(asked), Some(oldest), Some(newest)) if (oldest..=newest).contains(&asked) => Ok(()),
        _ => Err(Invalid::PostgresVersionNotSupported {
            version: version.to_owned(),
            oldest: supported.oldest.clone(),
            newest: supported.default.clone(),
        }),
    }
}

fn cache(
    ud: &UltraDeployment,
    name: &str,
    defaults: &Defaults,
    observed: &Observed,
    images: &Images,
) -> Result<Cache, Invalid> {
    let crd::Cache {
        builtin,
        external,
        memory,
    } = ud.spec.cache.clone().unwrap_or_else(builtin_cache);
    match (builtin, external, memory) {
        (Some(builtin), None, None) => {
            let memory = builtin.memory.unwrap_or_else(|| defaults.cache_memory.clone());
            let credentials = credentials(&names::redis(name), REDIS_KEYS, observed, &observed.fresh.redis)?;
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

/// The keys of the built-in database's Secret that something reads.
const POSTGRES_KEYS: &[&str] = &["username", "password", "dbname", "uri"];
/// The keys of the built-in cache's Secret that something reads.
const REDIS_KEYS: &[&str] = &["password", "uri"];

fn credentials(
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

fn url_secret(
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
