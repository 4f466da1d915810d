//! Every YAML file in `tests/fixtures` and every example, through the real validate and the real plan.

use k8s_openapi::jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use std::{fs, path::PathBuf};
use ultra_operator::{
    cli::render::{documents, parse},
    fresh::{Fresh, FreshKey, master_key},
    image::ImageName,
    observe::Observed,
    plan::{Objects, Planned, plan},
    settings::Images,
    validate::{Invalid, Validated, validate},
};

pub(super) struct Fixture {
    pub(super) name: String,
    pub(super) text: String,
}

impl Fixture {
    pub(super) fn validated(&self) -> Result<Validated, Invalid> {
        let (ud, secrets) = parse(self.name.as_ref(), &self.text).expect("the fixture is well formed");
        let observed = Observed::empty(secrets, fresh(), Timestamp::UNIX_EPOCH);
        validate(&ud, &observed, &images())
    }

    pub(super) fn planned(&self) -> Objects<Planned> {
        plan(
            &self
                .validated()
                .unwrap_or_else(|invalid| panic!("{}: {invalid}", self.name)),
        )
    }

    pub(super) fn children(&self) -> Vec<serde_json::Value> {
        documents(self.planned()).expect("objects serialize")
    }
}

/// The same in every run. It reads like random bytes, because production refuses keys that do not.
pub(super) fn fresh() -> Fresh {
    let key = |name: &str| Sha256::digest(name).into();
    Fresh {
        postgres: "postgres-password".into(),
        redis: "redis-password".into(),
        jwt: FreshKey::of(&key("jwt")),
        master_key: master_key(&key("master")),
    }
}

/// Versions of their own, so that a release changes no snapshot.
pub(super) fn images() -> Images {
    Images {
        service: ImageName::new("ultra-service", "1.2.3"),
        postgres: ImageName::new("postgres", "17"),
        redis: ImageName::new("redis", "8"),
    }
}

pub(super) fn fixtures() -> Vec<Fixture> {
    read("tests/fixtures")
}

pub(super) fn examples() -> Vec<Fixture> {
    read("../manifests/examples")
}

fn read(folder: &str) -> Vec<Fixture> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "no fixtures");
    paths
        .into_iter()
        .map(|path| Fixture {
            name: path.file_stem().unwrap().to_string_lossy().into_owned(),
            text: fs::read_to_string(&path).unwrap(),
        })
        .collect()
}
