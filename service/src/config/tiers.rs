use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::yaml::{Problem, key};
use crate::domain::Money;

/// How much an account may use: a tier of `ULTRA_CONFIG_FILE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tier {
    /// Requests of any kind, `requestsPerMinute`.
    pub requests_per_minute: u32,
    /// Requests with one and the same key, `requestsPerMinutePerKey`; without it a key may use up what the account has.
    pub requests_per_minute_per_key: Option<u32>,
    /// Panels, which cost many calls each, `panelsPerMinute`.
    pub panels_per_minute: u32,
    /// `tokensPerDay`; without it tokens are not limited.
    pub tokens_per_day: Option<u64>,
    /// `moneyPerDay`; without it money is not limited.
    pub money_per_day: Option<Money>,
}

/// How much the accounts of a tier may use. What is left out is as in the built-in tier of the same name.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    rename_all = "camelCase",
    expecting = "keys such as requestsPerMinute"
)]
pub(super) struct TierFile {
    /// Requests of any kind.
    #[schemars(range(min = 1, max = 1_000_000), example = 300)]
    requests_per_minute: Option<u32>,
    /// Requests with one and the same API key, so that one program leaves something to the others. Default: not limited.
    #[schemars(range(min = 1, max = 1_000_000), example = 100)]
    requests_per_minute_per_key: Option<u32>,
    /// Panels, which cost many calls each.
    #[schemars(range(min = 1, max = 1_000_000), example = 60)]
    panels_per_minute: Option<u32>,
    /// Tokens of prompts and answers together. Default: not limited.
    #[schemars(range(min = 1), example = 2_000_000)]
    tokens_per_day: Option<u64>,
    /// What the calls may cost, as a decimal number in quotes. Default: not limited.
    #[schemars(with = "Option<String>", example = &"5.00")]
    money_per_day: Option<Money>,
}

impl Tier {
    /// The built-in tier of whoever has no other.
    pub const FREE: Self = Self::built_in(60, 10);

    const fn built_in(requests_per_minute: u32, panels_per_minute: u32) -> Self {
        Self {
            requests_per_minute,
            requests_per_minute_per_key: None,
            panels_per_minute,
            tokens_per_day: None,
            money_per_day: None,
        }
    }
}

const BUILT_IN: [(&str, Tier); 4] = [
    ("free", Tier::FREE),
    ("basic", Tier::built_in(300, 60)),
    ("premium", Tier::built_in(1_000, 120)),
    ("enterprise", Tier::built_in(5_000, 600)),
];

const MOST: u32 = 1_000_000;

/// The built-in tiers, as the file changes and completes them.
pub(super) fn read(file: BTreeMap<String, TierFile>) -> (BTreeMap<String, Tier>, Vec<Problem>) {
    let mut problems = Vec::new();
    let mut tiers: BTreeMap<String, Tier> = BUILT_IN
        .into_iter()
        .map(|(name, tier)| (name.to_owned(), tier))
        .collect();
    for (name, entry) in file {
        let at = key("tiers").key(&name);
        let base = tiers.get(&name).copied();
        let requests = entry
            .requests_per_minute
            .or(base.map(|tier| tier.requests_per_minute));
        let panels = entry
            .panels_per_minute
            .or(base.map(|tier| tier.panels_per_minute));
        let (Some(requests_per_minute), Some(panels_per_minute)) = (requests, panels) else {
            let text = "is a tier of its own and needs both requestsPerMinute and panelsPerMinute";
            problems.push(Problem::new(at, text.to_owned()));
            continue;
        };
        let requests_per_minute_per_key = entry
            .requests_per_minute_per_key
            .or(base.and_then(|tier| tier.requests_per_minute_per_key));
        let per_key = requests_per_minute_per_key.map(|limit| ("requestsPerMinutePerKey", limit));
        let parts = per_key
            .into_iter()
            .chain([("panelsPerMinute", panels_per_minute)]);
        for (field, given) in std::iter::once(("requestsPerMinute", requests_per_minute)).chain(parts.clone())
        {
            if !(1..=MOST).contains(&given) {
                let text = format!("is out of range; 1 to {MOST} is allowed");
                problems.push(Problem::new(at.clone().key(field), text));
            }
        }
        for (field, given) in parts {
            if given > requests_per_minute {
                let text = format!("exceeds requestsPerMinute, which is {requests_per_minute}");
                problems.push(Problem::new(at.clone().key(field), text));
            }
        }
        if entry.tokens_per_day == Some(0) {
            let text = "is out of range; 1 or more is allowed, and none where tokens are not limited";
            problems.push(Problem::new(at.key("tokensPerDay"), text.to_owned()));
        }
        let tier = Tier {
            requests_per_minute,
            requests_per_minute_per_key,
            panels_per_minute,
            tokens_per_day: entry.tokens_per_day,
            money_per_day: entry.money_per_day,
        };
        tiers.insert(name, tier);
    }
    (tiers, problems)
}
