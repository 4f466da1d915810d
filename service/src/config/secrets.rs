use std::{collections::BTreeSet, path::PathBuf};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::SecretString;

use super::{Default, Kind, Production, Shape, Variable, source::Source};
use crate::domain::is_known_secret;

pub(super) const MASTER_KEY: Variable = Variable {
    name: "ULTRA_MASTER_KEY",
    concern: "secrets",
    secret: true,
    shape: Shape::Pattern(
        r"^[A-Za-z0-9_-]{1,64}:[A-Za-z0-9+/]{43}=(,[A-Za-z0-9_-]{1,64}:[A-Za-z0-9+/]{43}=)*$",
    ),
    default: Default::Unset("no provider key can be kept in the database"),
    production: Production::Refuses("keys that can be guessed, such as the example"),
    example: "2026-01:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
    description: "The keys that encrypt the provider keys in the database: `id:base64` of 32 bytes, several separated \
                  by commas. The first encrypts, all decrypt. A file of it is watched.",
};

/// What protects the secrets that the service keeps for others.
#[derive(Debug, Clone)]
pub struct Secrets {
    /// `ULTRA_MASTER_KEY`.
    pub master_key: Option<SecretString>,
    /// `ULTRA_MASTER_KEY_FILE`, which [`Secrets::master_key`] was read from.
    pub master_key_file: Option<PathBuf>,
}

impl Secrets {
    pub(super) fn read(source: &mut Source) -> Self {
        let master_key = source.parse(&MASTER_KEY, |text| {
            let keys = parse(text)?;
            Ok::<_, String>((SecretString::from(text), keys))
        });
        if let Some((_, keys)) = &master_key
            && source.is_production()
            && keys.iter().any(can_be_guessed)
        {
            source.refuse_with(
                &MASTER_KEY,
                Kind::Refused,
                "holds a key that everybody could guess, which production refuses; make one with `openssl rand \
                 -base64 32`",
                None,
            );
        }
        Self {
            master_key: master_key.map(|(text, _)| text),
            master_key_file: source.file(&MASTER_KEY),
        }
    }
}

/// No message holds a part of the text: whoever leaves out the id begins with the key.
fn parse(text: &str) -> Result<Vec<[u8; 32]>, &'static str> {
    let mut ids = BTreeSet::new();
    let mut keys = Vec::new();
    for entry in text.split(',') {
        let (id, encoded) = entry
            .trim()
            .split_once(':')
            .ok_or("has an entry that is not id:base64")?;
        let fits = (1..=64).contains(&id.len())
            && id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if !fits {
            return Err("has an id that is not made of 1 to 64 letters, digits, - and _");
        }
        if !ids.insert(id) {
            return Err("has the same id twice");
        }
        let bytes = STANDARD
            .decode(encoded)
            .map_err(|_| "has a key that is not base64")?;
        let key = bytes
            .try_into()
            .map_err(|_| "has a key that is not 32 bytes long")?;
        if keys.contains(&key) {
            return Err("has the same key under two ids");
        }
        keys.push(key);
    }
    Ok(keys)
}

/// Zeros, a sequence, text that everybody knows, or a few bytes again and again.
fn can_be_guessed(key: &[u8; 32]) -> bool {
    let repeats = (1..=16).any(|period| key.iter().zip(&key[period..]).all(|(one, other)| one == other));
    repeats || std::str::from_utf8(key).is_ok_and(|text| is_known_secret(text.trim_end_matches('\0')))
}
