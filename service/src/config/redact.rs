//! What of a given value may be shown.

/// What stands where a secret was.
pub(super) const REDACTED: &str = "[redacted]";

/// More of a value says no more to whoever has to correct it.
const MAX_CHARS: usize = 200;

/// A value of a variable that holds no secret by itself: on one line, bounded, and without a URL's credentials and
/// query, which may hold some.
pub(super) fn shown(value: &str) -> String {
    let value = without_credentials(value);
    let mut text: String = value
        .chars()
        .take(MAX_CHARS)
        .flat_map(|c| {
            let escaped = c.is_control().then(|| c.escape_debug());
            let plain = escaped.is_none().then_some(c);
            escaped.into_iter().flatten().chain(plain)
        })
        .collect();
    if value.chars().nth(MAX_CHARS).is_some() {
        text.push('…');
    }
    text
}

/// The value of a `<NAME>_FILE` variable. Who mixes it up with `<NAME>` gives the secret itself, so that only what
/// plainly is a path is shown.
pub(super) fn shown_path(value: &str) -> String {
    if ["/", "./", "../"].iter().any(|start| value.starts_with(start)) {
        shown(value)
    } else {
        REDACTED.to_owned()
    }
}

/// A password may hold any character where its owner forgot to encode it, so that everything up to the last `@` counts.
fn without_credentials(value: &str) -> String {
    let Some((scheme, rest)) = value.split_once("://") else {
        return value.to_owned();
    };
    let rest = match rest.rsplit_once('@') {
        Some((_, after)) => format!("{REDACTED}@{after}"),
        None => rest.to_owned(),
    };
    let rest = match rest.split_once('?') {
        Some((before, _)) => format!("{before}?{REDACTED}"),
        None => rest,
    };
    format!("{scheme}://{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_urls_credentials_and_query_are_not_shown() {
        for (value, expected) in [
            ("https://u:pw@host/v1", "https://[redacted]@host/v1"),
            ("https://u:p@/w?x@host", "https://[redacted]@host"),
            (
                "https://a.example,https://u:pw@b.example",
                "https://[redacted]@b.example",
            ),
            ("https://host/v1?key=pw", "https://host/v1?[redacted]"),
            ("https://host/v1", "https://host/v1"),
            ("localhost:80", "localhost:80"),
        ] {
            assert_eq!(shown(value), expected);
        }
    }

    #[test]
    fn a_value_stays_on_its_line_and_short() {
        assert_eq!(shown("a\n  b\u{1b}[0m"), "a\\n  b\\u{1b}[0m");
        assert_eq!(shown(&"ä".repeat(300)), format!("{}…", "ä".repeat(200)));
    }

    #[test]
    fn a_secret_that_was_given_as_a_path_is_not_shown() {
        assert_eq!(shown_path("/run/secrets/key"), "/run/secrets/key");
        assert_eq!(shown_path("sk-live-1234"), REDACTED);
        assert_eq!(shown_path("redis://:pw@cache"), REDACTED);
    }
}
