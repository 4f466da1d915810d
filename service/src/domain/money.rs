use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Visitor};

/// An amount of money, exact to a millionth: floating point would lose what a token costs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(u64);

/// A text that is no amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no amount; write digits with up to six after the point, such as 2.50")]
pub struct InvalidMoney;

impl Money {
    const SCALE: u64 = 1_000_000;
    const DECIMALS: usize = 6;

    /// So many millionths.
    pub fn from_millionths(millionths: u64) -> Self {
        Self(millionths)
    }

    /// The amount in millionths.
    pub fn millionths(self) -> u64 {
        self.0
    }
}

impl FromStr for Money {
    type Err = InvalidMoney;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        if !digits(whole) || !digits(fraction) || fraction.len() > Self::DECIMALS {
            return Err(InvalidMoney);
        }
        let whole: u64 = whole.parse().map_err(|_| InvalidMoney)?;
        let fraction: u64 = format!("{fraction:0<6}").parse().map_err(|_| InvalidMoney)?;
        let millionths = whole
            .checked_mul(Self::SCALE)
            .and_then(|whole| whole.checked_add(fraction));
        millionths.map(Self).ok_or(InvalidMoney)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fraction = format!("{:06}", self.0 % Self::SCALE);
        let shown = fraction.trim_end_matches('0');
        write!(f, "{}.{shown:0<2}", self.0 / Self::SCALE)
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

// By a visitor, so that an error in a configuration file names the line and column of this very amount.
impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Amount;

        impl Visitor<'_> for Amount {
            type Value = Money;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an amount in quotes, such as \"2.50\"")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Money, E> {
                text.parse()
                    .map_err(|problem| E::custom(format!("{text:?} {problem}")))
            }
        }

        deserializer.deserialize_str(Amount)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_to_a_millionth() {
        for (text, millionths, shown) in [
            ("2.50", 2_500_000, "2.50"),
            ("0.000001", 1, "0.000001"),
            ("0", 0, "0.00"),
            ("15", 15_000_000, "15.00"),
            ("0.075", 75_000, "0.075"),
        ] {
            let money: Money = text.parse().unwrap();
            assert_eq!(
                (money.millionths(), money.to_string().as_str()),
                (millionths, shown)
            );
            assert_eq!(shown.parse(), Ok(money));
        }
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in [
            "",
            ".",
            "1.",
            ".5",
            "-1",
            "+1",
            "1e3",
            "1,5",
            "0.0000001",
            "99999999999999999999",
            "1 ",
        ] {
            assert_eq!(text.parse::<Money>(), Err(InvalidMoney), "{text:?}");
        }
    }
}
