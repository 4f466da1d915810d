use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer, de::Error as _};

use super::is_known_secret;

/// A password that may be set: long enough, bounded, and none that everybody tries first. A password that is merely
/// checked against an account is a [`SecretString`], because older rules may have allowed it.
#[derive(Debug, Clone)]
pub struct Password(SecretString);

/// Why a text is no password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPassword {
    /// Shorter than [`Password::MIN_CHARS`].
    #[error(
        "the password is too short; write at least {} characters",
        Password::MIN_CHARS
    )]
    TooShort,
    /// Longer than [`Password::MAX_BYTES`].
    #[error("the password is too long; {} bytes are allowed", Password::MAX_BYTES)]
    TooLong,
    /// One that everybody tries first.
    #[error("the password is one that everybody tries first; choose another")]
    Known,
}

impl Password {
    /// Length is what makes a password strong; NIST SP 800-63B asks for no classes of characters.
    pub const MIN_CHARS: usize = 12;
    /// Bounds what hashing costs.
    pub const MAX_BYTES: usize = 1_024;

    /// Checks the text once.
    pub fn parse(text: SecretString) -> Result<Self, InvalidPassword> {
        let exposed = text.expose_secret();
        if exposed.chars().count() < Self::MIN_CHARS {
            Err(InvalidPassword::TooShort)
        } else if exposed.len() > Self::MAX_BYTES {
            Err(InvalidPassword::TooLong)
        } else if is_known_secret(exposed) {
            Err(InvalidPassword::Known)
        } else {
            Ok(Self(text))
        }
    }

    /// The text, for the hash function.
    pub fn secret(&self) -> &SecretString {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Password {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(SecretString::from(text)).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_long_bounded_and_not_everybodys_first_guess() {
        let parse = |text: &str| Password::parse(SecretString::from(text)).map(drop);
        assert_eq!(parse("correct horse battery staple"), Ok(()));
        assert_eq!(parse("zwölf Zeichen"), Ok(()));
        assert_eq!(parse("ääääääääääa"), Err(InvalidPassword::TooShort));
        assert_eq!(parse(&"x1".repeat(513)), Err(InvalidPassword::TooLong));
        assert_eq!(parse("Password1234"), Err(InvalidPassword::Known));
        assert_eq!(parse("aaaaaaaaaaaa"), Err(InvalidPassword::Known));
    }

    #[test]
    fn no_message_shows_the_password() {
        let error = serde_json::from_str::<Password>("\"hunter2\"").unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
        let password = Password::parse(SecretString::from("correct horse battery staple")).unwrap();
        assert!(!format!("{password:?}").contains("horse"));
    }
}
