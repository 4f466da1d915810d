//! The source tree that our own images are built from, where there is one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Provisioner;
use super::error::Result;
use crate::cargo;

const REMEDY: &str = "install Rust by rustup and put ~/.cargo/bin on PATH";
const STATIC: &str = "-C target-feature=+crt-static";
/// Two release builds with all their dependencies.
const SPACE_MB: u64 = 3000;
/// A build that has nothing to do ends sooner, and is not worth a line.
const QUIET: Duration = Duration::from_secs(3);
const LOG: &str = "cargo-build";
const PROGRAMS: [&str; 2] = ["ultra-service", "ultra-operator"];

/// The root of Ultra's source tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The tree that the current folder is in, else the one that this program was built from.
    pub(crate) fn find() -> Option<Self> {
        let current = std::env::current_dir().ok();
        let built_from = Path::new(env!("CARGO_MANIFEST_DIR"));
        current
            .iter()
            .flat_map(|folder| folder.ancestors())
            .chain(built_from.ancestors())
            .find(|folder| is_root(folder))
            .map(|root| Self {
                root: root.to_owned(),
            })
    }

    fn target_folder(&self) -> PathBuf {
        let configured = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
        let target = configured.unwrap_or_else(|| PathBuf::from("target"));
        // The flags differ from the usual ones: below one folder, each build would undo the other.
        self.root.join(target).join("static")
    }
}

fn is_root(folder: &Path) -> bool {
    folder.join("versions.yaml").is_file() && folder.join("testenv/Cargo.toml").is_file()
}

impl Provisioner {
    /// Builds service and operator as programs that need no library, and returns the folder that they are in.
    ///
    /// Always both, so that cargo resolves one set of features and compiles what they share once.
    pub(crate) async fn static_programs(&self, workspace: &Workspace) -> Result<PathBuf> {
        let triple = self.host_triple().await?;
        let target = workspace.target_folder();
        let log = self.log(LOG)?;
        let step = "building the static programs of service and operator";
        let mut arguments = ["build", "--release", "--locked", "--target", &triple]
            .map(str::to_owned)
            .to_vec();
        arguments.extend(
            PROGRAMS
                .iter()
                .flat_map(|name| ["--package", name])
                .map(str::to_owned),
        );
        arguments.push("--bins".to_owned());
        let build = self
            .builder(step, "cargo", REMEDY, LOG)?
            .args(arguments)
            .without_env(cargo::variables_of_the_caller())
            .env("RUSTFLAGS", STATIC)
            .env("CARGO_TARGET_DIR", &target)
            .current_dir(&workspace.root)
            .needs_space(&target, SPACE_MB)
            .run();
        tokio::pin!(build);
        if let Ok(built) = tokio::time::timeout(QUIET, &mut build).await {
            built?;
        } else {
            let progress = self.progress.begin(format!("{step} (log: {})", log.display()));
            build.await?;
            progress.done("");
        }
        Ok(target.join(triple).join("release"))
    }

    async fn host_triple(&self) -> Result<String> {
        let said = self
            .external("asking Rust for its target", "rustc", REMEDY, LOG)?
            .args(["--version", "--verbose"])
            .run()
            .await?;
        let host = said.lines().find_map(|line| line.strip_prefix("host: "));
        Ok(host.unwrap_or_default().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_found_from_a_crate_within_it() {
        let workspace = Workspace::find().unwrap();
        assert!(is_root(&workspace.root), "{}", workspace.root.display());
        assert!(workspace.root.join("service").is_dir());
    }
}
