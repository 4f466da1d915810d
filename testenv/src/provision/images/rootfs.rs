//! The files of an image, as a list from path to content, written as a tar that depends on nothing else.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};

use super::staging::merged_path;

/// An image's root file system. Everything in it belongs to root unless it says otherwise.
#[derive(Debug, Default)]
pub(crate) struct RootFs {
    entries: BTreeMap<PathBuf, Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Entry {
    Folder { mode: u32, owner: u32 },
    File { content: Content, mode: u32 },
    Link { target: PathBuf },
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Content {
    At(PathBuf),
    Bytes(Vec<u8>),
}

impl RootFs {
    pub(crate) fn add_folder(&mut self, path: impl AsRef<Path>, mode: u32, owner: u32) {
        self.insert(path.as_ref(), Entry::Folder { mode, owner });
    }

    pub(crate) fn add_link(&mut self, path: impl AsRef<Path>, target: impl Into<PathBuf>) {
        self.insert(
            path.as_ref(),
            Entry::Link {
                target: target.into(),
            },
        );
    }

    pub(crate) fn add_bytes(&mut self, path: impl AsRef<Path>, content: impl Into<Vec<u8>>, mode: u32) {
        self.insert(
            path.as_ref(),
            Entry::File {
                content: Content::Bytes(content.into()),
                mode,
            },
        );
    }

    pub(crate) fn add_file(&mut self, path: impl AsRef<Path>, source: impl Into<PathBuf>, mode: u32) {
        self.insert(
            path.as_ref(),
            Entry::File {
                content: Content::At(source.into()),
                mode,
            },
        );
    }

    /// Adds a path of `staging` with all that is below it; a symbolic link brings its target along.
    pub(crate) fn add_staged(
        &mut self,
        staging: &Path,
        path: &Path,
        wanted: &dyn Fn(&Path) -> bool,
    ) -> io::Result<()> {
        if !wanted(path) {
            return Ok(());
        }
        let absolute = staging.join(path);
        let metadata = fs::symlink_metadata(&absolute)?;
        // A folder may be here only as the parent of something else, so it is walked again; all else is added once.
        if !metadata.is_dir() && self.entries.contains_key(path) {
            return Ok(());
        }
        let mode = metadata.permissions().mode() & 0o7777;
        if metadata.is_symlink() {
            let target = fs::read_link(&absolute)?;
            let aim = merged_path(&resolve(path, &target));
            self.add_link(path, target);
            // Some packages ship links into packages that the recipe leaves out.
            if let Some(aim) = aim.filter(|aim| fs::symlink_metadata(staging.join(aim)).is_ok()) {
                self.add_staged(staging, &aim, wanted)?;
            }
        } else if metadata.is_dir() {
            if path != Path::new("") {
                self.add_folder(path, mode, 0);
            }
            for entry in fs::read_dir(&absolute)? {
                self.add_staged(staging, &path.join(entry?.file_name()), wanted)?;
            }
        } else {
            self.add_file(path, absolute, mode);
        }
        Ok(())
    }

    /// Appends to a file that is already here.
    pub(crate) fn append(&mut self, path: &str, text: &str) -> io::Result<()> {
        let missing = || io::Error::new(io::ErrorKind::NotFound, format!("{path} is not in the image"));
        let Some(Entry::File { content, .. }) = self.entries.get_mut(Path::new(path)) else {
            return Err(missing());
        };
        let mut bytes = match content {
            Content::At(source) => fs::read(source)?,
            Content::Bytes(bytes) => std::mem::take(bytes),
        };
        bytes.extend_from_slice(text.as_bytes());
        *content = Content::Bytes(bytes);
        Ok(())
    }

    /// The regular files that came from elsewhere.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let is_file = |entry: &Entry| {
            matches!(
                entry,
                Entry::File {
                    content: Content::At(_),
                    ..
                }
            )
        };
        self.entries
            .iter()
            .filter(|(_, entry)| is_file(entry))
            .map(|(path, _)| path.clone())
            .collect()
    }

    /// Writes the archive; the same entries make the same bytes.
    pub(crate) fn write_tar(&self, output: impl Write) -> io::Result<()> {
        let mut archive = tar::Builder::new(output);
        for (path, entry) in &self.entries {
            append_entry(&mut archive, path, entry)?;
        }
        archive.into_inner()?.flush()
    }

    /// Parents come into being with their children; an entry that says more about itself wins.
    fn insert(&mut self, path: &Path, entry: Entry) {
        for parent in path.ancestors().skip(1).filter(|parent| *parent != Path::new("")) {
            self.entries.entry(parent.to_owned()).or_insert(Entry::Folder {
                mode: 0o755,
                owner: 0,
            });
        }
        self.entries.insert(path.to_owned(), entry);
    }
}

