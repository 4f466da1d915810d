//! Generated files are committed; a stale one names the command that refreshes it.

use kube::CustomResourceExt;
use serde::Serialize;
use ultra_operator::{cli::print, crd::UltraDeployment, install};

fn assert_fresh<T: Serialize>(path: &str, documents: &[T], subcommand: &str) {
    let file = format!("{}/../{path}", env!("CARGO_MANIFEST_DIR"));
    let committed = std::fs::read_to_string(file).unwrap_or_default();
    let mut generated = Vec::new();
    print::yaml(documents, &mut generated).unwrap();
    assert!(
        committed.as_bytes() == generated,
        "{path} is stale; refresh it by `cargo run -p ultra-operator -- {subcommand} > {path}`"
    );
}

#[test]
fn the_crd_in_the_repository_is_the_one_in_the_code() {
    assert_fresh(
        "manifests/crd/ultradeployments.yaml",
        &[UltraDeployment::crd()],
        "crd",
    );
}

#[test]
fn the_install_manifest_in_the_repository_is_the_one_in_the_code() {
    assert_fresh("manifests/install.yaml", &install::manifest().unwrap(), "install");
}

#[test]
fn the_crd_fits_into_the_annotation_in_which_kubectl_keeps_it() {
    let json = serde_json::to_vec(&UltraDeployment::crd()).unwrap();
    assert!(json.len() < 200 * 1024, "{} bytes", json.len());
}
