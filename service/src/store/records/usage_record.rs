use time::{Date, OffsetDateTime, UtcOffset};
use uuid::Uuid;

use crate::domain::{Account, AnalysisId, ApiKeyId, Money, Operation, Outcome, Usage};

/// What one request used, and what that costs: an entry of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageRecord {
    /// Its own. With the day it makes the key, so that writing it again changes nothing.
    pub id: Uuid,
    /// When the request began.
    pub occurred_at: OffsetDateTime,
    /// Who pays.
    pub account: Account,
    /// The key that was used, where one was.
    pub key: Option<ApiKeyId>,
    /// What was asked for.
    pub operation: Operation,
    /// The analysis that came of it.
    pub analysis: Option<AnalysisId>,
    /// The tokens of all calls that were made for it.
    pub usage: Usage,
    /// What they cost.
    pub cost: Money,
    /// How it ended.
    pub outcome: Outcome,
    /// Whether the answer was a remembered one.
    pub cached: bool,
}

impl UsageRecord {
    /// The day that it counts for, in UTC.
    pub fn occurred_on(&self) -> Date {
        self.occurred_at.to_offset(UtcOffset::UTC).date()
    }
}
