//! A private apt: it resolves and downloads packages of any suite of the machine's mirror, needs no root, and touches
//! nothing of the machine's own package state.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::mirror::Mirror;
use crate::cache_dir::write_atomically;
use crate::provision::error::{Error, Result};
use crate::provision::{Provisioner, Step};

/// A mirror keeps the packages of an index for longer than this.
const INDEX_MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);
const SPACE_MB: u64 = 600;
const REMEDY: &str = "on a machine without apt, load the image into the engine instead";

/// apt with its state below the cache folder, for one suite.
#[derive(Debug)]
pub(crate) struct PrivateApt {
    folder: PathBuf,
    provisioner: Provisioner,
    suite: String,
}

/// A package at the version that the resolver chose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pinned {
    name: String,
    version: String,
}

impl PrivateApt {
    /// Opens the state of a suite; its index is fetched when it is missing or old.
    pub(crate) async fn open(provisioner: &Provisioner, suite: &str) -> Result<Self> {
        let folder = provisioner.folder(&format!("apt/{suite}"))?;
        let apt = Self {
            folder,
            provisioner: provisioner.clone(),
            suite: suite.to_owned(),
        };
        let _lock = provisioner
            .lock(&format!("apt-{suite}"), &format!("the package index of {suite}"))
            .await?;
        if !apt.index_is_fresh() {
            let step = provisioner
                .progress
                .begin(format!("the package index of {suite}"));
            apt.update(step).await?;
        }
        Ok(apt)
    }

    /// The packages and all that they depend on, but for `without`, which the recipe knows to be unused at run time.
    pub(crate) async fn resolve(&self, packages: &[String], without: &[String]) -> Result<Vec<Pinned>> {
        let mut args = vec!["install", "--print-uris", "--yes", "-qq"];
        args.extend(packages.iter().map(String::as_str));
        let listed = self.run(&self.folder, &args).await?;
        let pinned = parse_print_uris(&listed);
        Ok(pinned
            .into_iter()
            .filter(|package| !without.contains(&package.name))
            .collect())
    }

    /// Downloads into `folder`, verified by apt; what is there already is not fetched again.
    pub(crate) async fn download(&self, packages: &[Pinned], folder: &Path) -> Result<()> {
        let wanted: Vec<_> = packages
            .iter()
            .map(|package| format!("{}={}", package.name, package.version))
            .collect();
        let mut args = vec!["download", "-qq"];
        args.extend(wanted.iter().map(String::as_str));
        let downloaded = self.run(folder, &args).await;
        if downloaded.is_err() {
            // The mirror may have moved on since the index was fetched: the next run fetches it anew.
            let _ = fs::remove_file(self.freshness_mark());
        }
        downloaded.map(drop)
    }

    async fn update(&self, step: Step) -> Result<()> {
        let preparing = "preparing the package index";
        for folder in ["state/lists/partial", "cache/archives/partial", "etc"] {
            let path = self.folder.join(folder);
            fs::create_dir_all(&path).map_err(|error| Error::file(preparing, &path, error))?;
        }
        let mirror = Mirror::of_this_machine().ok_or_else(|| Error::MissingTool {
            tool: format!("a Debian package mirror with the suite {}", self.suite),
            remedy: "add Debian's archive to this machine's apt sources, or load the image into the engine"
                .to_owned(),
        })?;
        // The empty status makes the resolver name every dependency, those that this machine has included.
        for (path, content) in [
            (self.sources(), mirror.sources_for(&self.suite)),
            (self.folder.join("state/status"), String::new()),
        ] {
            fs::write(&path, content).map_err(|error| Error::file(preparing, &path, error))?;
        }
        self.run(&self.folder, &["update", "-qq", "--error-on=any"])
            .await?;
        let mark = self.freshness_mark();
        write_atomically(&mark, |_| Ok(())).map_err(|error| Error::file(preparing, &mark, error))?;
        step.done("");
        Ok(())
    }

    async fn run(&self, folder: &Path, args: &[&str]) -> Result<String> {
        self.provisioner
            .external(&format!("packages of {}", self.suite), "apt-get", REMEDY, "apt")?
            .args(self.options())
            .args(args)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .env("LC_ALL", "C.UTF-8")
            .current_dir(folder)
            .needs_space(&self.folder, SPACE_MB)
            .run()
            .await
    }

    fn options(&self) -> Vec<String> {
        let path = |name: &str| self.folder.join(name).display().to_string();
        let settings = [
            ("Dir::Etc::sourcelist", self.sources().display().to_string()),
            ("Dir::Etc::sourceparts", "/dev/null".to_owned()),
            ("Dir::Etc::preferencesparts", "/dev/null".to_owned()),
            ("Dir::State", path("state")),
            ("Dir::State::status", path("state/status")),
            ("Dir::Cache", path("cache")),
            // The sandbox user could not write below a private home.
            ("APT::Sandbox::User", "root".to_owned()),
            ("APT::Install-Recommends", "false".to_owned()),
            ("Acquire::Languages", "none".to_owned()),
            (
                "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled",
                "false".to_owned(),
            ),
            (
                "Acquire::IndexTargets::deb::DEP-11-icons::DefaultEnabled",
                "false".to_owned(),
            ),
            (
                "Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled",
                "false".to_owned(),
            ),
        ];
        settings
            .into_iter()
            .flat_map(|(name, value)| ["-o".to_owned(), format!("{name}={value}")])
            .collect()
    }

    fn sources(&self) -> PathBuf {
        self.folder.join("etc/suite.sources")
    }

    fn freshness_mark(&self) -> PathBuf {
        self.folder.join("index-is-complete")
    }

    fn index_is_fresh(&self) -> bool {
        let age = fs::metadata(self.freshness_mark())
            .and_then(|mark| mark.modified())
            .map(|modified| modified.elapsed().unwrap_or_default());
        age.is_ok_and(|age| age < INDEX_MAX_AGE)
    }
}

/// Reads lines like `'http://mirror/libc6_2.41-12_amd64.deb' libc6_2.41-12_amd64.deb 2850108 MD5Sum:…`.
fn parse_print_uris(listed: &str) -> Vec<Pinned> {
    listed
        .lines()
        .filter_map(|line| line.split_whitespace().nth(1)?.strip_suffix(".deb"))
        .filter_map(|file| {
            let mut parts = file.split('_');
            let (name, version) = (parts.next()?, parts.next()?);
            // An epoch's colon cannot stand in a file name.
            Some(Pinned {
                name: name.to_owned(),
                version: version.replace("%3a", ":"),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resolvers_list_gives_names_and_versions_epochs_included() {
        let listed = "'http://m/libc6_2.41-12%2bdeb13u5_amd64.deb' libc6_2.41-12+deb13u5_amd64.deb 2850108 MD5Sum:3c\n\
                      'http://m/redis-server_8.0.2-3%2bdeb13u3_amd64.deb' redis-server_5%3a8.0.2-3+deb13u3_amd64.deb 67364 MD5Sum:4d\n";
        let pinned = |name: &str, version: &str| Pinned {
            name: name.to_owned(),
            version: version.to_owned(),
        };
        assert_eq!(
            parse_print_uris(listed),
            [
                pinned("libc6", "2.41-12+deb13u5"),
                pinned("redis-server", "5:8.0.2-3+deb13u3")
            ]
        );
    }
}
