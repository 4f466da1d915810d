//! Where analyses are kept: the port, and one file for each database. One contract suite runs against both.

mod error;
mod postgres;
mod row;
mod schema;
mod sqlite;

use std::sync::Arc;

use async_trait::async_trait;

pub use error::Error;
pub use postgres::Postgres;
pub use schema::Schema;
pub use sqlite::Sqlite;

use crate::{
    analyses::Analysis,
    config::{self, DatabaseTarget},
    domain::AnalysisId,
};

/// What the service needs of a database.
#[async_trait]
pub trait Store: Send + Sync {
    /// Which database it is, for the health report.
    fn kind(&self) -> &'static str;

    /// Brings the schema up to date, and says whether it fits.
    async fn migrate(&self) -> Result<Schema, Error>;

    /// Says whether the schema fits, and changes nothing.
    async fn schema(&self) -> Result<Schema, Error>;

    /// Whether the database answers.
    async fn ping(&self) -> Result<(), Error>;

    /// Keeps an analysis. Keeping it again changes nothing, so that a lost answer can be followed by a retry.
    async fn save_analysis(&self, analysis: &Analysis) -> Result<(), Error>;

    /// Finds an analysis.
    async fn analysis(&self, id: AnalysisId) -> Result<Option<Analysis>, Error>;

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
