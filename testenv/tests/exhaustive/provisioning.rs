//! Provisioning on machines that lack something: each run ends with one line that says what to do.

use std::path::Path;
use std::process::{Command, Output};

/// A port on which nothing listens.
const NOWHERE: &str = "http://127.0.0.1:9";

fn provision(cache: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cargo-testenv"))
        .arg("provision")
        .args(arguments)
        .env("XDG_CACHE_HOME", cache)
        .env_remove("KUBEBUILDER_ASSETS")
        .envs(environment.iter().copied())
        .output()
        .unwrap()
}

/// The error, which must be the last line and the only one of its kind.
fn error_of(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{said}");
    let errors: Vec<_> = said.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 1, "{said}");
    assert_eq!(said.lines().last(), errors.first().copied(), "{said}");
    errors[0].to_owned()
}

#[test]
fn a_machine_without_go_is_told_to_install_it() {
    let cache = tempfile::tempdir().unwrap();
    let output = provision(
        cache.path(),
        &["--only", "kubernetes"],
        &[("PATH", "/nonexistent")],
    );
    let error = error_of(&output);
    assert!(error.contains("`go` is not installed: install Go"), "{error}");
}

#[test]
fn a_broken_download_is_told_and_leaves_nothing_that_counts_as_built() {
    let cache = tempfile::tempdir().unwrap();
    let go = |name: &str| cache.path().join(name).display().to_string();
    let output = provision(
        cache.path(),
        &["--only", "kubernetes"],
        &[
            ("GOPROXY", NOWHERE),
            ("GOMODCACHE", &go("modules")),
            ("GOCACHE", &go("compiled")),
        ],
    );
    let error = error_of(&output);
    assert!(
        error.contains("the download failed") && error.contains("it resumes"),
        "{error}"
    );
    let built = walk(&cache.path().join("ultra"));
    assert!(!built.iter().any(|path| path.ends_with("bin/etcd")), "{built:?}");
}

#[test]
fn an_engine_that_does_not_answer_is_named() {
    let cache = tempfile::tempdir().unwrap();
    let output = provision(
        cache.path(),
        &["--only", "engine"],
        &[("DOCKER_HOST", "unix:///nonexistent")],
    );
    let error = error_of(&output);
    assert!(
        error.contains("DOCKER_HOST=unix:///nonexistent") && error.contains("unset it"),
        "{error}"
    );
}

#[test]
fn a_full_disk_is_told_with_the_space_that_is_needed() {
    if !nix::unistd::Uid::effective().is_root() {
        println!("skipped: only root can mount a small disk");
        return;
    }
    let disk = SmallDisk::mount();
    let output = provision(disk.folder.path(), &["--only", "kubernetes"], &[]);
    let error = error_of(&output);
    assert!(
        error.contains("the disk is full") && error.contains("free at least 1500 MB"),
        "{error}"
    );
}

/// A disk of 20 MB, unmounted with its owner.
struct SmallDisk {
    folder: tempfile::TempDir,
}

impl SmallDisk {
    fn mount() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=20m", "tmpfs"])
            .arg(folder.path())
            .status();
        assert!(mounted.unwrap().success());
        Self { folder }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.folder.path()).status();
    }
}

fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .flat_map(|entry| match entry.path() {
            path if path.is_dir() => walk(&path),
            path => vec![path],
        })
        .collect()
}
