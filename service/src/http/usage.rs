//! What was used, by day and model.

use std::collections::BTreeMap;

use axum::{
    Extension, Json,
    extract::{Query, State, rejection::QueryRejection},
};
use serde::{Deserialize, Serialize};
use time::{Date, Duration, OffsetDateTime};
use utoipa::{IntoParams, ToSchema};

use super::{Api, Problem, problem::ProblemBody};
use crate::{
    auth::Principal,
    domain::{Account, Money},
    limits::{Allowance, Left},
    store::DailyUsage,
};

time::serde::format_description!(iso_date, Date, "[year]-[month]-[day]");

/// How many days are told where nothing is said.
const DEFAULT_DAYS: i64 = 30;

/// The most days that are told at once.
const MOST_DAYS: i64 = 400;

/// Which days, in UTC. Both are told.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Days {
    /// The first; where nothing is said, 29 days before the last.
    #[serde(default, with = "iso_date::option")]
    #[param(value_type = Option<String>, format = Date, example = "2026-02-01")]
    from: Option<Date>,
    /// The last; today, where nothing is said. There are 400 days at most.
    #[serde(default, with = "iso_date::option")]
    #[param(value_type = Option<String>, format = Date, example = "2026-02-28")]
    to: Option<Date>,
}

/// What was used.
#[derive(Serialize, ToSchema)]
pub(super) struct UsageBody {
    /// The first day, in UTC.
    #[serde(with = "iso_date")]
    #[schema(value_type = String, format = Date)]
    from: Date,
    /// The last day.
    #[serde(with = "iso_date")]
    #[schema(value_type = String, format = Date)]
    to: Date,
    /// All of it together.
    total: Sum,
    /// By model, on all days together.
    models: Vec<ModelBody>,
    /// By day and model. What was used within the last second may be missing still.
    days: Vec<DayBody>,
}

/// What was used of one model.
#[derive(Serialize, ToSchema)]
struct ModelBody {
    /// The model, or `ultra` for the panel.
    #[schema(example = "ultra")]
    model: String,
    #[serde(flatten)]
    sum: Sum,
}

/// What was used of one model on one day.
#[derive(Serialize, ToSchema)]
struct DayBody {
    /// The day, in UTC.
    #[serde(with = "iso_date")]
    #[schema(value_type = String, format = Date)]
    day: Date,
    /// The model, or `ultra` for the panel.
    #[schema(example = "ultra")]
    model: String,
    #[serde(flatten)]
    sum: Sum,
}

/// Requests, and what they took.
#[derive(Default, Clone, Copy, Serialize, ToSchema)]
struct Sum {
    /// How many requests.
    requests: u64,
    /// Tokens that models read.
    input_tokens: u64,
    /// Tokens that models wrote.
    output_tokens: u64,
    /// What it costs, as a decimal number.
    #[schema(value_type = String, example = "0.012345")]
    cost: Money,
}

impl Sum {
    fn add(self, other: Self) -> Self {
        Self {
            requests: self.requests.saturating_add(other.requests),
            input_tokens: self.input_tokens.saturating_add(other.input_tokens),
            output_tokens: self.output_tokens.saturating_add(other.output_tokens),
            cost: self.cost + other.cost,
        }
    }
}

impl From<DailyUsage> for DayBody {
    fn from(used: DailyUsage) -> Self {
        Self {
            day: used.day,
            model: used.model,
            sum: Sum {
                requests: used.requests,
                input_tokens: used.usage.input_tokens,
                output_tokens: used.usage.output_tokens,
                cost: used.cost,
            },
        }
    }
}

impl Days {
    fn range(&self, today: Date) -> Result<(Date, Date), Problem> {
        let to = self.to.unwrap_or(today);
        let first = || to.checked_sub(Duration::days(DEFAULT_DAYS - 1)).unwrap_or(to);
        let from = self.from.unwrap_or_else(first);
        let days = (to - from).whole_days() + 1;
        if !(1..=MOST_DAYS).contains(&days) {
            let detail = format!("From {from} to {to} are {days} days; there can be 1 to {MOST_DAYS}.");
            return Err(Problem::bad_request("invalid-value", detail.clone()).at("/from", detail));
        }
        Ok((from, to))
    }

    /// What was used on these days: by an account, or by everybody.
    pub(super) async fn used(&self, api: &Api, account: Option<Account>) -> Result<UsageBody, Problem> {
        let (from, to) = self.range(OffsetDateTime::now_utc().date())?;
        let used = api.store.usage_by_day(account, from, to).await?;
        let days: Vec<_> = used.into_iter().map(DayBody::from).collect();
        let total = days.iter().map(|day| day.sum).fold(Sum::default(), Sum::add);
        Ok(UsageBody {
            from,
            to,
            total,
            models: by_model(&days),
            days,
        })
    }
}

