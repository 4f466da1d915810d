use std::time::Duration;

use async_trait::async_trait;
use time::Date;

use super::{
    Error,
    records::{DailyUsage, UsageRecord},
};
use crate::domain::Account;

/// The ledger: who used what, and what it cost.
#[async_trait]
pub trait UsageStore: Send + Sync {
    /// Adds all of these records or none. One that is there already stays as it is, so that a lost answer can be
    /// followed by a retry. What a user used who is erased by now is nobody's in particular.
    async fn append_usage(&self, records: &[UsageRecord]) -> Result<(), Error>;

    /// What was used from the first day to the last, by day and model: an account's, or everybody's.
    async fn usage_by_day(
        &self,
        account: Option<Account>,
        from: Date,
        to: Date,
    ) -> Result<Vec<DailyUsage>, Error>;

    /// Makes room for the months from one day's to another's, so that no record has to wait for it.
    async fn prepare_usage(&self, from: Date, to: Date) -> Result<(), Error>;

    /// Removes what was used longer ago than this by the database's clock: in Postgres the months that ended by then. Says
    /// how many rows or months.
    async fn forget_usage(&self, kept: Duration) -> Result<u64, Error>;
}
