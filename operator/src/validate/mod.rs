//! Second step: the spec becomes a deployment in which nothing is open. Defaults of the profile are filled in, Secrets
//! are looked up; what cannot be is an error that says what to write instead. The plan reads only what comes out here.

mod auth;
mod cache;
mod credentials;
mod database;
mod invalid;
mod keys;

pub use auth::{ADMIN_EMAIL, ADMIN_PASSWORD, FirstAdmin};
pub use cache::{BuiltinRedis, Cache};
pub use credentials::{Generated, UrlSecret};
pub use database::{BuiltinPostgres, Database, ExternalPostgres};
pub use invalid::Invalid;
pub use keys::{MASTER_KEY, RING};

use crate::{
    crd::{self, DeletionPolicy, Mode, Profile, PullPolicy, UltraDeployment, Variable},
    defaults::Defaults,
    fresh::FreshKey,
    image::ImageName,
    observe::Observed,
    settings::Images,
};
use k8s_openapi::{api::core::v1::ResourceRequirements, apimachinery::pkg::apis::meta::v1::OwnerReference};
use kube::{Resource, ResourceExt};
use secrecy::SecretString;

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
    /// Tokens and accounts, as far as they are set.
    pub auth: crd::Auth,
    /// Who is an admin from the start.
    pub first_admin: Option<FirstAdmin>,
    /// What signs access tokens.
    pub jwt: Generated<FreshKey>,
    /// What encrypts the provider keys in the database.
    pub master_key: Generated<SecretString>,
    /// The panel, where it is not the service's own.
    pub panel: Option<crd::Panel>,
    /// The service's probes, as far as they are set.
    pub probes: crd::Probes,
    /// Seconds that running requests get.
    pub drain_seconds: i64,
    /// Further variables.
    pub env: Vec<Variable>,
    /// What becomes of volume, keys and the database's password.
    pub deletion_policy: DeletionPolicy,
}

/// Resolves the spec against its profile's defaults and against what was observed.
pub fn validate(ud: &UltraDeployment, observed: &Observed, images: &Images) -> Result<Validated, Invalid> {
    let spec = &ud.spec;
    let profile = spec.profile.unwrap_or_default();
    let defaults = Defaults::of(profile);
    let auth = spec.auth.clone().unwrap_or_default();
    let image = spec.image.clone().unwrap_or_default();
    let name = ud.metadata.name.clone().ok_or(Invalid::NoIdentity("name"))?;
    Ok(Validated {
        database: database::database(ud, &name, &defaults, observed, images)?,
        cache: cache::cache(ud, &name, &defaults, observed, images)?,
        jwt: keys::jwt(&name, observed)?,
        master_key: keys::master_key(&name, observed)?,
        first_admin: auth::first_admin(&auth, observed)?,
        auth,
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
