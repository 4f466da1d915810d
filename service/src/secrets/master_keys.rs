use std::fmt;

use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use secrecy::{ExposeSecret as _, SecretBox, SecretString};
use zeroize::Zeroizing;

use crate::domain::is_known_secret;

/// What documentation shows. Production refuses it.
pub const EXAMPLE_MASTER_KEY: &str = "2026-01:ZXhhbXBsZSBrZXk6IG1ha2Ugb25lIHlvdXJzZWxmISE=";

/// The usual alphabet; the padding is where keys get damaged by hand, and says nothing.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The keys that data keys are encrypted under: `id:base64[,id:base64]`. The first encrypts, all decrypt.
pub struct MasterKeys {
    first: MasterKey,
    others: Vec<MasterKey>,
}

pub(super) struct MasterKey {
    pub(super) id: String,
    pub(super) key: SecretBox<[u8; MasterKeys::KEY_BYTES]>,
}

/// Why a text is no list of master keys. Nothing of the text is shown: whoever mixes id and key up would see the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMasterKeys {
    /// There is no key in it.
    #[error("is empty; write id:base64, with 32 random bytes from: openssl rand -base64 32")]
    Empty,
    /// An entry has no colon.
    #[error("has no id in entry {entry}; write id:base64")]
    NoId {
        /// Which one, from 1.
        entry: usize,
    },
    /// An id is not made of the characters that ids are made of.
    #[error(
        "has a wrong id in entry {entry}; 1 to {} letters, digits, dots, dashes and underscores are allowed",
        MasterKeys::MAX_ID_BYTES
    )]
    WrongId {
        /// Which one, from 1.
        entry: usize,
    },
    /// What follows an id is no base64.
    #[error("has a key in entry {entry} that is no base64; make one with: openssl rand -base64 32")]
    NotBase64 {
        /// Which one, from 1.
        entry: usize,
    },
    /// A key is too short or too long.
    #[error("has a key of {bytes} bytes in entry {entry}; 32 are needed: openssl rand -base64 32")]
    WrongLength {
        /// Which one, from 1.
        entry: usize,
        /// How long it is.
        bytes: usize,
    },
    /// Two entries share their id or their key.
    #[error("has in entry {entry} the id or the key of an entry before it; a new key needs a new id")]
    Repeated {
        /// The second one, from 1.
        entry: usize,
    },
}

/// A master key that anybody could guess.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("holds under the id {id:?} a key that is no random one; make one with: openssl rand -base64 32")]
pub struct KnownMasterKey {
    /// Which one.
    pub id: String,
}

impl MasterKeys {
    /// What XChaCha20 takes.
    pub const KEY_BYTES: usize = 32;
    /// Shorter than a key in base64, so that a key cannot pass for an id.
    pub const MAX_ID_BYTES: usize = 32;

    /// Reads `id:base64[,id:base64]`; white space around an entry is the editor's.
    pub fn parse(text: &SecretString) -> Result<Self, InvalidMasterKeys> {
        let text = text.expose_secret().trim();
        if text.is_empty() {
            return Err(InvalidMasterKeys::Empty);
        }
        let mut keys: Vec<MasterKey> = Vec::new();
        for (index, text) in text.split(',').enumerate() {
            let entry = index + 1;
            let key = MasterKey::parse(text.trim(), entry)?;
            if keys.iter().any(|other| other.is_like(&key)) {
                return Err(InvalidMasterKeys::Repeated { entry });
            }
            keys.push(key);
        }
        let mut keys = keys.into_iter();
        Ok(Self {
            first: keys.next().ok_or(InvalidMasterKeys::Empty)?,
            others: keys.collect(),
        })
    }

    /// Refuses keys that were not drawn at random, as far as that shows: for production.
    pub fn refuse_known(&self) -> Result<(), KnownMasterKey> {
        match self.all().find(|key| key.is_known()) {
            Some(key) => Err(KnownMasterKey { id: key.id.clone() }),
            None => Ok(()),
        }
    }

