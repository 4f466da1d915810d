//! Unpacks packages into a folder that looks like the installed system, without running any of their scripts.

use std::fs;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};

use crate::provision::error::{Error, Result};

const STEP: &str = "unpacking packages";
const REMEDY: &str = "install dpkg";

/// Folders that newer releases have below `/usr` and older packages still ship beside it.
pub(crate) const MERGED: [&str; 4] = ["bin", "lib", "lib64", "sbin"];

/// Unpacks every `.deb` of a folder into `staging`.
pub(crate) fn unpack_all(packages: &Path, staging: &Path) -> Result<()> {
    let at = |path: &Path, error| Error::file(STEP, path, error);
    for name in MERGED {
        let merged = staging.join("usr").join(name);
        fs::create_dir_all(&merged).map_err(|error| at(&merged, error))?;
        let link = staging.join(name);
        std::os::unix::fs::symlink(format!("usr/{name}"), &link).map_err(|error| at(&link, error))?;
    }
    let listed = fs::read_dir(packages).map_err(|error| at(packages, error))?;
    for entry in listed {
        let package = entry.map_err(|error| at(packages, error))?.path();
        if package.extension().is_some_and(|extension| extension == "deb") {
            unpack(&package, staging)?;
        }
    }
    Ok(())
}

fn unpack(package: &Path, staging: &Path) -> Result<()> {
    let mut child = Command::new("dpkg-deb")
        .arg("--fsys-tarfile")
        .arg(package)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::MissingTool {
                tool: "dpkg-deb".to_owned(),
                remedy: REMEDY.to_owned(),
            },
            _ => Error::file(STEP, package, error),
        })?;
    let unpacked = match child.stdout.take() {
        Some(archive) => unpack_archive(archive, staging),
        None => Ok(()),
    };
    let status = child.wait().map_err(|error| Error::file(STEP, package, error))?;
    unpacked.map_err(|error| Error::file(STEP, staging, error))?;
    if !status.success() {
        // Removed, so that the next run downloads it again.
        let _ = fs::remove_file(package);
        return Err(Error::Download {
            step: format!("{STEP}: {}", package.display()),
            reason: "the package is damaged".to_owned(),
        });
    }
    Ok(())
}

fn unpack_archive(archive: impl Read, staging: &Path) -> io::Result<()> {
    let mut archive = tar::Archive::new(archive);
    archive.set_overwrite(true);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let Some(path) = merged_path(&entry.path()?) else {
            continue;
        };
        let target = staging.join(&path);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        let kind = entry.header().entry_type();
        if kind.is_hard_link() {
            let original = entry.link_name()?.and_then(|name| merged_path(&name));
            fs::hard_link(staging.join(original.unwrap_or_default()), &target)?;
        } else if kind.is_dir() {
            fs::create_dir_all(&target)?;
        } else if kind.is_file() || kind.is_symlink() {
            entry.unpack(&target)?;
        }
    }
    Ok(())
}

/// The path relative to the root, below `/usr` where releases have merged; none for the root and for the merging links.
pub(crate) fn merged_path(path: &Path) -> Option<PathBuf> {
    let mut parts = path.components().filter_map(|component| match component {
        Component::Normal(part) => Some(part),
        _ => None,
    });
    let first = parts.next()?;
    let rest: PathBuf = parts.collect();
    if !MERGED.iter().any(|merged| first == *merged) {
        return Some(Path::new(first).join(rest));
    }
    (rest != Path::new("")).then(|| Path::new("usr").join(first).join(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_beside_usr_move_below_it_and_the_merging_links_stay() {
        let merged = |path: &str| merged_path(Path::new(path));
        assert_eq!(
            merged("./lib/x86_64-linux-gnu/libc.so.6"),
            Some("usr/lib/x86_64-linux-gnu/libc.so.6".into())
        );
        assert_eq!(merged("./usr/bin/psql"), Some("usr/bin/psql".into()));
        assert_eq!(merged("./etc"), Some("etc".into()));
        assert_eq!(merged("./bin"), None);
        assert_eq!(merged("./"), None);
        assert_eq!(merged("./../../etc/passwd"), Some("etc/passwd".into()));
    }

    #[test]
    fn a_packages_hard_links_and_symbolic_links_survive() {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(4);
        header.set_mode(0o755);
        builder
            .append_data(&mut header, "./bin/tool", &b"tool"[..])
            .unwrap();
        for (kind, name, target) in [
            (tar::EntryType::Link, "./usr/bin/same", "./bin/tool"),
            (tar::EntryType::Symlink, "./usr/bin/alias", "tool"),
        ] {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(kind);
            header.set_size(0);
            builder.append_link(&mut header, name, target).unwrap();
        }
        let archive = builder.into_inner().unwrap();
        let staging = tempfile::tempdir().unwrap();
        unpack_archive(&archive[..], staging.path()).unwrap();
        for name in ["tool", "same", "alias"] {
            assert_eq!(
                fs::read(staging.path().join("usr/bin").join(name)).unwrap(),
                b"tool",
                "{name}"
            );
        }
    }
}
