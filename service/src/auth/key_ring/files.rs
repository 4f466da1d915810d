use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use secrecy::{ExposeSecret as _, SecretSlice};
use sha2::{Digest as _, Sha256};

use super::{KeyRingError, key::is_kid};
use crate::bounded_file;

/// No key is larger; and what is larger is not read at all.
const MAX_BYTES: u64 = 64 * 1024;

/// Far more than any rotation needs.
const MAX_FILES: usize = 100;

/// Where Kubernetes keeps what it mounts: a link that it swaps for another when the content changes.
const KUBERNETES_DATA: &str = "..data";

/// Everybody on the machine may read it.
const WORLD_READS: u32 = 0o004;

/// What a file is, by its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name {
    /// `ring.json`
    Ring,
    /// `<kid>.pem`
    Pem(String),
    /// `<kid>.hs256`
    Hmac(String),
}

impl Name {
    fn parse(text: &str) -> Option<Self> {
        if text == "ring.json" {
            return Some(Self::Ring);
        }
        let (kid, make): (_, fn(String) -> Self) = match text.rsplit_once('.')? {
            (kid, "pem") => (kid, Self::Pem),
            (kid, "hs256") => (kid, Self::Hmac),
            _ => return None,
        };
        is_kid(kid).then(|| make(kid.to_owned()))
    }

    /// The name of the key that the file holds, if it holds one.
    pub(super) fn kid(&self) -> Option<&str> {
        match self {
            Self::Ring => None,
            Self::Pem(kid) | Self::Hmac(kid) => Some(kid),
        }
    }

    pub(super) fn file_name(&self) -> String {
        match self {
            Self::Ring => "ring.json".to_owned(),
            Self::Pem(kid) => format!("{kid}.pem"),
            Self::Hmac(kid) => format!("{kid}.hs256"),
        }
    }
}

/// The content of a directory at one moment.
pub(super) struct Files {
    dir: PathBuf,
    contents: BTreeMap<Name, SecretSlice<u8>>,
    /// Those that everybody on the machine may read.
    exposed: BTreeSet<Name>,
}

impl Files {
    /// Reads all files of the directory; hidden ones and folders are none of the ring's.
    pub(super) fn read(dir: &Path) -> Result<Self, KeyRingError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| KeyRingError::Io { path, source }
        };
        let snapshot = snapshot(dir);
        let (mut contents, mut exposed) = (BTreeMap::new(), BTreeSet::new());
        for entry in fs::read_dir(&snapshot).map_err(at(dir))? {
            let entry = entry.map_err(at(dir))?;
            let name = entry.file_name();
            let shown = dir.join(&name);
            if name.as_encoded_bytes().starts_with(b".") {
                continue;
            }
            // Asked first: a pipe would block whoever opens it.
            let metadata = fs::metadata(entry.path()).map_err(at(&shown))?;
            if metadata.is_dir() {
                continue;
            }
            let name = match name.to_str().and_then(Name::parse) {
                Some(name) if metadata.is_file() => name,
                _ => return Err(KeyRingError::FileName { file: shown }),
            };
            if contents.len() == MAX_FILES {
                return Err(KeyRingError::TooMany {
                    dir: dir.to_owned(),
                    max: MAX_FILES,
                });
            }
            let content = match bounded_file::read(&entry.path(), MAX_BYTES) {
                Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                    return Err(KeyRingError::TooLarge { file: shown });
                }
                content => content.map_err(at(&shown))?,
            };
            if metadata.permissions().mode() & WORLD_READS != 0 {
                exposed.insert(name.clone());
            }
            contents.insert(name, SecretSlice::from(content));
        }
        Ok(Self {
            dir: dir.to_owned(),
            contents,
            exposed,
        })
    }

    /// Of these files, those that the directory certainly does not hold any more, or holds with another content. One
    /// that cannot be read at the moment may be there.
    pub(super) fn gone(dir: &Path, digests: &BTreeMap<Name, [u8; 32]>) -> BTreeSet<Name> {
        let snapshot = snapshot(dir);
        let is_gone = |(name, digest): &(&Name, &[u8; 32])| {
            let path = snapshot.join(name.file_name());
            let content = match fs::metadata(&path) {
                Ok(metadata) if !metadata.is_file() => return true,
                Ok(_) => bounded_file::read(&path, MAX_BYTES),
                Err(error) => Err(error),
            };
            match content {
                Ok(content) => digest_of(&SecretSlice::from(content)) != **digest,
                Err(error) => matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::FileTooLarge
                ),
            }
        };
        let gone = digests.iter().filter(is_gone);
        gone.map(|(name, _)| name.clone()).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.contents.is_empty()
    }

    pub(super) fn dir(&self) -> PathBuf {
        self.dir.clone()
    }

    pub(super) fn path(&self, name: &Name) -> PathBuf {
        self.dir.join(name.file_name())
    }

    pub(super) fn get(&self, name: &Name) -> Option<&SecretSlice<u8>> {
        self.contents.get(name)
    }

    /// Everything but `ring.json`.
    pub(super) fn keys(&self) -> impl Iterator<Item = (&Name, &SecretSlice<u8>)> {
        self.contents.iter().filter(|(name, _)| **name != Name::Ring)
    }

    /// What each key's file holds, so that it can be told whether that is still there.
    pub(super) fn digests(&self) -> BTreeMap<Name, [u8; 32]> {
        self.keys()
            .map(|(name, content)| (name.clone(), digest_of(content)))
            .collect()
    }

    /// Whether everybody on the machine may read this file.
    pub(super) fn is_exposed(&self, name: &Name) -> bool {
        self.exposed.contains(name)
    }

    /// The same for the same names and contents and for no others.
    pub(super) fn digest(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        for (name, content) in &self.contents {
            for part in [name.file_name().as_bytes(), content.expose_secret()] {
                digest.update((part.len() as u64).to_le_bytes());
                digest.update(part);
            }
        }
        digest.finalize().into()
    }
}

/// Where all files are read from: through one resolved link, so that a swap in between cannot mix old keys with new ones.
fn snapshot(dir: &Path) -> PathBuf {
    fs::canonicalize(dir.join(KUBERNETES_DATA)).unwrap_or_else(|_| dir.to_owned())
}

fn digest_of(content: &SecretSlice<u8>) -> [u8; 32] {
    Sha256::digest(content.expose_secret()).into()
}