    /// The id of the key that encrypts.
    pub fn first_id(&self) -> &str {
        &self.first.id
    }

    /// The ids of all keys, in their order.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.all().map(|key| key.id.as_str())
    }

    pub(super) fn first(&self) -> &MasterKey {
        &self.first
    }

    pub(super) fn find(&self, id: &str) -> Option<&MasterKey> {
        self.all().find(|key| key.id == id)
    }

    /// Whether both are the same keys under the same ids in the same order.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.all()
            .map(MasterKey::parts)
            .eq(other.all().map(MasterKey::parts))
    }

    /// The name under which the other list has another key, if there is one.
    pub(super) fn renamed_in<'o>(&self, other: &'o Self) -> Option<&'o str> {
        let renamed = other.all().find(|theirs| {
            let ours = self.find(&theirs.id);
            ours.is_some_and(|ours| ours.parts() != theirs.parts())
        });
        renamed.map(|key| key.id.as_str())
    }

    fn all(&self) -> impl Iterator<Item = &MasterKey> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

impl MasterKey {
    fn parse(text: &str, entry: usize) -> Result<Self, InvalidMasterKeys> {
        let (id, key) = text.split_once(':').ok_or(InvalidMasterKeys::NoId { entry })?;
        let fits = (1..=MasterKeys::MAX_ID_BYTES).contains(&id.len());
        if !fits
            || !id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        {
            return Err(InvalidMasterKeys::WrongId { entry });
        }
        let bytes = BASE64
            .decode(key)
            .map(Zeroizing::new)
            .map_err(|_| InvalidMasterKeys::NotBase64 { entry })?;
        let mut key = Box::new([0; MasterKeys::KEY_BYTES]);
        if bytes.len() != key.len() {
            return Err(InvalidMasterKeys::WrongLength {
                entry,
                bytes: bytes.len(),
            });
        }
        key.copy_from_slice(&bytes);
        Ok(Self {
            id: id.to_owned(),
            key: SecretBox::new(key),
        })
    }

    fn parts(&self) -> (&str, &[u8]) {
        (&self.id, self.key.expose_secret())
    }

    fn is_like(&self, other: &Self) -> bool {
        self.id == other.id || self.key.expose_secret() == other.key.expose_secret()
    }

    /// Of 32 random bytes about 30 differ; none of this happens to them once in the life of the universe.
    fn is_known(&self) -> bool {
        let bytes = self.key.expose_secret();
        let is_text = bytes
            .iter()
            .all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace());
        let is_repetition =
            (1..=bytes.len() / 2).any(|unit| bytes.iter().zip(&bytes[unit..]).all(|(one, next)| one == next));
        let step = bytes[1].wrapping_sub(bytes[0]);
        let is_sequence = bytes.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) == step);
        let text = std::str::from_utf8(bytes).map(|text| text.trim_matches('\0'));
        is_text || is_repetition || is_sequence || text.is_ok_and(is_known_secret)
    }
}

