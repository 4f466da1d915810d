//! Everything that can be set, read once at the start. One file holds one concern: its struct, its variables and its
//! rules. Nothing else in the crate reads the environment.

mod auth;
mod cache;
mod cors;
mod database;
pub mod docs;
mod dotenv;
mod effective;
mod errors;
mod fallbacks;
mod file;
mod http;
mod ledger;
mod limits;
mod mock;
mod offered;
mod panel;
mod prices;
mod profile;
mod provider_bounds;
mod providers;
mod redact;
pub mod schema;
mod secrets;
mod server;
mod source;
mod telemetry;
mod tiers;
mod variable;
mod yaml;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::{Path, PathBuf},
};

pub use auth::{Auth, FirstAdmin, LONGEST_ACCESS_TOKEN_TTL, PasswordHashing, Registration};
pub use cache::Cache;
pub use cache::cache_url_in;
pub use cors::{Cors, Origins};
pub use database::{Database, DatabaseTarget, Migrate, database_url_in};
pub use effective::show;
pub use errors::{Error, Errors, Kind};
pub use http::Http;
pub use ledger::Ledger;
pub use limits::Limits;
pub use mock::{MockFailure, MockModel};
pub use panel::Panel;
pub use prices::{LongPrompts, Price};
pub use profile::{Mode, Profile};
pub use provider_bounds::ProviderBounds;
pub use providers::{KeySource, Provider, ProviderKind};
pub use secrets::Secrets;
pub use source::Origin;
pub use telemetry::{LogFormat, Telemetry};
pub use tiers::Tier;
pub use variable::{Default, Production, Shape, Variable};

use crate::domain::ModelId;
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
    &http::MAX_CONNECTIONS,
    &http::TRUSTED_PROXIES,
    &cors::ORIGINS,
    &cors::CREDENTIALS,
    &database::URL,
    &database::MIGRATE,
    &database::MAX_CONNECTIONS,
    &database::MIN_CONNECTIONS,
    &database::IDLE_TIMEOUT,
    &database::MAX_LIFETIME,
    &database::ACQUIRE_TIMEOUT,
    &database::STATEMENT_TIMEOUT,
    &ledger::SPOOL_SIZE,
    &ledger::RETENTION,
    &cache::URL,
    &cache::CONNECT_TIMEOUT,
    &cache::RESPONSE_TIMEOUT,
    &cache::TTL,
    &cache::MAX_BYTES,
    &cache::CA_FILE,
    &limits::REPLICAS,
    &limits::REFUSED_PER_ADDRESS,
    &auth::ANONYMOUS,
    &auth::REGISTRATION,
    &auth::ISSUER,
    &auth::AUDIENCE,
    &auth::ACCESS_TOKEN_TTL,
    &auth::REFRESH_TOKEN_TTL,
    &auth::JWT_KEYS_DIR,
    &auth::ADMIN_EMAIL,
    &auth::ADMIN_PASSWORD,
    &auth::PASSWORD_MEMORY,
    &auth::PASSWORD_ITERATIONS,
    &auth::TRIES_PER_ACCOUNT,
    &auth::TRIES_PER_ADDRESS,
    &secrets::MASTER_KEY,
    &providers::OPENAI_API_KEY,
    &providers::OPENAI_BASE_URL,
    &providers::ANTHROPIC_API_KEY,
    &providers::ANTHROPIC_BASE_URL,
    &providers::GEMINI_API_KEY,
    &providers::GEMINI_BASE_URL,
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
    /// What was used, and for how long it is kept.
    pub ledger: Ledger,
    /// Where answers are remembered.
    pub cache: Cache,
    /// What bounds callers beside their tiers.
    pub limits: Limits,
    /// Who may ask, and how they prove it.
    pub auth: Auth,
    /// What protects the secrets that the service keeps for others.
    pub secrets: Secrets,
    /// Which models answer, and under which bounds.
    pub panel: Panel,
    /// Who runs models.
    pub providers: Vec<Provider>,
    /// How stand-ins behave.
    pub mock: BTreeMap<ModelId, MockModel>,
    /// Who is asked where a model cannot answer, in this order.
    pub fallbacks: BTreeMap<ModelId, Vec<ModelId>>,
    /// How much accounts may use, by the tier's name.
    pub tiers: BTreeMap<String, Tier>,
    /// What models cost.
    pub prices: BTreeMap<ModelId, Price>,
    /// What the service tells about itself.
    pub telemetry: Telemetry,
}