fn by_model(days: &[DayBody]) -> Vec<ModelBody> {
    let mut models: BTreeMap<&str, Sum> = BTreeMap::new();
    for day in days {
        let sum = models.entry(&day.model).or_default();
        *sum = sum.add(day.sum);
    }
    models
        .into_iter()
        .map(|(model, sum)| ModelBody {
            model: model.to_owned(),
            sum,
        })
        .collect()
}

/// What one has used, and what is left of today's quota.
#[derive(Serialize, ToSchema)]
pub(super) struct OwnUsageBody {
    #[serde(flatten)]
    used: UsageBody,
    /// What may still be used today, in UTC. Requests under way count with the most that they can take.
    quota: QuotaBody,
}

/// What is left of a day's quota.
#[derive(Serialize, ToSchema)]
struct QuotaBody {
    /// Tokens; absent where they are not limited.
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens: Option<TokensLeft>,
    /// Money; absent where it is not limited.
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<CostLeft>,
    /// When the next day begins, in seconds.
    resets_in_seconds: u64,
}

/// Of so many tokens a day, so many are left.
#[derive(Serialize, ToSchema)]
struct TokensLeft {
    limit: u64,
    remaining: u64,
}

/// Of so much money a day, so much is left.
#[derive(Serialize, ToSchema)]
struct CostLeft {
    #[schema(value_type = String, example = "1.00")]
    limit: Money,
    #[schema(value_type = String, example = "0.75")]
    remaining: Money,
}

impl From<Left> for QuotaBody {
    fn from(left: Left) -> Self {
        Self {
            tokens: left
                .tokens
                .map(|(remaining, limit)| TokensLeft { limit, remaining }),
            cost: left.money.map(|(remaining, limit)| CostLeft { limit, remaining }),
            resets_in_seconds: left.resets_in.as_secs(),
        }
    }
}

/// Read what one has used, by day and model, and what is left of today.
#[utoipa::path(
    get,
    path = "/api/v1/usage",
    tag = "usage",
    params(Days),
    responses(
        (status = 200, description = "What was used.", body = OwnUsageBody),
        (status = 503, description = "The store is unavailable.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn read(
    State(api): State<Api>,
    principal: Principal,
    Extension(allowance): Extension<Allowance>,
    days: Result<Query<Days>, QueryRejection>,
) -> Result<Json<OwnUsageBody>, Problem> {
    let Query(days) = days?;
    let used = days.used(&api, Some(principal.account())).await?;
    let quota = allowance.left().await.into();
    Ok(Json(OwnUsageBody { used, quota }))
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;

    #[test]
    fn what_was_used_of_a_model_is_summed_over_all_days() {
        let used = |day, model: &str, requests| DayBody {
            day,
            model: model.to_owned(),
            sum: Sum {
                requests,
                cost: Money::from_millionths(requests),
                ..Sum::default()
            },
        };
        let (first, second) = (date!(2026 - 02 - 28), date!(2026 - 03 - 01));
        let days = [
            used(first, "ultra", 1),
            used(first, "m/a", 2),
            used(second, "ultra", 4),
        ];
        let seen: Vec<_> = by_model(&days)
            .into_iter()
            .map(|one| (one.model, one.sum.requests, one.sum.cost.millionths()))
            .collect();
        assert_eq!(seen, [("m/a".to_owned(), 2, 2), ("ultra".to_owned(), 5, 5)]);
    }

    #[test]
    fn the_last_thirty_days_are_told_where_nothing_is_said_and_no_more_than_fit() {
        let today = date!(2026 - 03 - 01);
        let range = |from, to| Days { from, to }.range(today).map_err(drop);
        assert_eq!(range(None, None), Ok((date!(2026 - 01 - 31), today)));
        let christmas = date!(2025 - 12 - 24);
        assert_eq!(range(Some(christmas), None), Ok((christmas, today)));
        assert_eq!(
            range(Some(christmas), Some(christmas)),
            Ok((christmas, christmas))
        );
        assert_eq!(
            range(None, Some(christmas)),
            Ok((date!(2025 - 11 - 25), christmas))
        );
        assert_eq!(
            range(Some(date!(2026 - 03 - 02)), None),
            Err(()),
            "the last before the first"
        );
        assert_eq!(range(Some(date!(2025 - 01 - 01)), None), Err(()), "too many");
    }
}