impl fmt::Debug for MasterKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MasterKeys")
            .field(&self.ids().collect::<Vec<_>>())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<MasterKeys, InvalidMasterKeys> {
        MasterKeys::parse(&SecretString::from(text))
    }

    fn base64(bytes: &[u8]) -> String {
        BASE64.encode(bytes)
    }

    #[test]
    fn the_first_key_encrypts_and_every_key_is_found_by_its_id() {
        let text = format!(
            " new:{} ,\nold.2025_1:{}\n",
            base64(&[1; 32]),
            base64(&[2; 32]).trim_end_matches('=')
        );
        let keys = parse(&text).unwrap();
        assert_eq!(keys.first_id(), "new");
        assert_eq!(keys.ids().collect::<Vec<_>>(), ["new", "old.2025_1"]);
        let key = |id| keys.find(id).map(|key| *key.key.expose_secret());
        assert_eq!(key("new"), Some([1; 32]));
        assert_eq!(key("old.2025_1"), Some([2; 32]));
        assert_eq!(key("older"), None);
    }

    #[test]
    fn what_is_no_list_of_keys_is_refused_and_not_shown() {
        let good = format!("id:{}", base64(&[7; 32]));
        let key = base64(&[7; 32]);
        let other = base64(&[8; 32]);
        for (text, error) in [
            (String::new(), InvalidMasterKeys::Empty),
            (" \n".to_owned(), InvalidMasterKeys::Empty),
            (key.clone(), InvalidMasterKeys::NoId { entry: 1 }),
            (format!("{good},"), InvalidMasterKeys::NoId { entry: 2 }),
            (format!(":{key}"), InvalidMasterKeys::WrongId { entry: 1 }),
            (format!("a b:{key}"), InvalidMasterKeys::WrongId { entry: 1 }),
            // The two mixed up.
            (format!("{key}:id"), InvalidMasterKeys::WrongId { entry: 1 }),
            (
                format!("{}:id", key.trim_end_matches('=')),
                InvalidMasterKeys::WrongId { entry: 1 },
            ),
            (format!("{good},b:%"), InvalidMasterKeys::NotBase64 { entry: 2 }),
            (
                format!("a:{}", base64(&[7; 31])),
                InvalidMasterKeys::WrongLength { entry: 1, bytes: 31 },
            ),
            (
                format!("a:{}", base64(&[7; 33])),
                InvalidMasterKeys::WrongLength { entry: 1, bytes: 33 },
            ),
            (
                format!("{good},id:{other}"),
                InvalidMasterKeys::Repeated { entry: 2 },
            ),
            (
                format!("{good},b:{key}"),
                InvalidMasterKeys::Repeated { entry: 2 },
            ),
        ] {
            let refused = parse(&text).unwrap_err();
            assert_eq!(refused, error, "{text:?}");
            assert!(!refused.to_string().contains(&key[..8]), "{refused}");
        }
    }

    #[test]
    fn debug_output_shows_ids_only() {
        let keys = parse(&format!("a:{}", base64(&[7; 32]))).unwrap();
        assert_eq!(format!("{keys:?}"), r#"MasterKeys(["a"])"#);
    }

    #[test]
    fn keys_that_are_not_random_are_known_and_random_ones_are_not() {
        let sequence: Vec<u8> = (0..32).collect();
        let downwards: Vec<u8> = (0..32).map(|index: u8| 10_u8.wrapping_sub(index * 3)).collect();
        let mut padded = [0; 32];
        padded[..8].copy_from_slice(b"changeme");
        for known in [
            &[0; 32][..],
            &[0xff; 32],
            &sequence,
            &downwards,
            &[0xde, 0xad, 0xbe, 0xef].repeat(8),
            &[9, 8, 200].repeat(11)[..32],
            b"0123456789abcdef0123456789abcdeX",
            &padded,
        ] {
            let keys = parse(&format!("good:{},bad:{}", base64(&RANDOM), base64(known))).unwrap();
            let error = keys.refuse_known().unwrap_err();
            assert_eq!(error.id, "bad", "{known:?}");
        }
        assert!(parse(EXAMPLE_MASTER_KEY).unwrap().refuse_known().is_err());
        for _ in 0..1_000 {
            let random = base64(&rand::random::<[u8; 32]>());
            assert_eq!(
                parse(&format!("a:{random}")).unwrap().refuse_known(),
                Ok(()),
                "{random}"
            );
        }
    }

    const RANDOM: [u8; 32] = [
        0x5c, 0x9e, 0x01, 0xa7, 0x33, 0xf2, 0x88, 0x4b, 0xd0, 0x16, 0x7a, 0xe9, 0x62, 0x0f, 0xb5, 0x91, 0xcc,
        0x28, 0x44, 0xfe, 0x13, 0x8d, 0x70, 0xaa, 0x3b, 0xe4, 0x59, 0x06, 0xdf, 0x97, 0x1c, 0xb2,
    ];
}
