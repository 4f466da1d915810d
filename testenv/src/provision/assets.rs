//! The data files that provisioning reads, embedded so that an installed binary needs no source tree.

/// The files of one image's folder under `assets/images`.
#[derive(Debug)]
pub(crate) struct ImageAssets {
    pub(crate) files: &'static [(&'static str, &'static str)],
}

impl ImageAssets {
    /// The content of a file in the folder.
    pub(crate) fn file(&self, name: &str) -> Option<&'static str> {
        self.files
            .iter()
            .find(|(file, _)| *file == name)
            .map(|(_, content)| *content)
    }
}

macro_rules! assets {
    ($folder:literal: $($name:literal),+) => {
        &[$(($name, include_str!(concat!("../../assets/", $folder, "/", $name)))),+]
    };
}

pub(crate) static POSTGRES: ImageAssets = ImageAssets {
    files: assets!("images/postgres": "recipe.yaml", "Dockerfile", "docker-entrypoint.sh"),
};

pub(crate) static REDIS: ImageAssets = ImageAssets {
    files: assets!("images/redis": "recipe.yaml", "Dockerfile", "docker-entrypoint.sh"),
};

pub(crate) static SERVICE: ImageAssets = ImageAssets {
    files: assets!("images/service": "Dockerfile"),
};

pub(crate) static OPERATOR: ImageAssets = ImageAssets {
    files: assets!("images/operator": "Dockerfile"),
};

pub(crate) static PAUSE: ImageAssets = ImageAssets {
    files: assets!("images/pause": "Dockerfile"),
};

pub(crate) static COREDNS: ImageAssets = ImageAssets {
    files: assets!("images/coredns": "Dockerfile"),
};

pub(crate) static NODE: ImageAssets = ImageAssets {
    files: assets!("node": "recipe.yaml", "Dockerfile", "containerd.toml", "cni.conflist", "kubelet.yaml", "entry.sh"),
};

/// The Go modules that the Kubernetes binaries are built from, pinned by their `go.sum`.
#[derive(Debug)]
pub(crate) struct GoModule {
    pub(crate) name: &'static str,
    pub(crate) files: &'static [(&'static str, &'static str)],
}

pub(crate) static KUBERNETES: GoModule = GoModule {
    name: "kubernetes",
    files: assets!("kubernetes": "go.mod", "go.sum"),
};

pub(crate) static CONTAINERD: GoModule = GoModule {
    name: "containerd",
    files: assets!("containerd": "go.mod", "go.sum"),
};

pub(crate) static COREDNS_MODULE: GoModule = GoModule {
    name: "coredns",
    files: assets!("coredns": "go.mod", "go.sum", "main.go"),
};

pub(crate) static PAUSE_MODULE: GoModule = GoModule {
    name: "pause",
    files: assets!("pause": "go.mod", "main.go"),
};
