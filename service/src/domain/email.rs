use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An email address, in lower case: two spellings of one mailbox are one account.
///
/// Of RFC 5321's mailboxes it takes those that people have: a dot-string of printable ASCII, `@`, and a domain name.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, format = Email, max_length = 254, example = "ada@example.com")]
pub struct Email(Arc<str>);

/// A text that is no email address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is no email address; write it as name@example.com")]
pub struct InvalidEmail;

impl Email {
    /// The longest address that fits RFC 5321's path.
    const MAX_BYTES: usize = 254;
    const MAX_LOCAL_BYTES: usize = 64;

    /// The address, in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Email {
    type Err = InvalidEmail;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (local, domain) = text.rsplit_once('@').ok_or(InvalidEmail)?;
        let fits = text.len() <= Self::MAX_BYTES && local.len() <= Self::MAX_LOCAL_BYTES;
        if fits && is_dot_string(local) && is_domain(domain) {
            Ok(Self(text.to_ascii_lowercase().into()))
        } else {
            Err(InvalidEmail)
        }
    }
}

fn is_dot_string(local: &str) -> bool {
    const SPECIAL: &[u8] = b"!#$%&'*+-/=?^_`{|}~";
    local.split('.').all(|atom| {
        !atom.is_empty()
            && atom
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || SPECIAL.contains(&byte))
    })
}

fn is_domain(domain: &str) -> bool {
    domain.contains('.')
        && domain.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
}

impl TryFrom<String> for Email {
    type Error = InvalidEmail;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Email> for String {
    fn from(email: Email) -> Self {
        email.0.as_ref().to_owned()
    }
}

// An address is personal data and must not reach a log by way of a `{:?}`.
impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_spellings_of_an_address_are_one() {
        let email: Email = "Ada.Lovelace+ultra@Example.COM".parse().unwrap();
        assert_eq!(email.as_str(), "ada.lovelace+ultra@example.com");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long = format!("{}@example.com", "a".repeat(65));
        for text in [
            "",
            "ada",
            "@example.com",
            "ada@",
            "ada@localhost",
            "ada@-example.com",
            "ada@example..com",
            ".ada@example.com",
            "ada lovelace@example.com",
            "ada@example.com\n",
            "ädä@example.com",
            "\"ada\"@example.com",
            long.as_str(),
        ] {
            assert_eq!(text.parse::<Email>(), Err(InvalidEmail), "{text:?}");
        }
    }

    #[test]
    fn an_address_does_not_reach_a_log_by_accident() {
        let email: Email = "ada@example.com".parse().unwrap();
        assert!(!format!("{email:?}").contains("ada"));
    }
}
