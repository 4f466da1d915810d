use std::sync::Arc;

use async_trait::async_trait;
use time::Date;

use crate::{
    domain::{Account, UserId},
    limits::{Amount, SpentToday, TierOf},
    store::{self, Store},
};

/// What limits are counted by, as the store has it.
pub(super) struct Stored(pub(super) Arc<dyn Store>);

#[async_trait]
impl TierOf for Stored {
    async fn tier_of(&self, user: UserId) -> Result<Option<String>, store::Error> {
        let user = self.0.user(user).await?;
        Ok(user.map(|user| user.tier.to_string()))
    }
}

#[async_trait]
impl SpentToday for Stored {
    async fn spent(&self, account: Account, day: Date) -> Result<Amount, store::Error> {
        let used = self.0.usage_by_day(Some(account), day, day).await?;
        let amounts = used.iter().map(|used| Amount {
            tokens: used.usage.total(),
            money: used.cost,
        });
        Ok(amounts.fold(Amount::default(), |sum, amount| sum + amount))
    }
}
