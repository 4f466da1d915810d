//! Which shared libraries a program of the staging folder needs, asked of the staging folder's own loader.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The loader and the library folders of a staging folder.
#[derive(Debug)]
pub(crate) struct Loader {
    staging: PathBuf,
    program: PathBuf,
    library_path: String,
}

impl Loader {
    /// Finds the loader; none if the packages bring no dynamic programs.
    pub(crate) fn of(staging: &Path) -> Option<Self> {
        let program = ["usr/lib64", "usr/lib"].iter().find_map(|folder| {
            entries(&staging.join(folder))
                .into_iter()
                .find(|path| file_name(path).starts_with("ld-linux"))
        })?;
        let folders: Vec<_> = entries(&staging.join("usr/lib"))
            .into_iter()
            .filter(|path| file_name(path).contains("-linux-gnu"))
            .map(|path| path.display().to_string())
            .collect();
        Some(Self {
            staging: staging.to_owned(),
            program,
            library_path: folders.join(":"),
        })
    }

    /// The loader's own path, relative to the staging folder.
    pub(crate) fn path(&self) -> &Path {
        self.program.strip_prefix(&self.staging).unwrap_or(&self.program)
    }

    /// The libraries that `file`, relative to the staging folder, needs, directly or not; an error names a missing one.
    pub(crate) fn libraries_of(&self, file: &Path) -> Result<BTreeSet<PathBuf>, String> {
        let absolute = self.staging.join(file);
        if !is_elf(&absolute) {
            return Ok(BTreeSet::new());
        }
        let output = Command::new(&self.program)
            .args(["--inhibit-cache", "--library-path", &self.library_path, "--list"])
            .arg(&absolute)
            .output()
            .map_err(|error| format!("{}: {error}", self.program.display()))?;
        // A static program is nothing to the loader, and needs nothing.
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return match said.contains("cannot dynamically load")
                || said.contains("not a dynamic executable")
                || said.trim().is_empty()
            {
                true => Ok(BTreeSet::new()),
                false => Err(format!("{}: {}", file.display(), said.trim())),
            };
        }
        let listed = String::from_utf8_lossy(&output.stdout);
        parse_list(&listed, &self.staging).map_err(|missing| format!("{} needs {missing}", file.display()))
    }
}

/// Reads lines like `libpq.so.5 => /staging/usr/lib/…/libpq.so.5 (0x00007f…)`.
fn parse_list(listed: &str, staging: &Path) -> Result<BTreeSet<PathBuf>, String> {
    listed
        .lines()
        .filter_map(|line| line.split_once("=>"))
        .map(|(name, found)| {
            let path = found.split_whitespace().next().unwrap_or_default();
            match Path::new(path).strip_prefix(staging) {
                Ok(relative) => Ok(relative.to_owned()),
                Err(_) => Err(format!("{}, which no package of the recipe has", name.trim())),
            }
        })
        .collect()
}

fn is_elf(path: &Path) -> bool {
    let mut magic = [0; 4];
    fs::File::open(path)
        .and_then(|mut file| file.read_exact(&mut magic))
        .is_ok()
        && magic == *b"\x7fELF"
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    paths
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_told_relative_to_the_staging_folder() {
        let listed = "\tlinux-vdso.so.1 (0x1)\n\tlibz.so.1 => /st/usr/lib/libz.so.1 (0x2)\n\t/st/usr/lib64/ld-linux.so.2 (0x3)\n";
        let libraries = parse_list(listed, Path::new("/st")).unwrap();
        assert_eq!(libraries, BTreeSet::from([PathBuf::from("usr/lib/libz.so.1")]));
    }

    #[test]
    fn a_library_that_is_absent_or_the_hosts_is_an_error_that_names_it() {
        for listed in [
            "\tlibz.so.1 => not found\n",
            "\tlibz.so.1 => /usr/lib/libz.so.1 (0x2)\n",
        ] {
            let error = parse_list(listed, Path::new("/st")).unwrap_err();
            assert!(error.starts_with("libz.so.1"), "{error}");
        }
    }
}
