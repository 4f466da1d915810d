//! Kubernetes' own programs: `KUBEBUILDER_ASSETS`, else the cache, else built from Go modules.
//!
//! The official release, checked by SHA-256, belongs between the cache and the build.

use std::path::{Path, PathBuf};

use super::Provisioner;
use super::artefact::identity_of;
use super::assets;
use super::error::{Error, Result};
use super::go::{Built, GoProgram, verified};
use crate::versions::Versions;

const STRIPPED: &str = "-s -w";
/// The largest program, with what the compiler keeps for it.
const SPACE_MB: u64 = 1500;
const CONTAINERD_TAGS: &str = "no_btrfs,no_devmapper,no_zfs";
const KUBERNETES_PROGRAMS: [(&str, &str); 6] = [
    ("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
    (
        "kube-controller-manager",
        "k8s.io/kubernetes/cmd/kube-controller-manager",
    ),
    ("kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler"),
    ("kube-proxy", "k8s.io/kubernetes/cmd/kube-proxy"),
    ("kubelet", "k8s.io/kubernetes/cmd/kubelet"),
    ("kubectl", "k8s.io/kubernetes/cmd/kubectl"),
];
const CONTAINERD_PROGRAMS: [(&str, &str); 3] = [
    ("containerd", "github.com/containerd/containerd/v2/cmd/containerd"),
    (
        "containerd-shim-runc-v2",
        "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2",
    ),
    ("ctr", "github.com/containerd/containerd/v2/cmd/ctr"),
];

/// The programs of a control plane and a node.
#[derive(Debug, Clone)]
pub struct KubernetesBinaries {
    programs: Vec<(&'static str, Built)>,
}

impl KubernetesBinaries {
    /// Where a program is: `etcd`, `kube-apiserver`, `kube-controller-manager`, `kube-scheduler`, `kube-proxy`,
    /// `kubelet`, `kubectl`, `containerd`, `containerd-shim-runc-v2` or `ctr`.
    pub fn path(&self, name: &str) -> Result<&Path> {
        self.program(name).map(|built| built.path.as_path())
    }

    pub(crate) fn with_digest(&self, name: &str) -> Result<(PathBuf, String)> {
        self.program(name)
            .map(|built| (built.path.clone(), built.digest.clone()))
    }

    fn program(&self, name: &str) -> Result<&Built> {
        let found = self.programs.iter().find(|(program, _)| *program == name);
        found.map(|(_, built)| built).ok_or_else(|| Error::MissingTool {
            tool: name.to_owned(),
            remedy: "ask for one of the programs of Kubernetes that were provisioned".to_owned(),
        })
    }
}

impl Provisioner {
    /// All programs that a control plane and a node need.
    pub async fn kubernetes(&self) -> Result<KubernetesBinaries> {
        self.kubernetes_programs(&program_names()).await
    }

    /// Only some of the programs: `etcd` and `kube-apiserver` are all that a bare API server needs.
    pub async fn kubernetes_programs(&self, names: &[&str]) -> Result<KubernetesBinaries> {
        let wanted = programs()
            .into_iter()
            .filter(|program| names.contains(&program.name));
        let (mut found, mut missing) = (Vec::new(), Vec::new());
        for program in wanted {
            match from_kubebuilder(program.name)? {
                Some(built) => found.push((program.name, built)),
                None => missing.push(program),
            }
        }
        let built = self.go_programs(&cache_folder(), &missing).await?;
        found.extend(missing.iter().map(|program| program.name).zip(built));
        Ok(KubernetesBinaries { programs: found })
    }
}

impl Provisioner {
    /// The programs that [`Provisioner::kubernetes`] would have to build.
    pub fn missing_kubernetes_programs(&self) -> Vec<&'static str> {
        let bin = self.cache.path().join(cache_folder()).join("bin");
        let provided = |name| matches!(from_kubebuilder(name), Ok(Some(_)));
        programs()
            .iter()
            .filter(|program| !provided(program.name) && verified(&bin, program).is_none())
            .map(|program| program.name)
            .collect()
    }
}

/// Where the programs lie, relative to the cache folder.
fn cache_folder() -> String {
    format!("kubernetes/{}", Versions::supported().kubernetes.default)
}

/// Every program's name.
fn program_names() -> Vec<&'static str> {
    programs().iter().map(|program| program.name).collect()
}

fn programs() -> Vec<GoProgram> {
    let etcd = GoProgram {
        name: "etcd",
        module: &assets::KUBERNETES,
        package: "go.etcd.io/etcd/server/v3",
        tags: "",
        ldflags: STRIPPED.to_owned(),
        space_mb: SPACE_MB,
    };
    let ldflags = kubernetes_ldflags(&Versions::supported().kubernetes.default);
    let kubernetes = KUBERNETES_PROGRAMS.map(|(name, package)| GoProgram {
        name,
        module: &assets::KUBERNETES,
        package,
        tags: "",
        ldflags: ldflags.clone(),
        space_mb: SPACE_MB,
    });
    let containerd = CONTAINERD_PROGRAMS.map(|(name, package)| GoProgram {
        name,
        module: &assets::CONTAINERD,
        package,
        tags: CONTAINERD_TAGS,
        ldflags: STRIPPED.to_owned(),
        space_mb: SPACE_MB,
    });
    std::iter::once(etcd)
        .chain(kubernetes)
        .chain(containerd)
        .collect()
}

/// What the release's own build stamps into the programs.
fn kubernetes_ldflags(version: &str) -> String {
    let stamp = "k8s.io/component-base/version";
    let mut numbers = version.split('.');
    let (major, minor) = (
        numbers.next().unwrap_or_default(),
        numbers.next().unwrap_or_default(),
    );
    format!(
        "{STRIPPED} -X {stamp}.gitVersion=v{version} -X {stamp}.gitMajor={major} -X {stamp}.gitMinor={minor} -X {stamp}.gitTreeState=clean"
    )
}

fn from_kubebuilder(name: &str) -> Result<Option<Built>> {
    let Some(folder) = std::env::var_os("KUBEBUILDER_ASSETS") else {
        return Ok(None);
    };
    let path = PathBuf::from(folder).join(name);
    if !path.is_file() {
        return Ok(None);
    }
    let digest =
        identity_of(&path).map_err(|error| Error::file("reading KUBEBUILDER_ASSETS", &path, error))?;
    Ok(Some(Built { path, digest }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pinned_module_is_the_version_that_the_table_promises() {
        let version = &Versions::supported().kubernetes.default;
        let pins = assets::KUBERNETES.files[0].1;
        assert!(pins.contains(&format!("k8s.io/kubernetes v{version}")), "{pins}");
    }

    #[test]
    fn every_program_is_a_tool_of_its_module() {
        for program in programs() {
            assert!(
                program.module.files[0].1.contains(program.package),
                "{}",
                program.name
            );
        }
    }
}