impl Config {
    /// Parses and validates everything, and reports all that is wrong at once. Apart from the given variables it
    /// reads only the files that they name: `ULTRA_CONFIG_FILE`, those of secrets, the key ring, and certificates.
    pub fn from_env(vars: impl IntoIterator<Item = (String, String)>) -> Result<Self, Errors> {
        Self::load(vars, None)
    }

    /// As [`Config::from_env`], with a `.env` file as the layer below the variables. It may be missing; production
    /// reads none.
    pub fn load(
        vars: impl IntoIterator<Item = (String, String)>,
        dotenv: Option<&Path>,
    ) -> Result<Self, Errors> {
        let mut source = Source::new(vars);
        let config = Self::read(&mut source, dotenv);
        source.finish(config)
    }

    /// Only where the service listens, for whoever looks after a running one: what has become of its other variables'
    /// files since is no reason to end it.
    pub fn listen_address(
        vars: impl IntoIterator<Item = (String, String)>,
        dotenv: Option<&Path>,
    ) -> Result<SocketAddr, Errors> {
        let mut source = Source::new(vars);
        read_profile(&mut source, dotenv);
        let address = http::read_listen(&mut source);
        source.finish(address)
    }

    /// The names of the providers that there are or can be: those of the configuration, and those that are built in.
    pub fn provider_names(&self) -> BTreeSet<String> {
        let configured = self.providers.iter().map(|provider| provider.name.clone());
        configured
            .chain(providers::built_in_names().map(str::to_owned))
            .collect()
    }

    fn read(source: &mut Source, dotenv: Option<&Path>) -> Option<Self> {
        let profile = read_profile(source, dotenv);
        source.refuse_unknown(VARIABLES);
        source.refuse_missing(VARIABLES);

        let mode = profile::read_mode(source);
        let data_dir = file::read_data_dir(source);
        let http = Http::read(source);
        let database = Database::read(source, data_dir.as_deref());
        let ledger = Ledger::read(source);
        let cache = Cache::read(source);
        let limits = Limits::read(source);
        let auth = Auth::read(source, data_dir.as_deref());
        let secrets = Secrets::read(source);
        let file = file::read(source, mode.unwrap_or(Mode::Mock));
        let telemetry = Telemetry::read(source);
        if let (Some(http), Some(file)) = (&http, &file) {
            http.check_against_panel(&file.panel, source);
        }
        if let (Some(Mode::Real), Some(file)) = (mode, &file)
            && file.providers.is_empty()
        {
            let problem = "needs a provider: give a key, such as OPENAI_API_KEY, or name one under `providers` in \
                           ULTRA_CONFIG_FILE";
            source.invalid(&profile::MODE, problem);
        }
        if let (Some(auth), Some(mode), Some(http)) = (&auth, mode, &http) {
            auth.check_against_listener(mode, http, source);
        }

        let file = file?;
        Some(Self {
            profile: profile?,
            mode: mode?,
            data_dir: data_dir?,
            http: http?,
            database: database?,
            ledger: ledger?,
            cache: cache?,
            limits: limits?,
            auth: auth?,
            secrets,
            panel: file.panel,
            providers: file.providers,
            mock: file.mock,
            fallbacks: file.fallbacks,
            tiers: file.tiers,
            prices: file.prices,
            telemetry: telemetry?,
        })
    }
}

/// The profile, which says what applies to everything after it.
fn read_profile(source: &mut Source, dotenv: Option<&Path>) -> Option<Profile> {
    if let Some(path) = dotenv {
        dotenv::layer(source, path);
    }
    let profile = profile::read_profile(source);
    source.set_profile(profile);
    profile
}

#[cfg(test)]
mod tests;
