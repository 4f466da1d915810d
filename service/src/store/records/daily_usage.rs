use time::Date;

use crate::domain::{Money, Usage};

/// What was used on one day (UTC) of one model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DailyUsage {
    /// The day.
    pub day: Date,
    /// The model's full name, or `ultra` for the panel.
    pub model: String,
    /// How many requests.
    pub requests: u64,
    /// What they took.
    pub usage: Usage,
    /// What that cost.
    pub cost: Money,
}
