use std::path::PathBuf;

use secrecy::SecretString;

use super::{Default, Kind, Production, Shape, Variable, source::Source};
use crate::secrets::MasterKeys;

pub(super) const MASTER_KEY: Variable = Variable {
    name: "ULTRA_MASTER_KEY",
    concern: "secrets",
    secret: true,
    shape: Shape::Pattern(
        r"^[A-Za-z0-9._-]{1,32}:[A-Za-z0-9+/]{43}=(,[A-Za-z0-9._-]{1,32}:[A-Za-z0-9+/]{43}=)*$",
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
            let text = SecretString::from(text);
            MasterKeys::parse(&text).map(|keys| (text, keys))
        });
        let known = master_key
            .as_ref()
            .and_then(|(_, keys)| keys.refuse_known().err());
        if let Some(known) = known
            && source.is_production()
        {
            source.refuse_with(
                &MASTER_KEY,
                Kind::Refused,
                &format!("{known}; production refuses it"),
                None,
            );
        }
        Self {
            master_key: master_key.map(|(text, _)| text),
            master_key_file: source.file(&MASTER_KEY),
        }
    }
}
