//! What the kubelet makes of the service's pod: its variables, and its volumes as files.

use super::fixtures::Fixture;
use k8s_openapi::api::core::v1::{Container, EnvVar, KeyToPath, PodSpec, Secret, Volume};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};
use tempfile::TempDir;
use ultra_operator::{
    cli::render::parse,
    plan::{Objects, Planned},
};
use ultra_service::config::Config;

pub(super) struct Pod {
    root: TempDir,
    planned: Objects<Planned>,
    referenced: Vec<Secret>,
    mounts: Vec<String>,
}

impl Pod {
    pub(super) fn of(fixture: &Fixture) -> Self {
        let (_, referenced) = parse(fixture.name.as_ref(), &fixture.text).unwrap();
        let mut pod = Self {
            root: TempDir::new().unwrap(),
            planned: fixture.planned(),
            referenced,
            mounts: Vec::new(),
        };
        pod.mount_all();
        pod
    }

    pub(super) fn spec(&self) -> &PodSpec {
        let service = self.planned.service.spec.as_ref().unwrap();
        service.template.spec.as_ref().unwrap()
    }

    pub(super) fn container(&self) -> &Container {
        &self.spec().containers[0]
    }

    /// Where a path of the container is on this machine.
    pub(super) fn path(&self, inside: &str) -> PathBuf {
        self.root.path().join(inside.trim_start_matches('/'))
    }

    /// What the service reads.
    pub(super) fn config(&self) -> Config {
        let name = self.planned.service.metadata.name.as_ref().unwrap();
        Config::from_env(self.environment()).unwrap_or_else(|errors| panic!("{name}: {errors}"))
    }

    /// The variables. What they say of mounted files holds on this machine.
    pub(super) fn environment(&self) -> Vec<(String, String)> {
        let variables = self.container().env.iter().flatten();
        variables
            .filter(|variable| !is_optional(variable))
            .map(|variable| {
                let inside = self.value(variable);
                let outside = self.mounts.iter().fold(inside, |value, mount| {
                    value.replace(mount, &self.path(mount).to_string_lossy())
                });
                (variable.name.clone(), outside)
            })
            .collect()
    }

    fn value(&self, variable: &EnvVar) -> String {
        if let Some(value) = &variable.value {
            return value.clone();
        }
        let source = variable.value_from.as_ref().expect("a value or a source");
        let content = match (&source.config_map_key_ref, &source.secret_key_ref) {
            (Some(selector), _) => self.config_map(&selector.name)[&selector.key].clone(),
            (_, Some(selector)) => self.secret(&selector.name)[&selector.key].clone(),
            _ => panic!("{}: neither a ConfigMap nor a Secret", variable.name),
        };
        String::from_utf8(content).unwrap()
    }

    fn mount_all(&mut self) {
        for mount in self.container().volume_mounts.clone().unwrap() {
            let volumes = self.spec().volumes.as_ref().unwrap();
            let volume = volumes.iter().find(|volume| volume.name == mount.name).unwrap();
            let Some(files) = self.files(volume) else { continue };
            assert_eq!(mount.read_only, Some(true), "{}", mount.name);
            assert_eq!(
                mount.sub_path, None,
                "{}: the kubelet never changes a file that is mounted by itself",
                mount.name
            );
            let folder = self.path(&mount.mount_path);
            // The runtime cannot make a mount point in a volume that is read-only.
            assert!(is_apart(&mount.mount_path, &self.mounts), "{}", mount.mount_path);
            fs::create_dir_all(&folder).unwrap();
            for (name, content) in files {
                fs::write(folder.join(name), content).unwrap();
            }
            self.mounts.push(mount.mount_path);
        }
    }

    fn files(&self, volume: &Volume) -> Option<BTreeMap<String, Vec<u8>>> {
        let (content, items) = match (&volume.secret, &volume.config_map) {
            (Some(secret), _) => (self.secret(secret.secret_name.as_ref().unwrap()), &secret.items),
            (_, Some(config_map)) => (self.config_map(&config_map.name), &config_map.items),
            _ => return None,
        };
        Some(match items {
            None => content,
            Some(items) => items
                .iter()
                .map(|KeyToPath { key, path, .. }| (path.clone(), content[key].clone()))
                .collect(),
        })
    }

    fn config_map(&self, name: &str) -> BTreeMap<String, Vec<u8>> {
        let planned = &self.planned.config_map;
        assert_eq!(planned.metadata.name.as_deref(), Some(name));
        let data = planned.data.iter().flatten();
        data.map(|(key, text)| (key.clone(), text.clone().into_bytes()))
            .collect()
    }

    fn secret(&self, name: &str) -> BTreeMap<String, Vec<u8>> {
        let secret = self
            .planned
            .secrets
            .iter()
            .chain(&self.referenced)
            .find(|secret| secret.metadata.name.as_deref() == Some(name))
            .unwrap_or_else(|| panic!("Secret {name} is neither planned nor referenced"));
        let data = secret.data.iter().flatten();
        data.map(|(key, value)| (key.clone(), value.0.clone())).collect()
    }
}

fn is_apart(path: &str, others: &[String]) -> bool {
    let path = Path::new(path);
    others
        .iter()
        .map(Path::new)
        .all(|other| !path.starts_with(other) && !other.starts_with(path))
}

/// The kubelet leaves out a variable whose source may be missing, and is.
fn is_optional(variable: &EnvVar) -> bool {
    let source = variable
        .value_from
        .as_ref()
        .and_then(|source| source.config_map_key_ref.as_ref());
    source.is_some_and(|selector| selector.optional == Some(true))
}
