//! Images of the distribution's packages: Postgres, Redis, the node.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::apt::PrivateApt;
use super::build::ImageBuild;
use super::libraries::Loader;
use super::recipe::{Recipe, Source, recipe_hash};
use super::rootfs::RootFs;
use super::staging::{self, MERGED};
use crate::provision::Provisioner;
use crate::provision::assets::ImageAssets;
use crate::provision::engine::Engine;
use crate::provision::error::{Error, Result};

const STEP: &str = "building an image from packages";

/// An image that its recipe describes.
#[derive(Debug, Clone)]
pub(crate) struct Packaged {
    pub(crate) name: &'static str,
    pub(crate) reference: String,
    pub(crate) version: String,
    pub(crate) assets: &'static ImageAssets,
    /// Programs that were built elsewhere, by their path in the image.
    pub(crate) programs: Vec<Program>,
}

/// A program with the digest by which a changed one is noticed.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) target: String,
    pub(crate) source: PathBuf,
    pub(crate) digest: String,
}

impl Packaged {
    pub(crate) fn recipe_hash(&self) -> String {
        let inputs: Vec<_> = self
            .programs
            .iter()
            .map(|program| program.digest.as_str())
            .collect();
        recipe_hash(self.assets, &self.version, &inputs)
    }
}

impl Provisioner {
    /// Builds the image out of its packages; what was downloaded stays until the image is there.
    pub(crate) async fn build_packaged(&self, engine: &Engine, image: &Packaged) -> Result<u64> {
        let recipe = Recipe::parse(image.name, image.assets, &image.version)?;
        let suite = recipe.suite(&image.reference, &image.version)?;
        let work = self.folder(&format!("work/{}-{}", image.name, image.version))?;
        self.require_space(STEP, recipe.space_mb)?;
        let apt = PrivateApt::open(self, suite).await?;
        let packages = work.join("packages");
        fs::create_dir_all(&packages).map_err(|error| Error::file(STEP, &packages, error))?;
        let pinned = apt.resolve(&recipe.packages, &recipe.without).await?;
        apt.download(&pinned, &packages).await?;
        let build = self.assemble(image.clone(), recipe, work.clone()).await?;
        let size = engine.build(build, &work).await?;
        // Left behind, it would cost space and nothing else.
        let _ = fs::remove_dir_all(&work);
        Ok(size)
    }

    async fn assemble(&self, image: Packaged, recipe: Recipe, work: PathBuf) -> Result<ImageBuild> {
        let failed = |error| Error::file(STEP, self.cache.path(), std::io::Error::other(error));
        let assembled = tokio::task::spawn_blocking(move || {
            let staging = work.join("staging");
            // An interrupted run's staging folder may be half of what it should be.
            if staging.exists() {
                fs::remove_dir_all(&staging).map_err(|error| Error::file(STEP, &staging, error))?;
            }
            staging::unpack_all(&work.join("packages"), &staging)?;
            let rootfs = rootfs_of(&image, &recipe, &staging)?;
            Ok(ImageBuild {
                recipe_hash: image.recipe_hash(),
                reference: image.reference,
                dockerfile: image.assets.file("Dockerfile").unwrap_or_default(),
                arguments: HashMap::from([("VERSION".to_owned(), image.version)]),
                rootfs,
                verify: Some(recipe.verify),
            })
        });
        assembled.await.map_err(failed)?
    }
}

fn rootfs_of(image: &Packaged, recipe: &Recipe, staging: &Path) -> Result<RootFs> {
    let unusable = |reason: String| Error::Recipe {
        image: image.name.to_owned(),
        reason,
    };
    let mut rootfs = base();
    let wanted = |path: &Path| !recipe.drop.iter().any(|prefix| path.starts_with_text(prefix));
    for path in &recipe.keep {
        let path = Path::new(path.strip_prefix('.').unwrap_or(path));
        rootfs
            .add_staged(staging, path, &wanted)
            .map_err(|error| unusable(format!("keep {}: {error}", path.display())))?;
    }
    add_libraries(&mut rootfs, staging).map_err(unusable)?;
    add_own_files(&mut rootfs, image, recipe)?;
    for (path, text) in &recipe.append {
        rootfs
            .append(path, text)
            .map_err(|error| unusable(format!("append: {error}")))?;
    }
    Ok(rootfs)
}

/// What every system has, whatever its packages.
fn base() -> RootFs {
    let mut rootfs = RootFs::default();
    for name in MERGED {
        rootfs.add_folder(format!("usr/{name}"), 0o755, 0);
        rootfs.add_link(name, format!("usr/{name}"));
    }
    for name in ["dev", "etc", "proc", "root", "run", "sys"] {
        rootfs.add_folder(name, 0o755, 0);
    }
    rootfs.add_folder("tmp", 0o1777, 0);
    rootfs
}

fn add_libraries(rootfs: &mut RootFs, staging: &Path) -> Result<(), String> {
    let Some(loader) = Loader::of(staging) else {
        return Ok(());
    };
    let mut needed = vec![loader.path().to_owned()];
    for file in rootfs.files() {
        needed.extend(loader.libraries_of(&file)?);
    }
    for library in needed {
        rootfs
            .add_staged(staging, &library, &|_| true)
            .map_err(|error| format!("{}: {error}", library.display()))?;
    }
    Ok(())
}

fn add_own_files(rootfs: &mut RootFs, image: &Packaged, recipe: &Recipe) -> Result<()> {
    for applet in &recipe.applets {
        rootfs.add_link(format!("usr/bin/{applet}"), "busybox");
    }
    for (path, target) in &recipe.links {
        rootfs.add_link(path, target);
    }
    for folder in &recipe.folders {
        rootfs.add_folder(&folder.path, folder.mode, folder.owner);
    }
    for file in &recipe.files {
        let content = match &file.source {
            Source::Content(text) => text.as_str(),
            Source::Asset(name) => image.assets.file(name).ok_or_else(|| Error::Recipe {
                image: image.name.to_owned(),
                reason: format!("the file {name} is missing"),
            })?,
        };
        rootfs.add_bytes(&file.path, content, file.mode);
    }
    for program in &image.programs {
        rootfs.add_file(&program.target, &program.source, 0o755);
    }
    Ok(())
}

/// `Path::starts_with` compares whole components, a recipe's `drop` any beginning.
trait StartsWithText {
    fn starts_with_text(&self, prefix: &str) -> bool;
}

impl StartsWithText for Path {
    fn starts_with_text(&self, prefix: &str) -> bool {
        self.to_str().is_some_and(|path| path.starts_with(prefix))
    }
}
