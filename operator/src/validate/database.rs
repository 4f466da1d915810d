//! Where data is kept.

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
    versions,
};
use k8s_openapi::{api::core::v1::ResourceRequirements, apimachinery::pkg::api::resource::Quantity};
use kube::ResourceExt;
use secrecy::SecretString;

const POSTGRES_SECRET: Kind = Kind {
    keys: &["username", "password", "dbname", "uri"],
    anew: "whose password the database takes over",
};

/// Where data is kept.
#[derive(Clone, Debug)]
pub enum Database {
    /// In a Postgres of its own.
    Builtin(BuiltinPostgres),
    /// In one that someone else runs.
    External(ExternalPostgres),
}

/// A Postgres that someone else runs.
#[derive(Clone, Debug)]
pub struct ExternalPostgres {
    /// How it is reached.
    pub url: UrlSecret,
    /// Where the CA of its certificate is, which the URL names as a file. Each new connection reads it, so what it is
    /// rolls nothing.
    pub ca: Option<SecretKeyRef>,
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
    pub credentials: Generated<SecretString>,
}

/// The database that the spec asks for.
pub(super) fn database(
    ud: &UltraDeployment,
    name: &str,
    defaults: &Defaults,
    observed: &Observed,
    images: &Images,
) -> Result<Database, Invalid> {
    let profile = ud.spec.profile.unwrap_or_default();
    let crd::Database { builtin, external } = ud.spec.database.clone().unwrap_or_else(builtin_database);
    match (builtin, external) {
        (Some(_), None) if profile == Profile::Production => Err(Invalid::BuiltinInProduction {
            field: "database",
            instead: "`external: {urlSecretRef: {name: …, key: …}}` with a URL that ends in ?sslmode=verify-full",
        }),
        (Some(builtin), None) => {
            let credentials = generated(
                &names::postgres(name),
                &POSTGRES_SECRET,
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
        (None, Some(external)) => external_postgres(external, observed).map(Database::External),
        _ => Err(Invalid::NotExactlyOne {
            field: "database",
            alternatives: "builtin and external",
        }),
    }
}

fn external_postgres(
    external: crd::ExternalDatabase,
    observed: &Observed,
) -> Result<ExternalPostgres, Invalid> {
    let crd::ExternalDatabase {
        url_secret_ref,
        ca_secret_ref,
    } = external;
    if let Some(SecretKeyRef { name, key }) = &ca_secret_ref {
        referenced("database.external.caSecretRef", name, key, observed)?;
    }
    Ok(ExternalPostgres {
        url: url_secret("database.external.urlSecretRef", url_secret_ref, observed)?,
        ca: ca_secret_ref,
    })
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
