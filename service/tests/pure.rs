//! What needs nothing but the crate: generated files are fresh, and the program says what is wrong with its
//! configuration.

#![allow(clippy::unwrap_used, reason = "a test's helpers may fail the test")]

use std::{
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt as _,
    path::PathBuf,
    process::{Command, Output},
};

use ultra_service::{
    config::{docs, schema},
    http,
};

fn assert_fresh(path: &str, generated: &str, command: &str) {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    let committed = fs::read_to_string(file).unwrap_or_default();
    assert!(
        committed == generated,
        "{path} is stale; run: cargo run -p ultra-service -- {command} > {path}"
    );
}

#[test]
fn the_committed_openapi_document_is_the_one_that_is_served() {
    assert_fresh("docs/api/openapi.json", &http::openapi(), "openapi");
}

#[test]
fn the_committed_list_of_variables_is_the_one_that_is_read() {
    assert_fresh(
        "docs/configuration/environment_variables.md",
        &docs::markdown(),
        "config docs",
    );
    assert_fresh(".env.example", &docs::dotenv(), "config env");
    assert_fresh(
        "docs/configuration/environment.schema.json",
        &schema::variables(),
        "config schema variables",
    );
    assert_fresh(
        "docs/configuration/file.schema.json",
        &schema::file(),
        "config schema file",
    );
}

/// What build scripts tell the compiler is in the program's environment, too, where cargo runs it. So it is in a test's.
#[test]
fn the_environment_in_which_cargo_runs_the_program_is_no_mistake() {
    let folder = tempfile::TempDir::new().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_ultra-service"))
        .args(["config", "check"])
        .env_clear()
        .envs(std::env::vars_os().filter(|(name, _)| name.as_bytes().starts_with(b"ULTRA_")))
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

/// The program in a folder of its own, with nothing but these variables.
fn config(command: &str, vars: &[(&str, &OsStr)], dotenv: &str) -> Output {
    let folder = tempfile::TempDir::new().unwrap();
    fs::write(folder.path().join(".env"), dotenv).unwrap();
    Command::new(env!("CARGO_BIN_EXE_ultra-service"))
        .args(["config", command])
        .env_clear()
        .envs(vars.iter().copied())
        .current_dir(&folder)
        .output()
        .unwrap()
}

#[test]
fn a_configuration_can_be_checked_without_starting() {
    let right = config("check", &[], "ULTRA_PROFILE=testing\n");
    assert_eq!(right.status.code(), Some(0));
    assert!(
        String::from_utf8_lossy(&right.stdout).contains("OK: the service would start in the testing profile")
    );

    let wrong = config(
        "check",
        &[("ULTRA_CACHE_TTL", OsStr::new("1d"))],
        "REDIS_URL=canary\n",
    );
    let told = String::from_utf8_lossy(&wrong.stderr);
    assert_eq!(wrong.status.code(), Some(78), "{told}");
    assert!(
        told.contains("has 2 errors") && told.contains("ULTRA_CACHE_TTL=1d"),
        "{told}"
    );
    assert!(!told.contains("canary"), "{told}");
}

#[test]
fn what_applies_is_shown_without_secrets() {
    let url = OsStr::new("redis://:canary@cache");
    let shown = config("show", &[("REDIS_URL", url)], "ULTRA_CACHE_TTL=2h\n");
    let text = String::from_utf8_lossy(&shown.stdout);
    assert!(
        shown.status.success() && text.contains("REDIS_URL=[redacted]"),
        "{text}"
    );
    let ttl = text
        .lines()
        .find(|line| line.starts_with("ULTRA_CACHE_TTL=2h"))
        .unwrap();
    assert!(ttl.ends_with("# .env") && !text.contains("canary"), "{text}");
}

#[test]
fn a_value_that_is_not_text_is_an_error_and_not_ignored() {
    let wrong = config("check", &[("ULTRA_DATA_DIR", OsStr::from_bytes(b"/d\xff"))], "");
    let told = String::from_utf8_lossy(&wrong.stderr);
    assert_eq!(wrong.status.code(), Some(78), "{told}");
    assert!(told.contains("is not UTF-8"), "{told}");
}
