//! A volume that exists is never asked to become another one.

use super::fixtures::{Fixture, fresh, images};
use k8s_openapi::jiff::Timestamp;
use std::sync::Arc;
use ultra_operator::{
    cli::render::parse,
    image::ImageName,
    observe::Observed,
    plan::plan,
    settings::Images,
    validate::{BuiltinPostgres, Database, Invalid, validate},
};

const MINIMAL: &str = "{kind: UltraDeployment, metadata: {name: demo}, spec: {}}";

/// What a spec means where the volume of the smallest one exists.
fn with_volume_of_minimal(text: &str, images: &Images) -> Result<BuiltinPostgres, Invalid> {
    let made = Fixture {
        name: "minimal".into(),
        text: MINIMAL.into(),
    }
    .planned()
    .postgres
    .unwrap();
    let mut observed = Observed::empty([], fresh(), Timestamp::UNIX_EPOCH);
    observed.children.stateful_sets.push(Arc::new(made));
    let (ud, _) = parse("demo".as_ref(), text).unwrap();
    let validated = validate(&ud, &observed, images)?;
    // It must be plannable, too.
    plan(&validated);
    match validated.database {
        Database::Builtin(postgres) => Ok(postgres),
        Database::External(_) => panic!("the database is not built in"),
    }
}

fn spec(builtin: &str) -> String {
    format!("{{kind: UltraDeployment, metadata: {{name: demo}}, spec: {{database: {{builtin: {builtin}}}}}}}")
}

#[test]
fn a_newer_default_of_the_operator_leaves_an_existing_database_at_its_major_version() {
    let newer = Images {
        postgres: ImageName::new("registry.example.com/postgres", "18"),
        ..images()
    };
    let postgres = with_volume_of_minimal(MINIMAL, &newer).unwrap();
    assert_eq!(postgres.image.to_string(), "registry.example.com/postgres:17");
    let minor = Images {
        postgres: ImageName::new("postgres", "17.9"),
        ..images()
    };
    assert_eq!(
        with_volume_of_minimal(MINIMAL, &minor).unwrap().image.to_string(),
        "postgres:17.9"
    );
}

#[test]
fn another_size_class_or_version_is_refused_with_the_one_that_exists() {
    for (builtin, existing) in [
        ("{storage: 2Gi}", "1Gi"),
        ("{storageClassName: fast}", "default"),
        ("{version: \"16\"}", "17"),
    ] {
        let refused = with_volume_of_minimal(&spec(builtin), &images()).unwrap_err();
        assert_eq!(refused.reason(), "VolumeFixed");
        assert!(refused.to_string().contains(existing), "{refused}");
    }
}

#[test]
fn the_same_size_in_other_words_is_the_same_size() {
    let postgres = with_volume_of_minimal(&spec("{storage: 1024Mi, version: \"17\"}"), &images()).unwrap();
    assert_eq!(postgres.storage.0, "1Gi");
}