fn append_entry(archive: &mut tar::Builder<impl Write>, path: &Path, entry: &Entry) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(0);
    match entry {
        Entry::Folder { mode, owner } => {
            header.set_entry_type(tar::EntryType::Directory);
            header.set_mode(*mode);
            header.set_uid(u64::from(*owner));
            header.set_gid(u64::from(*owner));
            archive.append_data(&mut header, path, io::empty())
        }
        Entry::Link { target } => {
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_mode(0o777);
            archive.append_link(&mut header, path, target)
        }
        Entry::File {
            content: Content::Bytes(bytes),
            mode,
        } => {
            header.set_mode(*mode);
            header.set_size(bytes.len() as u64);
            archive.append_data(&mut header, path, bytes.as_slice())
        }
        Entry::File {
            content: Content::At(source),
            mode,
        } => {
            let file = fs::File::open(source)?;
            header.set_mode(*mode);
            header.set_size(file.metadata()?.len());
            archive.append_data(&mut header, path, file)
        }
    }
}

/// Where a link at `path` leads, relative to the root.
fn resolve(path: &Path, target: &Path) -> PathBuf {
    let mut resolved = match target.is_absolute() {
        true => PathBuf::new(),
        false => path.parent().unwrap_or(Path::new("")).to_owned(),
    };
    for component in target.components() {
        match component {
            Component::Normal(part) => resolved.push(part),
            Component::ParentDir => {
                resolved.pop();
            }
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    resolved
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tar_of(rootfs: &RootFs) -> Vec<u8> {
        let mut bytes = Vec::new();
        rootfs.write_tar(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn a_staged_link_brings_its_target_and_parents_along() {
        let staging = tempfile::tempdir().unwrap();
        fs::create_dir_all(staging.path().join("usr/lib/deep")).unwrap();
        fs::write(staging.path().join("usr/lib/deep/libx.so.5.17"), "x").unwrap();
        std::os::unix::fs::symlink("deep/libx.so.5.17", staging.path().join("usr/lib/libx.so.5")).unwrap();
        let mut rootfs = RootFs::default();
        rootfs
            .add_staged(staging.path(), Path::new("usr/lib/libx.so.5"), &|_| true)
            .unwrap();
        let paths: Vec<_> = rootfs
            .entries
            .keys()
            .map(|path| path.display().to_string())
            .collect();
        assert_eq!(
            paths,
            [
                "usr",
                "usr/lib",
                "usr/lib/deep",
                "usr/lib/deep/libx.so.5.17",
                "usr/lib/libx.so.5"
            ]
        );
    }

    #[test]
    fn a_folder_is_whole_although_one_of_its_files_came_first() {
        let staging = tempfile::tempdir().unwrap();
        fs::create_dir(staging.path().join("zones")).unwrap();
        for name in ["Berlin", "Oslo"] {
            fs::write(staging.path().join("zones").join(name), name).unwrap();
        }
        let mut rootfs = RootFs::default();
        for path in ["zones/Oslo", "zones"] {
            rootfs
                .add_staged(staging.path(), Path::new(path), &|_| true)
                .unwrap();
        }
        assert!(rootfs.entries.contains_key(Path::new("zones/Berlin")));
    }

    #[test]
    fn equal_entries_make_equal_archives_in_which_owners_and_modes_hold() {
        let build = || {
            let mut rootfs = RootFs::default();
            rootfs.add_bytes("data/motd", "hello", 0o640);
            rootfs.add_folder("data", 0o700, 999);
            tar_of(&rootfs)
        };
        assert_eq!(build(), build());
        let bytes = build();
        let mut archive = tar::Archive::new(&bytes[..]);
        let entries: Vec<_> = archive
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let header = entry.header();
                (
                    entry.path().unwrap().display().to_string(),
                    header.uid().unwrap(),
                    header.mode().unwrap(),
                )
            })
            .collect();
        assert_eq!(
            entries,
            [
                ("data".to_owned(), 999, 0o700),
                ("data/motd".to_owned(), 0, 0o640)
            ]
        );
    }

    #[test]
    fn text_goes_to_the_end_of_a_file_and_a_missing_file_is_an_error() {
        let mut rootfs = RootFs::default();
        rootfs.add_bytes("etc/conf", "a\n", 0o644);
        rootfs.append("etc/conf", "b\n").unwrap();
        assert_eq!(
            rootfs.entries[Path::new("etc/conf")],
            Entry::File {
                content: Content::Bytes(b"a\nb\n".to_vec()),
                mode: 0o644
            }
        );
        assert!(rootfs.append("etc/none", "b\n").is_err());
    }
}
