//! The images of service and operator: one static program each, and what it needs of a file system.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::build::{ImageBuild, Origin};
use super::recipe::recipe_hash;
use super::rootfs::RootFs;
use super::{Image, is_current, megabytes};
use crate::provision::Provisioner;
use crate::provision::artefact::sha256_of;
use crate::provision::assets::{self, ImageAssets};
use crate::provision::engine::Engine;
use crate::provision::error::{Error, Result};
use crate::provision::workspace::Workspace;

const USER: u32 = 65532;
const CERTIFICATES: &str = "etc/ssl/certs/ca-certificates.crt";
const STEP: &str = "building our own images";

impl Provisioner {
    /// Builds the image from the source tree when its program changed; without a tree the engine must have it.
    pub(crate) async fn own_image(&self, engine: &Engine, image: &Image) -> Result<()> {
        let reference = image.reference();
        let origin = engine.origin(&reference).await?;
        let Some(workspace) = Workspace::find() else {
            return match origin {
                Origin::Absent => Err(Error::NoImage {
                    remedy: format!("load {reference} into the engine, or run this in Ultra's source tree"),
                    reference,
                    reason: "there is no source tree of Ultra here".to_owned(),
                }),
                Origin::Foreign | Origin::Built(_) => Ok(()),
            };
        };
        if origin == Origin::Foreign {
            return Ok(());
        }
        let _lock = self.image_lock(&reference).await?;
        let own = OwnImage::of(image);
        let program = self.static_programs(&workspace).await?.join(own.program);
        let hash = own.recipe_hash(&program).await?;
        if is_current(&engine.origin(&reference).await?, &hash) {
            return Ok(());
        }
        let step = self.progress.begin(format!("{reference} from the source tree"));
        let work = self.folder(&format!("work/{}", own.program))?;
        let size = engine.build(own.build(reference, hash, &program), &work).await?;
        // Left behind, it would cost space and nothing else.
        let _ = std::fs::remove_dir_all(&work);
        step.done(megabytes(size));
        Ok(())
    }
}

struct OwnImage {
    program: &'static str,
    assets: &'static ImageAssets,
}

impl OwnImage {
    fn of(image: &Image) -> Self {
        match image {
            Image::Operator => Self {
                program: "ultra-operator",
                assets: &assets::OPERATOR,
            },
            _ => Self {
                program: "ultra-service",
                assets: &assets::SERVICE,
            },
        }
    }

    async fn recipe_hash(&self, program: &Path) -> Result<String> {
        let (path, certificates) = (program.to_owned(), certificates());
        let hashed = tokio::task::spawn_blocking(move || {
            let digest = |path: &PathBuf| sha256_of(path).map_err(|error| Error::file(STEP, path, error));
            let certificates = certificates.as_ref().map(digest).transpose()?;
            Ok::<_, Error>((digest(&path)?, certificates.unwrap_or_default()))
        });
        let failed = |error| Error::file(STEP, program, std::io::Error::other(error));
        let (program, certificates) = hashed.await.map_err(failed)??;
        Ok(recipe_hash(
            self.assets,
            env!("CARGO_PKG_VERSION"),
            &[&program, &certificates],
        ))
    }

    fn build(&self, reference: String, recipe_hash: String, program: &Path) -> ImageBuild {
        let mut rootfs = RootFs::default();
        rootfs.add_file(self.program, program, 0o755);
        rootfs.add_folder("data", 0o700, USER);
        rootfs.add_folder("tmp", 0o1777, 0);
        rootfs.add_bytes("etc/passwd", format!("ultra:x:{USER}:{USER}::/data:/\n"), 0o644);
        if let Some(bundle) = certificates() {
            rootfs.add_file(CERTIFICATES, bundle, 0o644);
        }
        ImageBuild {
            reference,
            recipe_hash,
            dockerfile: self.assets.file("Dockerfile").unwrap_or_default(),
            arguments: HashMap::new(),
            rootfs,
            verify: None,
        }
    }
}

/// This machine's authorities, for providers that are called over TLS.
fn certificates() -> Option<PathBuf> {
    Some(Path::new("/").join(CERTIFICATES)).filter(|bundle| bundle.is_file())
}
