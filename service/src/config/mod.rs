//! Everything that can be set, read once at the start. One file holds one concern: its struct, its variables and its
//! rules. Nothing else in the crate reads the environment.

mod auth;
mod cache;
mod database;
pub mod docs;
mod errors;
mod file;
mod http;
mod panel;
mod profile;
mod source;
mod telemetry;
mod variable;

use std::path::PathBuf;

pub use auth::Auth;
pub use cache::Cache;
pub use database::{Database, DatabaseTarget, Migrate};
pub use errors::{Error, Errors, Kind};
pub use http::Http;
pub use panel::Panel;
pub use profile::{Mode, Profile};
pub use telemetry::{LogFormat, Telemetry};
pub use variable::{Default, Variable};

use source::Source;

/// Every variable that the service reads, in the order of the documentation.
pub const VARIABLES: &[&Variable] = &[
    &profile::PROFILE,
    &profile::MODE,
    &file::CONFIG_FILE,
    &file::DATA_DIR,
    &http::LISTEN,
    &http::REQUEST_TIMEOUT,
    &http::DRAIN_TIMEOUT,
    &http::MAX_BODY_BYTES,
    &database::URL,
    &database::MIGRATE,
    &database::MAX_CONNECTIONS,
    &database::ACQUIRE_TIMEOUT,
    &cache::URL,
    &cache::CONNECT_TIMEOUT,
    &cache::RESPONSE_TIMEOUT,
    &cache::TTL,
    &cache::MAX_ENTRIES,
    &auth::ANONYMOUS,
    &telemetry::LOG_FORMAT,
    &telemetry::RUST_LOG,
];

/// The whole configuration, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// Which set of defaults and rules applies.
    pub profile: Profile,
    /// Whether providers are stand-ins or real.
    pub mode: Mode,
    /// Where the service keeps what it stores by itself.
    pub data_dir: PathBuf,
    /// The listener and what bounds a request.
    pub http: Http,
    /// Where analyses are kept.
    pub database: Database,
    /// Where answers are remembered.
    pub cache: Cache,
    /// Who may ask.
    pub auth: Auth,
    /// Which models answer, and under which bounds.
    pub panel: Panel,
    /// What the service tells about itself.
    pub telemetry: Telemetry,
}

impl Config {
    /// Parses and validates everything, and reports all that is wrong at once. Apart from the given variables it
    /// reads only the files that they name: `ULTRA_CONFIG_FILE`, `DATABASE_URL_FILE`, `REDIS_URL_FILE`.
    pub fn from_env(vars: impl IntoIterator<Item = (String, String)>) -> Result<Self, Errors> {
        let mut source = Source::new(vars);
        source.refuse_unknown(VARIABLES);

        let profile = profile::read_profile(&mut source);
        let mode = profile::read_mode(&mut source, profile);
        let data_dir = file::read_data_dir(&mut source);
        let http = Http::read(&mut source, profile);
        let database = Database::read(&mut source, data_dir.as_deref(), profile);
        let cache = Cache::read(&mut source);
        let auth = Auth::read(&mut source);
        let panel = file::read(&mut source);
        let telemetry = Telemetry::read(&mut source, profile);
        if let (Some(http), Some(panel)) = (&http, &panel) {
            http.check_against_panel(panel, &mut source);
        }

        let config = (|| {
            Some(Self {
                profile: profile?,
                mode: mode?,
                data_dir: data_dir?,
                http: http?,
                database: database?,
                cache: cache?,
                auth: auth?,
                panel: panel?,
                telemetry: telemetry?,
            })
        })();
        source.finish(config)
    }
}

#[cfg(test)]
mod tests;
