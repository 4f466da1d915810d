//! What needs nothing but the crate: generated files are fresh.

use std::{fs, path::PathBuf};

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
