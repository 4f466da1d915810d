use std::time::Duration;

use async_trait::async_trait;
use time::Date;

use super::{Database, usage, usage_partitions};
use crate::{
    domain::Account,
    store::{DailyUsage, Error, UsageRecord, UsageStore},
};

#[async_trait]
impl<D: Database> UsageStore for D {
    async fn append_usage(&self, records: &[UsageRecord]) -> Result<(), Error> {
        usage::append(self, records).await
    }

    async fn usage_by_day(
        &self,
        account: Option<Account>,
        from: Date,
        to: Date,
    ) -> Result<Vec<DailyUsage>, Error> {
        usage::by_day(self, account, from, to).await
    }

    async fn prepare_usage(&self, from: Date, to: Date) -> Result<(), Error> {
        usage_partitions::prepare(self, from, to).await
    }

    async fn forget_usage(&self, kept: Duration) -> Result<u64, Error> {
        usage_partitions::forget(self, kept).await
    }
}
