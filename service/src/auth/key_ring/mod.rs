//! The keys that sign and check access tokens: a directory of them, so that an old key can go on checking while a new
//! one signs.

mod error;
mod files;
mod generate;
mod key;
mod known;
mod live;
mod material;
mod public_key;
mod schedule;
#[cfg(test)]
pub(super) mod test_keys;

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    fmt,
    path::Path,
    sync::Arc,
};

use secrecy::ExposeSecret as _;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;

pub use error::{KeyFault, KeyRingError};
pub use live::LiveKeyRing;
pub use public_key::PublicKey;

pub(super) use key::Key;

use super::{Jwks, test_key};
use crate::config::Profile;
use files::{Files, Name};
use material::Material;
use schedule::Schedule;

/// What a profile allows in a ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Whether shared secrets may sign (`<kid>.hs256`): in development.
    pub allow_hmac: bool,
    /// Whether keys and secrets that everybody can read somewhere are refused: in production.
    pub refuse_known: bool,
}

impl Rules {
    /// Those of a profile.
    pub fn of(profile: Profile) -> Self {
        Self {
            allow_hmac: profile == Profile::Development,
            refuse_known: profile == Profile::Production,
        }
    }
}

/// What may be known of a key, which is not the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyStatus {
    /// Its name.
    pub kid: String,
    /// What it signs with.
    pub algorithm: &'static str,
    /// Whether it is the one that signs.
    pub signs: bool,
    /// From when on it may sign, where `ring.json` says so.
    #[serde(with = "time::serde::rfc3339::option")]
    pub activate_at: Option<OffsetDateTime>,
    /// From when on it does nothing.
    #[serde(with = "time::serde::rfc3339::option")]
    pub expire_at: Option<OffsetDateTime>,
    /// How long it has been allowed to sign; negative before.
    pub age_seconds: Option<i64>,
}

/// The keys of one directory, as they were when it was read.
pub struct KeyRing {
    keys: BTreeMap<String, Arc<Key>>,
    signer: String,
    digest: [u8; 32],
    /// What each key's file held.
    files: BTreeMap<Name, [u8; 32]>,
    /// The files of keys that sign, and that everybody on the machine may read.
    exposed: Vec<String>,
}

impl KeyRing {
    /// Reads a directory: `<kid>.pem` is a private key (PKCS#8), which signs and verifies, or a public one (SPKI),
    /// which verifies only; `<kid>.hs256` is a shared secret; `ring.json` names the signer and when keys activate and
    /// expire.
    pub fn load(dir: &Path, rules: Rules) -> Result<Self, KeyRingError> {
        Self::load_at(dir, rules, OffsetDateTime::now_utc())
    }

    pub(super) fn load_at(dir: &Path, rules: Rules, now: OffsetDateTime) -> Result<Self, KeyRingError> {
        Self::from_files(&Files::read(dir)?, rules, now)
    }

    /// Makes a ring of one fresh Ed25519 key, and returns the key's name. The directory is made where it is missing;
    /// one that holds keys is left alone.
    pub fn generate(dir: &Path) -> Result<String, KeyRingError> {
        generate::generate(dir)
    }

    /// Whether the directory holds anything that [`KeyRing::load`] would read.
    pub fn is_there(dir: &Path) -> bool {
        Files::read(dir).is_ok_and(|files| !files.is_empty())
    }

    fn from_files(files: &Files, rules: Rules, now: OffsetDateTime) -> Result<Self, KeyRingError> {
        let mut schedule = match files.get(&Name::Ring) {
            Some(json) => Schedule::parse(json.expose_secret(), files.path(&Name::Ring))?,
            None => Schedule::default(),
        };
        let mut keys: BTreeMap<String, Arc<Key>> = BTreeMap::new();
        let mut exposed = Vec::new();
        for (name, content) in files.keys() {
            let file = files.path(name);
            let content = content.expose_secret();
            let (kid, material) = match name {
                Name::Pem(kid) => (kid, Material::from_pem(content)),
                Name::Hmac(kid) => (kid, Material::from_secret(content, rules.allow_hmac)),
                Name::Ring => continue,
            };
            let material = material.and_then(|material| material.checked(content, rules.refuse_known));
            let material = material.map_err(|fault| KeyRingError::Key {
                file: file.clone(),
                fault,
            })?;
            if kid == test_key::TEST_KEY_ID {
                return Err(KeyRingError::ReservedName { file });
            }
            match keys.entry(kid.clone()) {
                Entry::Occupied(_) => return Err(KeyRingError::SameName { file }),
                Entry::Vacant(vacant) => {
                    let key = Key::new(kid.clone(), material, schedule.take(kid));
                    if key.can_sign() && files.is_exposed(name) {
                        exposed.push(name.file_name());
                    }
                    vacant.insert(Arc::new(key));
                }
            }
        }
        schedule.refuse_unknown(&keys, files)?;
        let signer = choose_signer(schedule.signer, &keys, files)?;
        let ring = Self {
            keys,
            signer,
            digest: files.digest(),
            files: files.digests(),
            exposed,
        };
        if ring.signing_key(now).is_none() {
            return Err(KeyRingError::NobodySigns {
                dir: files.dir(),
                signer: ring.signer,
            });
        }
        Ok(ring)
    }

