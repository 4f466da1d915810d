use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use secrecy::SecretString;
use url::Url;

use super::{Default, Profile, Variable, source::Source};

pub(super) const URL: Variable = Variable {
    name: "DATABASE_URL",
    concern: "database",
    secret: true,
    default: Default::Unset("SQLite, embedded, in `ULTRA_DATA_DIR`"),
    example: "postgres://ultra:password@localhost:5432/ultra",
    description: "The PostgreSQL database that keeps the analyses.",
};

pub(super) const MIGRATE: Variable = Variable {
    name: "ULTRA_DATABASE_MIGRATE",
    concern: "database",
    secret: false,
    default: Default::Depends("auto in development, else check"),
    example: "auto",
    description: "auto: bring the schema up to date at the start. check: only look, and stay unready while the \
                  schema is too old.",
};

pub(super) const MAX_CONNECTIONS: Variable = Variable {
    name: "ULTRA_DATABASE_MAX_CONNECTIONS",
    concern: "database",
    secret: false,
    default: Default::Value("10"),
    example: "20",
    description: "The most connections that one replica holds.",
};

pub(super) const ACQUIRE_TIMEOUT: Variable = Variable {
    name: "ULTRA_DATABASE_ACQUIRE_TIMEOUT",
    concern: "database",
    secret: false,
    default: Default::Value("5s"),
    example: "5s",
    description: "How long a request waits for a connection.",
};

/// Where analyses are kept.
#[derive(Debug, Clone)]
pub struct Database {
    /// The database itself.
    pub target: DatabaseTarget,
    /// Who brings the schema up to date: `ULTRA_DATABASE_MIGRATE`.
    pub migrate: Migrate,
    /// `ULTRA_DATABASE_MAX_CONNECTIONS`.
    pub max_connections: u32,
    /// `ULTRA_DATABASE_ACQUIRE_TIMEOUT`.
    pub acquire_timeout: Duration,
}

/// Which database.
#[derive(Debug, Clone)]
pub enum DatabaseTarget {
    /// A server: `DATABASE_URL`.
    Postgres(SecretString),
    /// A file in `ULTRA_DATA_DIR`.
    Sqlite(PathBuf),
}

/// What to do about the schema at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Migrate {
    /// Bring it up to date.
    Auto,
    /// Only look whether it is new enough.
    Check,
}

impl Database {
    pub(super) fn read(
        source: &mut Source,
        data_dir: Option<&Path>,
        profile: Option<Profile>,
    ) -> Option<Self> {
        let url_given = source.is_set(&URL);
        let url = source.parse(&URL, |text| check_url(text, &["postgres", "postgresql"]));
        let migrate = match source.text(&MIGRATE).as_deref() {
            Some("auto") => Some(Migrate::Auto),
            Some("check") => Some(Migrate::Check),
            Some(_) => {
                source.invalid(&MIGRATE, "is neither auto nor check");
                None
            }
            None if profile == Some(Profile::Development) => Some(Migrate::Auto),
            None => Some(Migrate::Check),
        };
        let max_connections = source.number(&MAX_CONNECTIONS, 1, 1_000);
        let acquire_timeout = source.duration(
            &ACQUIRE_TIMEOUT,
            Duration::from_millis(10),
            Duration::from_secs(60),
        );
        let target = match url {
            Some(url) => DatabaseTarget::Postgres(url),
            None if url_given => return None,
            None => DatabaseTarget::Sqlite(data_dir?.join("ultra.db")),
        };
        Some(Self {
            target,
            migrate: migrate?,
            max_connections: max_connections?,
            acquire_timeout: acquire_timeout?,
        })
    }
}

/// Checks a URL's scheme and host without showing the URL, which holds a password.
pub(super) fn check_url(text: &str, schemes: &[&str]) -> Result<SecretString, String> {
    let url = Url::parse(text).map_err(|error| format!("is no URL: {error}"))?;
    if !schemes.contains(&url.scheme()) {
        return Err(format!(
            "has the scheme {:?}; {} is needed",
            url.scheme(),
            schemes.join(" or ")
        ));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err("names no host".to_owned());
    }
    Ok(SecretString::from(text))
}
