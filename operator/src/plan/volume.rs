//! Volumes and where they are mounted: root file systems are read-only, so everything that is written needs one.

use super::env;
use k8s_openapi::api::core::v1::{
    ConfigMapVolumeSource, EmptyDirVolumeSource, KeyToPath, SecretVolumeSource, Volume, VolumeMount,
};

/// Where the service and Redis keep files that may go with the pod.
pub(super) const DATA_DIR: &str = "/data";

/// A volume that goes with the pod.
pub(super) fn scratch(name: &str) -> Volume {
    Volume {
        name: name.to_owned(),
        empty_dir: Some(EmptyDirVolumeSource::default()),
        ..Default::default()
    }
}

/// The service's file out of its ConfigMap.
pub(super) fn config_file(name: &str, config_map: &str) -> Volume {
    let item = KeyToPath {
        key: env::CONFIG_FILE.to_owned(),
        path: env::CONFIG_FILE.to_owned(),
        mode: None,
    };
    Volume {
        name: name.to_owned(),
        config_map: Some(ConfigMapVolumeSource {
            name: config_map.to_owned(),
            items: Some(vec![item]),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// The pod's group reads, nobody writes. Only root owns files of a Secret, so this is what lets the service in.
const GROUP_READS: i32 = 0o440;

/// Files out of a Secret: those of the keys that are named with their paths, or all, with those that it gets later. The
/// kubelet replaces them while the pod runs, because the whole folder is mounted.
pub(super) fn secret(name: &str, secret: &str, files: Option<&[(&str, &str)]>) -> Volume {
    let items = files.map(|files| {
        files
            .iter()
            .map(|&(key, path)| KeyToPath {
                key: key.to_owned(),
                path: path.to_owned(),
                mode: None,
            })
            .collect()
    });
    Volume {
        name: name.to_owned(),
        secret: Some(SecretVolumeSource {
            secret_name: Some(secret.to_owned()),
            default_mode: Some(GROUP_READS),
            items,
            optional: None,
        }),
        ..Default::default()
    }
}

/// A volume that the container may write to.
pub(super) fn mount(name: &str, path: &str) -> VolumeMount {
    VolumeMount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        ..Default::default()
    }
}

/// A volume that the container may only read.
pub(super) fn mount_read_only(name: &str, path: &str) -> VolumeMount {
    VolumeMount {
        read_only: Some(true),
        ..mount(name, path)
    }
}
