//! Tokens that say nothing: API keys, refresh tokens and invites. The store keeps their hash only.

use std::fmt;

use rand::{RngExt as _, distr::Alphanumeric};
use secrecy::{ExposeSecret as _, SecretString};

use crate::store::TokenHash;

/// What a token is for; its first letters tell it, so that people and secret scanners recognize one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `uk_…`, an API key.
    ApiKey,
    /// `ur_…`, a refresh token.
    Refresh,
    /// `ui_…`, an invitation to register.
    Invite,
}

impl Kind {
    const fn prefix(self) -> &'static str {
        match self {
            Self::ApiKey => "uk_",
            Self::Refresh => "ur_",
            Self::Invite => "ui_",
        }
    }
}

/// A token that was parsed or made: its prefix and [`OpaqueToken::LETTERS`] random letters and digits, 238 bits.
#[derive(Clone)]
pub struct OpaqueToken(SecretString);

/// A text that has not the shape of such a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("has not the shape of such a token")]
pub struct Malformed;

impl OpaqueToken {
    const LETTERS: usize = 40;
    /// How much of a token may be shown, so that its owner can tell one from another: 48 bits of 238.
    const SHOWN: usize = 11;

    /// A new one, from the operating system's randomness.
    pub fn generate(kind: Kind) -> Self {
        let letters = rand::rng()
            .sample_iter(Alphanumeric)
            .take(Self::LETTERS)
            .map(char::from);
        let text: String = kind.prefix().chars().chain(letters).collect();
        Self(SecretString::from(text))
    }

    /// Checks the shape; whether anybody was given the token is for the store to say.
    pub fn parse(kind: Kind, text: &str) -> Result<Self, Malformed> {
        let letters = text.strip_prefix(kind.prefix()).ok_or(Malformed)?;
        let fits = letters.len() == Self::LETTERS && letters.bytes().all(|byte| byte.is_ascii_alphanumeric());
        fits.then(|| Self(SecretString::from(text))).ok_or(Malformed)
    }

    /// Whether the text claims to be of this kind.
    pub fn claims(kind: Kind, text: &str) -> bool {
        text.starts_with(kind.prefix())
    }

    /// The whole token, for its owner.
    pub fn secret(&self) -> &SecretString {
        &self.0
    }

    /// The part of it that may be shown.
    pub fn shown(&self) -> String {
        self.0.expose_secret().chars().take(Self::SHOWN).collect()
    }

    /// What the store knows it by.
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(self.0.expose_secret())
    }
}

impl fmt::Debug for OpaqueToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpaqueToken([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_token_parses_as_its_own_kind_only() {
        let token = OpaqueToken::generate(Kind::ApiKey);
        let text = token.secret().expose_secret();
        assert_eq!(text.len(), 43);
        let parsed = OpaqueToken::parse(Kind::ApiKey, text).unwrap();
        assert_eq!(parsed.hash(), token.hash());
        assert!(OpaqueToken::parse(Kind::Refresh, text).is_err());
        assert!(text.starts_with(&token.shown()) && token.shown().len() < text.len() / 2);
    }

    #[test]
    fn what_has_another_shape_is_refused() {
        let letters = "a".repeat(40);
        for text in [
            String::new(),
            "uk_".to_owned(),
            letters.clone(),
            format!("uk_{letters}a"),
            format!("uk_{}", &letters[1..]),
            format!("uk_{}-", &letters[1..]),
            format!("UK_{letters}"),
            format!(" uk_{letters}"),
        ] {
            assert!(OpaqueToken::parse(Kind::ApiKey, &text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_token_does_not_reach_a_log_by_accident() {
        let token = OpaqueToken::generate(Kind::Refresh);
        assert!(!format!("{token:?}").contains(&token.secret().expose_secret()[3..]));
    }
}