    /// The same ring without the keys of these files.
    fn without(&self, gone: &BTreeSet<Name>) -> Self {
        let mut digest = Sha256::new_with_prefix(self.digest);
        for name in gone {
            digest.update(name.file_name());
        }
        let is_gone = |kid: &str| gone.iter().any(|name| name.kid() == Some(kid));
        let left = self.keys.iter().filter(|(kid, _)| !is_gone(kid));
        let files = self.files.iter().filter(|(name, _)| !gone.contains(name));
        Self {
            keys: left.map(|(kid, key)| (kid.clone(), Arc::clone(key))).collect(),
            signer: self.signer.clone(),
            digest: digest.finalize().into(),
            files: files.map(|(name, digest)| (name.clone(), *digest)).collect(),
            exposed: Vec::new(),
        }
    }

    /// The public keys that verify at this moment.
    pub fn jwks(&self, now: OffsetDateTime) -> Jwks {
        let alive = self.keys.values().filter(|key| key.verifies(now));
        Jwks {
            keys: alive.filter_map(|key| key.jwk()).collect(),
        }
    }

    /// When each key may be used, by name.
    pub fn status(&self, now: OffsetDateTime) -> Vec<KeyStatus> {
        let signer = self.signer(now);
        let status = |key: &Arc<Key>| KeyStatus {
            kid: key.kid().to_owned(),
            algorithm: key.algorithm().name(),
            signs: signer == Some(key.kid()),
            activate_at: key.activate_at(),
            expire_at: key.expire_at(),
            age_seconds: key.activate_at().map(|at| (now - at).whole_seconds()),
        };
        self.keys.values().map(status).collect()
    }

    /// The name of the key that signs at this moment, if any does.
    pub fn signer(&self, now: OffsetDateTime) -> Option<&str> {
        self.signing_key(now).map(Key::kid)
    }

    /// The named signer, or as long as that is not active (or no longer alive) the key that was activated last.
    pub(super) fn signing_key(&self, now: OffsetDateTime) -> Option<&Key> {
        let named = self.key(&self.signer).filter(|key| key.signs(now));
        named.or_else(|| {
            let keys = self.keys.values().map(Arc::as_ref);
            let able = keys.filter(|key| key.signs(now));
            able.max_by_key(|key| key.activate_at())
        })
    }

    /// The key of this name. It may have expired: whoever checks asks [`Key::verifies`] too.
    pub(super) fn key(&self, kid: &str) -> Option<&Key> {
        self.keys.get(kid).map(Arc::as_ref)
    }

    /// The same for the same content and for no other.
    pub(super) fn digest(&self) -> &[u8; 32] {
        &self.digest
    }
}

// Only names: keys have no business in a log.
impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing")
            .field("keys", &self.keys.keys())
            .field("signer", &self.signer)
            .finish_non_exhaustive()
    }
}

/// The key that `ring.json` names, or the only one that there is.
fn choose_signer(
    named: Option<String>,
    keys: &BTreeMap<String, Arc<Key>>,
    files: &Files,
) -> Result<String, KeyRingError> {
    let able = keys.values().filter(|key| key.can_sign());
    let able: Vec<&str> = able.map(|key| key.kid()).collect();
    match (named, able.as_slice()) {
        (Some(kid), able) if able.contains(&kid.as_str()) => Ok(kid),
        (Some(kid), _) => Err(KeyRingError::SignerCannotSign {
            file: files.path(&Name::Ring),
            kid,
        }),
        (None, []) => Err(KeyRingError::NoSigningKey { dir: files.dir() }),
        (None, [only]) => Ok((*only).to_owned()),
        (None, [first, ..]) => Err(KeyRingError::SeveralSigningKeys {
            dir: files.dir(),
            example: (*first).to_owned(),
            kids: able.join(", "),
        }),
    }
}

#[cfg(test)]
mod tests;
