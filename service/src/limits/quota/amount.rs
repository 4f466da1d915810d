use std::{
    ops::{Add, AddAssign, Sub},
    time::Duration,
};

use super::{Balance, rest_of_the_day};
use crate::{domain::Money, limits::Standing};

const DAY: Duration = Duration::from_secs(86_400);

/// Tokens, and what they cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amount {
    /// Read and written together.
    pub tokens: u64,
    /// What the calls cost.
    pub money: Money,
}

impl Amount {
    /// The most that Redis' scripts can count exactly; nobody comes near.
    const MOST: u64 = 1 << 53;

    /// The smaller of both, each for itself.
    pub(super) fn at_most(self, bound: Self) -> Self {
        Self {
            tokens: self.tokens.min(bound.tokens),
            money: self.money.min(bound.money),
        }
    }

    /// Within what can be counted.
    pub(super) fn countable(self) -> Self {
        self.at_most(Self {
            tokens: Self::MOST,
            money: Money::from_millionths(Self::MOST),
        })
    }
}

impl Add for Amount {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            tokens: self.tokens.saturating_add(other.tokens),
            money: Money::from_millionths(self.money.millionths().saturating_add(other.money.millionths())),
        }
    }
}

impl AddAssign for Amount {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

/// Never less than nothing.
impl Sub for Amount {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            tokens: self.tokens.saturating_sub(other.tokens),
            money: Money::from_millionths(self.money.millionths().saturating_sub(other.money.millionths())),
        }
    }
}

/// What may be used in a day; what is not limited is not there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::limits) struct Quota {
    pub(in crate::limits) tokens: Option<u64>,
    pub(in crate::limits) money: Option<Money>,
}

impl Quota {
    pub(in crate::limits) fn is_none(self) -> bool {
        self.tokens.is_none() && self.money.is_none()
    }

    pub(super) fn admits(self, amount: Amount) -> bool {
        self.tokens.is_none_or(|most| amount.tokens <= most)
            && self.money.is_none_or(|most| amount.money <= most)
    }

    /// What a caller is told of it.
    pub(in crate::limits) fn standings(self, balance: Balance) -> Vec<Standing> {
        let used = balance.spent + balance.held;
        let whole_in = rest_of_the_day();
        let standing = |name: &'static str, unit, limit: u64, used: u64| {
            let remaining = limit.saturating_sub(used);
            Standing {
                name,
                words: name,
                unit,
                limit,
                window: DAY,
                remaining,
                whole_in,
                next_in: if remaining == 0 { whole_in } else { Duration::ZERO },
            }
        };
        let tokens = self
            .tokens
            .map(|most| standing("tokens", "tokens", most, used.tokens));
        let money = self
            .money
            .map(|most| standing("money", "millionths", most.millionths(), used.money.millionths()));
        tokens.into_iter().chain(money).collect()
    }

    /// A replica's part of what is left beside `used`.
    pub(super) fn share(self, used: Amount, replicas: u32) -> Self {
        let part = |most: u64, used: u64| most.saturating_sub(used) / u64::from(replicas.max(1));
        Self {
            tokens: self.tokens.map(|most| part(most, used.tokens)),
            money: self
                .money
                .map(|most| Money::from_millionths(part(most.millionths(), used.money.millionths()))),
        }
    }
}
