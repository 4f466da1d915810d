use std::{
    collections::BTreeMap,
    fs, io,
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

    fn file_name(&self) -> String {
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
}

impl Files {
    /// Reads all files of the directory; hidden ones and folders are none of the ring's.
    pub(super) fn read(dir: &Path) -> Result<Self, KeyRingError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| KeyRingError::Io { path, source }
        };
        // All files through one resolved link, so that a swap in between cannot mix old keys with new ones.
        let snapshot = fs::canonicalize(dir.join(KUBERNETES_DATA)).unwrap_or_else(|_| dir.to_owned());
        let mut contents = BTreeMap::new();
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
            contents.insert(name, SecretSlice::from(content));
        }
        Ok(Self {
            dir: dir.to_owned(),
            contents,
        })
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
