//! Images: the engine has them, else they are built here.
//!
//! The order is: the engine's own (pulled or loaded by the user, and then left alone), the one built here from the same
//! recipe, then a build. Pulling by tag and digest belongs between the second and the third.

mod apt;
mod build;
mod go_image;
mod libraries;
mod mirror;
mod own;
mod packaged;
mod recipe;
mod rootfs;
mod staging;

use build::Origin;
use packaged::{Packaged, Program};

use super::engine::Engine;
use super::error::Result;
use super::{Provisioner, assets};
use crate::versions::Versions;

/// Whether this machine's apt has an archive that images can be built from.
pub(crate) fn has_mirror() -> bool {
    mirror::Mirror::of_this_machine().is_some()
}

/// An image that tests, `up` or the node need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Image {
    /// `postgres:<version>`.
    Postgres(String),
    /// `redis:<version>`.
    Redis(String),
    /// The service, of the source tree.
    Service,
    /// The operator, of the source tree.
    Operator,
    /// A Kubernetes node.
    Node,
    /// What holds a pod's namespaces open.
    Pause,
    /// The cluster's name server.
    CoreDns,
}

impl Image {
    /// The name under which the engine has it.
    pub fn reference(&self) -> String {
        match self {
            Self::Postgres(version) => format!("postgres:{version}"),
            Self::Redis(version) => format!("redis:{version}"),
            Self::Service => format!("ultra-service:{}", env!("CARGO_PKG_VERSION")),
            Self::Operator => format!("ultra-operator:{}", env!("CARGO_PKG_VERSION")),
            Self::Node => format!("ultra-testenv/node:{}", Versions::supported().kubernetes.oldest),
            Self::Pause => "ultra-testenv/pause:1".to_owned(),
            Self::CoreDns => format!("ultra-testenv/coredns:{}", go_image::COREDNS_VERSION),
        }
    }
}

impl Image {
    /// Every image that the four test layers use, in the default versions, quickest first.
    pub fn all() -> [Self; 7] {
        let versions = Versions::supported();
        [
            Self::Redis(versions.redis.default.clone()),
            Self::Postgres(versions.postgres.default.clone()),
            Self::Pause,
            Self::CoreDns,
            Self::Node,
            Self::Service,
            Self::Operator,
        ]
    }
}

impl Engine {
    /// Whether the engine has the image, however old.
    pub async fn has_image(&self, image: &Image) -> Result<bool> {
        Ok(self.origin(&image.reference()).await? != Origin::Absent)
    }
}

impl Provisioner {
    /// Makes sure that the engine has the image, and returns its name.
    pub async fn image(&self, engine: &Engine, image: Image) -> Result<String> {
        let reference = image.reference();
        match &image {
            Image::Postgres(version) => {
                self.packaged(engine, packaged("postgres", &assets::POSTGRES, version, &image))
                    .await?;
            }
            Image::Redis(version) => {
                self.packaged(engine, packaged("redis", &assets::REDIS, version, &image))
                    .await?;
            }
            Image::Service | Image::Operator => self.own_image(engine, &image).await?,
            Image::Node => {
                let node = self.node(&image).await?;
                self.packaged(engine, node).await?;
            }
            Image::Pause | Image::CoreDns => self.go_image(engine, &image).await?,
        }
        Ok(reference)
    }

    async fn packaged(&self, engine: &Engine, image: Packaged) -> Result<()> {
        let hash = image.recipe_hash();
        if is_current(&engine.origin(&image.reference).await?, &hash) {
            return Ok(());
        }
        let _lock = self.image_lock(&image.reference).await?;
        if is_current(&engine.origin(&image.reference).await?, &hash) {
            return Ok(());
        }
        let step = self
            .progress
            .begin(format!("{} from the distribution's packages", image.reference));
        let size = self.build_packaged(engine, &image).await?;
        step.done(megabytes(size));
        Ok(())
    }

    async fn image_lock(&self, reference: &str) -> Result<crate::cache_dir::CacheLock> {
        let name = format!("image-{}", reference.replace(['/', ':'], "-"));
        self.lock(&name, reference).await
    }

    async fn node(&self, image: &Image) -> Result<Packaged> {
        let binaries = self.kubernetes().await?;
        let programs = [
            "containerd",
            "containerd-shim-runc-v2",
            "ctr",
            "kubelet",
            "kube-proxy",
        ]
        .into_iter()
        .map(|name| {
            let (source, digest) = binaries.with_digest(name)?;
            Ok(Program {
                target: format!("usr/local/bin/{name}"),
                source,
                digest,
            })
        })
        .collect::<Result<_>>()?;
        let version = Versions::supported().kubernetes.default.clone();
        let node = packaged("node", &assets::NODE, &version, image);
        Ok(Packaged { programs, ..node })
    }
}

fn packaged(
    name: &'static str,
    assets: &'static assets::ImageAssets,
    version: &str,
    image: &Image,
) -> Packaged {
    Packaged {
        name,
        reference: image.reference(),
        version: version.to_owned(),
        assets,
        programs: Vec::new(),
    }
}

/// The user's own image is what the user wants tested, whatever our recipe says.
fn is_current(origin: &Origin, recipe_hash: &str) -> bool {
    match origin {
        Origin::Absent => false,
        Origin::Foreign => true,
        Origin::Built(hash) => hash == recipe_hash,
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes.div_ceil(1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_recipe_rebuilds_what_we_made_and_never_what_the_user_has() {
        assert!(is_current(&Origin::Built("a".to_owned()), "a"));
        assert!(!is_current(&Origin::Built("a".to_owned()), "b"));
        assert!(!is_current(&Origin::Absent, "a"));
        assert!(is_current(&Origin::Foreign, "a"));
    }
}
