//! Virtual environments in the cache folder: made whole or not at all, once.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use sha2::{Digest, Sha256};
use tokio::process::Command;

use super::{Error, Python, interpreter, output};
use crate::cache_dir::CacheDir;

const MAKE: Duration = Duration::from_secs(300);
const INSTALL: Duration = Duration::from_secs(900);

const INTERPRETER: &str = "python3";

/// Whether the environment that holds exactly `requirements` is there.
#[cfg(feature = "cli")]
pub(super) async fn exists(cache: &CacheDir, requirements: &str) -> Result<bool, Error> {
    let (folder, name) = place(cache, requirements).await?;
    Ok(folder.join(name).exists())
}

/// The environment that holds exactly `requirements`, made if need be.
pub(super) async fn ready(cache: &CacheDir, requirements: &str) -> Result<Python, Error> {
    let python = OsStr::new(INTERPRETER);
    let (folder, name) = place(cache, requirements).await?;
    let environment = folder.join(&name);
    if environment.exists() {
        return Ok(Python { environment });
    }
    let wait = |holder| tracing::info!("waiting for {holder}, which is making the same Python environment");
    let _lock = cache
        .lock(&name, wait)
        .await
        .map_err(Error::io("lock the Python clients"))?;
    if !environment.exists() {
        let unfinished = format!("{name}.unfinished-");
        remove_leftovers(&folder, &unfinished).map_err(Error::io("remove an unfinished environment"))?;
        let made = tempfile::Builder::new()
            .prefix(&unfinished)
            .tempdir_in(&folder)
            .map_err(Error::io("make a folder for the Python clients"))?;
        make(python, made.path(), requirements).await?;
        fs::rename(made.keep(), &environment).map_err(Error::io("move the finished environment in place"))?;
    }
    Ok(Python { environment })
}

/// The folder of all environments, and the name of this one.
async fn place(cache: &CacheDir, requirements: &str) -> Result<(PathBuf, String), Error> {
    let name = name(
        &interpreter::identity(OsStr::new(INTERPRETER)).await?,
        requirements,
    );
    let folder = cache
        .folder("clients")
        .map_err(Error::io("make the clients' cache folder"))?;
    Ok((folder, name))
}

fn name(interpreter: &str, requirements: &str) -> String {
    let digest = Sha256::new()
        .chain_update(interpreter)
        .chain_update([0])
        .chain_update(requirements)
        .finalize();
    format!("python-{}", &hex::encode(digest)[..16])
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

async fn make(python: &OsStr, environment: &Path, requirements: &str) -> Result<(), Error> {
    let list = environment.join("requirements.txt");
    fs::write(&list, requirements).map_err(Error::io("write the requirements"))?;

    let mut venv = Command::new(python);
    venv.args(["-m", "venv"]).arg(environment);
    step("make a virtual environment", venv, MAKE).await?;

    let mut install = Command::new(environment.join("bin").join("python"));
    // Without dependencies of dependencies: what is not pinned must fail a test, not slip in.
    install.args([
        "-m",
        "pip",
        "install",
        "--no-deps",
        "--no-input",
        "--disable-pip-version-check",
        "--requirement",
    ]);
    install.arg(list);
    step("install the packages", install, INSTALL).await?;

    let mut check = Command::new(environment.join("bin").join("python"));
    check.args(["-m", "pip", "check"]);
    step("find every dependency pinned", check, MAKE).await
}

async fn step(step: &'static str, command: Command, deadline: Duration) -> Result<(), Error> {
    let output = output::of(command, "making the Python environment", deadline).await?;
    if output.status.success() {
        Ok(())
    } else {
        Err(Error::Environment {
            step,
            reason: output.last_words(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_requirements_and_another_interpreter_are_another_environment() {
        let environment = name("3.11", "openai==1");
        assert_eq!(environment, name("3.11", "openai==1"));
        assert_ne!(environment, name("3.11", "openai==2"));
        assert_ne!(environment, name("3.13", "openai==1"));
    }

    #[test]
    fn only_unfinished_environments_of_the_same_name_are_removed() {
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
