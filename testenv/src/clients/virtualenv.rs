//! Virtual environments of Python in the cache folder.

use std::{fs, path::Path, time::Duration};

use tokio::process::Command;

use super::{Error, Python, made::Made, output, tool::PYTHON};
use crate::cache_dir::CacheDir;

const MAKE: Duration = Duration::from_secs(300);
const INSTALL: Duration = Duration::from_secs(900);

const INTERPRETER: &str = "python3";

/// Whether the environment that holds exactly `requirements` is there.
#[cfg(feature = "cli")]
pub(super) async fn exists(cache: &CacheDir, requirements: &str) -> Result<bool, Error> {
    Ok(place(cache, requirements).await?.exists())
}

/// The environment that holds exactly `requirements`, made if need be.
pub(super) async fn ready(cache: &CacheDir, requirements: &str) -> Result<Python, Error> {
    let place = place(cache, requirements).await?;
    let environment = place
        .or_fill(cache, async |environment: &Path| {
            make(environment, requirements).await
        })
        .await?;
    Ok(Python { environment })
}

/// Another version or installation of Python is another place, since an environment works with its own only.
async fn place(cache: &CacheDir, requirements: &str) -> Result<Made, Error> {
    let probe = async || {
        let mut command = Command::new(INTERPRETER);
        command.args([
            "-I",
            "-c",
            "import ensurepip, sys, venv; print(sys.version, sys.base_prefix)",
        ]);
        PYTHON.asked(command).await
    };
    let identity = PYTHON.ready(cache, probe).await?;
    Made::of(cache, "python", &[&identity, requirements])
}

async fn make(environment: &Path, requirements: &str) -> Result<(), Error> {
    let list = environment.join("requirements.txt");
    fs::write(&list, requirements).map_err(Error::io("write the requirements"))?;

    let mut venv = Command::new(INTERPRETER);
    venv.args(["-m", "venv"]).arg(environment);
    output::step("make a virtual environment", venv, MAKE).await?;

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
    output::step("install the packages", install, INSTALL).await?;

    let mut check = Command::new(environment.join("bin").join("python"));
    check.args(["-m", "pip", "check"]);
    output::step("find every dependency pinned", check, MAKE).await
}
