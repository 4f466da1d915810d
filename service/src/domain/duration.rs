use std::time::Duration;

const NANOS: [(&str, u128); 7] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60 * 1_000_000_000),
    ("h", 3_600 * 1_000_000_000),
];

/// Reads a duration in Go's grammar (`720h`, `1h30m`, `1.5s`, `250ms`): the one that CEL's `duration()` checks in
/// the `UltraDeployment` resource, so that a value can be moved between resource and environment unchanged.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    const SHAPE: &str = "is no duration; write numbers with units, such as 1h30m, 15m, 5s or 250ms";
    let mut rest = text;
    let mut nanos: u128 = 0;
    if rest.is_empty() {
        return Err(SHAPE.to_owned());
    }
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let unit_end = tail
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let Some((_, scale)) = NANOS.iter().find(|(name, _)| *name == unit) else {
            return Err(if unit.is_empty() {
                format!("has no unit after {number}; write {number}s for seconds")
            } else {
                format!("has the unknown unit {unit:?}; the units are ns, us, ms, s, m and h")
            });
        };
        nanos = scaled(number, *scale)
            .and_then(|part| nanos.checked_add(part))
            .ok_or(SHAPE)?;
        rest = tail;
    }
    // Go holds durations in a signed 64-bit count of nanoseconds, about 292 years.
    let nanos = u64::try_from(nanos)
        .ok()
        .filter(|nanos| i64::try_from(*nanos).is_ok());
    nanos
        .map(Duration::from_nanos)
        .ok_or_else(|| "is longer than 290 years".to_owned())
}

fn scaled(number: &str, scale: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    let whole = if whole.is_empty() {
        0
    } else {
        whole.parse::<u128>().ok()?
    };
    let mut nanos = whole.checked_mul(scale)?;
    let mut step = scale;
    for digit in fraction.chars() {
        step /= 10;
        nanos = nanos.checked_add(u128::from(digit.to_digit(10)?) * step)?;
    }
    Some(nanos)
}

/// Writes a duration so that [`parse_duration`] reads the same value back.
pub fn format_duration(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    if nanos == 0 {
        return "0s".to_owned();
    }
    let units = [
        ("h", 3_600_000_000_000),
        ("m", 60_000_000_000),
        ("s", 1_000_000_000),
        ("ms", 1_000_000),
    ];
    let mut text = String::new();
    let mut rest = nanos;
    for (unit, scale) in units {
        if rest >= scale {
            text.push_str(&format!("{}{unit}", rest / scale));
            rest %= scale;
        }
    }
    if rest > 0 {
        text.push_str(&format!("{rest}ns"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_durations_are_read() {
        for (text, millis) in [
            ("5s", 5_000),
            ("250ms", 250),
            ("1h30m", 5_400_000),
            ("1.5s", 1_500),
            (".5s", 500),
            ("0s", 0),
            ("720h", 2_592_000_000),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_with_a_reason() {
        for text in [
            "",
            "5",
            "s",
            "5 s",
            "-5s",
            "1d",
            "5s3",
            "1.2.3s",
            ".s",
            "999999999999999h",
        ] {
            assert!(parse_duration(text).is_err(), "{text:?} was read");
        }
        assert_eq!(
            parse_duration("5").unwrap_err(),
            "has no unit after 5; write 5s for seconds"
        );
    }

    #[test]
    fn a_written_duration_reads_back_the_same() {
        for nanos in [
            0,
            1,
            999_999,
            1_500_000_000,
            5_400_000_000_000,
            90_061_001_000_001,
        ] {
            let duration = Duration::from_nanos(nanos);
            assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
        }
    }
}
