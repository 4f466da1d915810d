//! Where analyses, accounts, sealed secrets and what was used are kept: the ports, what they keep (`records`), the statements that
//! both databases share (`sql`), and one file for each database. One contract suite runs against both.

mod account_store;
mod analysis_row;
mod counts;
mod error;
mod idempotency_store;
mod postgres;
mod records;
mod schema;
mod secret_store;
mod sql;
mod sqlite;
mod usage_store;

use std::sync::Arc;

use async_trait::async_trait;
use secrecy::SecretString;
use serde::Serialize;

pub use account_store::AccountStore;
pub use error::Error;
pub use idempotency_store::IdempotencyStore;
pub use postgres::Postgres;
pub use records::{
    Actor, ApiKeyRecord, AuditEntry, ChangeUser, CreateUser, DailyUsage, Digest, InvalidActor, Invite,
    KeptAnswer, Once, OnceClaim, Page, Revocation, Rotation, Sealed, SealedProviderKey, Session, TokenHash,
    UsageRecord, User, UserChange, WrappedKey,
};
pub use schema::Schema;
pub use secret_store::SecretStore;
pub use sqlite::Sqlite;
pub use usage_store::UsageStore;

use crate::{
    analyses::Analysis,
    config::{self, DatabaseTarget},
    domain::{Account, AnalysisId, UserId},
};

/// How a pool's connections are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PoolState {
    /// How many there are.
    pub size: u32,
    /// How many of them nobody uses.
    pub idle: u32,
    /// How many there may be.
    pub max: u32,
}

impl PoolState {
    fn of<DB: sqlx::Database>(pool: &sqlx::Pool<DB>) -> Self {
        Self {
            size: pool.size(),
            idle: u32::try_from(pool.num_idle()).unwrap_or(u32::MAX),
            max: pool.options().get_max_connections(),
        }
    }
}

/// Says whether the database is known to be lost, and how in one word, by who looks at it all the time.
pub type KnownLoss = Box<dyn Fn() -> Option<&'static str> + Send + Sync>;

/// What the service needs of a database.
#[async_trait]
pub trait Store: AccountStore + SecretStore + UsageStore + IdempotencyStore {
    /// Which database it is, for the health report.
    fn kind(&self) -> &'static str;

    /// Brings the schema up to date, and says whether it fits.
    async fn migrate(&self) -> Result<Schema, Error>;

    /// Says whether the schema fits, and changes nothing.
    async fn schema(&self) -> Result<Schema, Error>;

    /// Whether the database answers.
    async fn ping(&self) -> Result<(), Error>;

    /// Keeps an account's analysis. Keeping it again changes nothing, so that a lost answer can be followed by a retry.
    /// The analysis of a user who was erased in the meantime is refused.
    async fn save_analysis(&self, analysis: &Analysis, account: Account) -> Result<(), Error>;

    /// Finds an analysis of this account.
    async fn analysis(&self, id: AnalysisId, account: Account) -> Result<Option<Analysis>, Error>;

    /// How its connections are used.
    fn pool(&self) -> PoolState;

    /// A user's analyses, the newest first, without the answers of their stages.
    async fn analyses(&self, user: UserId, page: Page<AnalysisId>) -> Result<Vec<Analysis>, Error>;

    /// Removes an analysis of this account. False: there is none.
    async fn delete_analysis(&self, id: AnalysisId, account: Account) -> Result<bool, Error>;

    /// Uses this URL for each connection that is made from now on: those that there are end by themselves. Only who logs
    /// in and how may be another than before. Says whether the URL is another.
    fn take_over_url(&self, url: &SecretString) -> Result<bool, Error>;

    /// Asks this before each call about accounts, secrets and usage: nobody waits for a server that is known to be lost.
    /// One that is too slow for who looks is not, as long as it answers others. A database in the process never is.
    fn heed(&self, _: KnownLoss) {}

    /// Lets go of all connections.
    async fn close(&self);
}

/// The store that the configuration asks for. A server is not contacted yet: it may come later than the service.
pub async fn open(config: &config::Database) -> Result<Arc<dyn Store>, Error> {
    Ok(match &config.target {
        DatabaseTarget::Postgres(url) => Arc::new(Postgres::connect_lazily(url, config)?),
        DatabaseTarget::Sqlite(path) => Arc::new(Sqlite::open(path, config).await?),
    })
}
