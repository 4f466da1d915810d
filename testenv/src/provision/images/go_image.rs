//! Images of one static Go program: the pause container and the cluster's name server.

use std::collections::HashMap;

use super::build::ImageBuild;
use super::recipe::{Verify, recipe_hash};
use super::rootfs::RootFs;
use super::{Image, is_current, megabytes};
use crate::provision::Provisioner;
use crate::provision::assets::{self, ImageAssets};
use crate::provision::engine::Engine;
use crate::provision::error::{Error, Result};
use crate::provision::go::GoProgram;

/// The version that `assets/coredns/go.mod` pins.
pub(crate) const COREDNS_VERSION: &str = "1.14.1";
const FOLDER: &str = "kubernetes/images";
/// CoreDNS, with what the compiler keeps for it.
const SPACE_MB: u64 = 700;

impl Provisioner {
    pub(crate) async fn go_image(&self, engine: &Engine, image: &Image) -> Result<()> {
        let reference = image.reference();
        let (assets, program, verify) = parts(image);
        let name = program.name;
        let built = self.go_programs(FOLDER, &[program]).await?;
        let built = built.into_iter().next().ok_or_else(|| Error::Recipe {
            image: reference.clone(),
            reason: "it has no program".to_owned(),
        })?;
        let hash = recipe_hash(assets, &reference, &[&built.digest]);
        if is_current(&engine.origin(&reference).await?, &hash) {
            return Ok(());
        }
        let _lock = self.image_lock(&reference).await?;
        if is_current(&engine.origin(&reference).await?, &hash) {
            return Ok(());
        }
        let step = self.progress.begin(format!("{reference} from its Go module"));
        let mut rootfs = RootFs::default();
        rootfs.add_file(name, &built.path, 0o755);
        let build = ImageBuild {
            reference,
            recipe_hash: hash,
            dockerfile: assets.file("Dockerfile").unwrap_or_default(),
            arguments: HashMap::new(),
            rootfs,
            verify,
        };
        let work = self.folder(&format!("work/{name}"))?;
        let size = engine.build(build, &work).await?;
        // Left behind, it would cost space and nothing else.
        let _ = std::fs::remove_dir_all(&work);
        step.done(megabytes(size));
        Ok(())
    }
}

fn parts(image: &Image) -> (&'static ImageAssets, GoProgram, Option<Verify>) {
    let program = |name, module| GoProgram {
        name,
        module,
        package: ".",
        tags: "",
        ldflags: "-s -w".to_owned(),
        space_mb: SPACE_MB,
    };
    match image {
        Image::CoreDns => {
            let verify = Verify {
                command: ["/coredns", "-version"].map(str::to_owned).to_vec(),
                says: format!("CoreDNS-{COREDNS_VERSION}"),
            };
            (
                &assets::COREDNS,
                program("coredns", &assets::COREDNS_MODULE),
                Some(verify),
            )
        }
        _ => (&assets::PAUSE, program("pause", &assets::PAUSE_MODULE), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_images_version_is_the_one_that_its_module_pins() {
        let pins = assets::COREDNS_MODULE.files[0].1;
        assert!(
            pins.contains(&format!("github.com/coredns/coredns v{COREDNS_VERSION}")),
            "{pins}"
        );
    }
}
