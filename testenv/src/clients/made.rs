//! Folders in the cache: made whole or not at all, once.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use super::Error;
use crate::cache_dir::CacheDir;

/// A folder below the cache that is named after all that decides its content.
#[derive(Debug)]
pub(super) struct Made {
    folder: PathBuf,
    name: String,
}

impl Made {
    /// The place of what is made of these ingredients.
    pub(super) fn of(cache: &CacheDir, kind: &str, ingredients: &[&str]) -> Result<Self, Error> {
        let folder = cache
            .folder("clients")
            .map_err(Error::io("make the clients' cache folder"))?;
        Ok(Self {
            folder,
            name: name(kind, ingredients),
        })
    }

    /// Whether it is there.
    #[cfg(feature = "cli")]
    pub(super) fn exists(&self) -> bool {
        self.path().exists()
    }

    fn path(&self) -> PathBuf {
        self.folder.join(&self.name)
    }

    /// The folder, filled by `fill` if need be: safe to call from several processes at once.
    pub(super) async fn or_fill(
        &self,
        cache: &CacheDir,
        fill: impl AsyncFnOnce(&Path) -> Result<(), Error>,
    ) -> Result<PathBuf, Error> {
        let path = self.path();
        if path.exists() {
            return Ok(path);
        }
        let wait = |holder| tracing::info!("waiting for {holder}, which is making the same clients");
        let _lock = cache
            .lock(&self.name, wait)
            .await
            .map_err(Error::io("lock the clients"))?;
        if !path.exists() {
            let unfinished = format!("{}.unfinished-", self.name);
            remove_leftovers(&self.folder, &unfinished)
                .map_err(Error::io("remove an unfinished environment"))?;
            let made = tempfile::Builder::new()
                .prefix(&unfinished)
                .tempdir_in(&self.folder)
                .map_err(Error::io("make a folder for the clients"))?;
            fill(made.path()).await?;
            fs::rename(made.keep(), &path).map_err(Error::io("move the finished environment in place"))?;
        }
        Ok(path)
    }
}

fn name(kind: &str, ingredients: &[&str]) -> String {
    let mut digest = Sha256::new();
    for (index, ingredient) in ingredients.iter().enumerate() {
        if index > 0 {
            digest.update([0]);
        }
        digest.update(ingredient);
    }
    format!("{kind}-{}", &hex::encode(digest.finalize())[..16])
}

/// A killed run leaves its folder behind; under the lock nobody else can own it.
fn remove_leftovers(folder: &Path, prefix: &str) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(prefix) {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_ingredients_are_another_folder() {
        let environment = name("python", &["3.11", "openai==1"]);
        assert_eq!(environment, name("python", &["3.11", "openai==1"]));
        assert_ne!(environment, name("python", &["3.11", "openai==2"]));
        assert_ne!(environment, name("python", &["3.13", "openai==1"]));
        assert_ne!(environment, name("node", &["3.11", "openai==1"]));
    }

    #[test]
    fn only_unfinished_folders_of_the_same_name_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["python-1", "python-1.unfinished-a", "python-2.unfinished-b"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        remove_leftovers(folder.path(), "python-1.unfinished-").unwrap();
        let mut left: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        left.sort();
        assert_eq!(left, ["python-1", "python-2.unfinished-b"]);
    }
}
