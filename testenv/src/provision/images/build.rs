//! Turns a root file system into an image by the engine's build API, and names it only once it proved its version.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;

use bollard::container::LogOutput;
use bollard::models::{ContainerCreateBody, HostConfig};
use bollard::query_parameters as query;
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use tokio::io::AsyncReadExt as _;

use super::recipe::Verify;
use super::rootfs::RootFs;
use crate::provision::engine::Engine;
use crate::provision::error::{Error, Result};

/// Says which recipe made an image; images without it are somebody else's and are left alone.
const RECIPE_LABEL: &str = "dev.ultra.testenv.recipe";
const UNVERIFIED: &str = "ultra-testenv/unverified";
const BLOCK: usize = 512;
const CHUNK: usize = 256 * 1024;

/// Where an image of a given name comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The engine has none.
    Absent,
    /// Pulled, loaded or built by the user.
    Foreign,
    /// Made here, from the recipe with this hash.
    Built(String),
}

/// All that makes an image.
#[derive(Debug)]
pub(crate) struct ImageBuild {
    pub(crate) reference: String,
    pub(crate) recipe_hash: String,
    pub(crate) dockerfile: &'static str,
    pub(crate) arguments: HashMap<String, String>,
    pub(crate) rootfs: RootFs,
    pub(crate) verify: Option<Verify>,
}

impl Engine {
    /// Whether the engine has the image, and who made it.
    pub(crate) async fn origin(&self, reference: &str) -> Result<Origin> {
        match self.docker().inspect_image(reference).await {
            Ok(image) => {
                let recipe = image
                    .config
                    .and_then(|config| config.labels?.remove(RECIPE_LABEL));
                Ok(recipe.map_or(Origin::Foreign, Origin::Built))
            }
            Err(error) if is_not_found(&error) => Ok(Origin::Absent),
            Err(error) => Err(self.error(&format!("inspect the image {reference}"), &error)),
        }
    }

    /// Builds, verifies and names an image; `work` is a folder for its archive. Returns its size in bytes.
    pub(crate) async fn build(&self, build: ImageBuild, work: &Path) -> Result<u64> {
        let replaced = self.image_id(&build.reference).await;
        let archive = work.join("rootfs.tar");
        write_archive(build.rootfs, &archive).await?;
        let unverified = format!(
            "{UNVERIFIED}:{}-{}",
            short(&build.recipe_hash),
            std::process::id()
        );
        let options = query::BuildImageOptionsBuilder::default()
            .t(&unverified)
            .labels(&HashMap::from([(RECIPE_LABEL, build.recipe_hash.as_str())]))
            .buildargs(&build.arguments)
            .rm(true)
            .forcerm(true)
            .build();
        let context = context(build.dockerfile, &archive).await?;
        let action = format!("build {}", build.reference);
        let mut output = self.docker().build_image(
            options,
            None,
            Some(bollard::body_try_stream(context.map_ok(Into::into))),
        );
        while let Some(said) = output.next().await {
            let said = said.map_err(|error| self.error(&action, &error))?;
            if let Some(detail) = said.error_detail {
                return Err(self.error(&action, &detail.message.unwrap_or_default()));
            }
        }
        let named = self
            .verify_and_name(&unverified, &build.reference, build.verify.as_ref())
            .await;
        self.remove(&unverified).await;
        named?;
        if let Some(replaced) = replaced {
            self.remove(&replaced).await;
        }
        let inspected = self.docker().inspect_image(&build.reference).await;
        let size = inspected.map_err(|error| self.error(&action, &error))?.size;
        Ok(size
            .and_then(|bytes| u64::try_from(bytes).ok())
            .unwrap_or_default())
    }

    async fn verify_and_name(
        &self,
        unverified: &str,
        reference: &str,
        verify: Option<&Verify>,
    ) -> Result<()> {
        if let Some(verify) = verify {
            let found = self.output_of(unverified, &verify.command).await?;
            if !found.contains(&verify.says) {
                return Err(Error::WrongVersion {
                    reference: reference.to_owned(),
                    found: found.trim().to_owned(),
                });
            }
        }
        let (name, tag) = reference.rsplit_once(':').unwrap_or((reference, "latest"));
        let options = query::TagImageOptionsBuilder::default()
            .repo(name)
            .tag(tag)
            .build();
        let tagged = self.docker().tag_image(unverified, Some(options)).await;
        tagged.map_err(|error| self.error(&format!("name {reference}"), &error))
    }

    /// What a command says in a container of the image, which ends with it.
    async fn output_of(&self, image: &str, command: &[String]) -> Result<String> {
        let action = format!("run {} in {image}", command.join(" "));
        let failed = |error: bollard::errors::Error| self.error(&action, &error);
        let (program, arguments) = command.split_at(1.min(command.len()));
        let body = ContainerCreateBody {
            image: Some(image.to_owned()),
            // The image's own entrypoint may want an environment.
            entrypoint: Some(program.to_vec()),
            cmd: Some(arguments.to_vec()),
            host_config: Some(HostConfig {
                auto_remove: Some(true),
                network_mode: Some("none".to_owned()),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        };
        let docker = self.docker();
        let none = None::<query::CreateContainerOptions>;
        let container = docker.create_container(none, body).await.map_err(failed)?.id;
        // Attached before it starts, since an ended container is gone with its logs.
        let attach = query::AttachContainerOptionsBuilder::default()
            .stream(true)
            .stdout(true)
            .stderr(true)
            .build();
        let attached = docker
            .attach_container(&container, Some(attach))
            .await
            .map_err(failed)?;
        docker
            .start_container(&container, None::<query::StartContainerOptions>)
            .await
            .map_err(failed)?;
        let said: Vec<LogOutput> = attached.output.try_collect().await.map_err(failed)?;
        // Until the container is gone, its image cannot be removed; one that is gone already is unknown here.
        let removed = query::WaitContainerOptionsBuilder::default()
            .condition("removed")
            .build();
        docker
            .wait_container(&container, Some(removed))
            .for_each(|_| async {})
            .await;
        Ok(said.iter().map(ToString::to_string).collect())
    }

    async fn image_id(&self, reference: &str) -> Option<String> {
        self.docker().inspect_image(reference).await.ok()?.id
    }

    /// Removes a name or an image that nothing uses; one that a container still uses stays, which is as good.
    async fn remove(&self, image: &str) {
        let removed = self
            .docker()
            .remove_image(image, None::<query::RemoveImageOptions>, None)
            .await;
        if let Err(error) = removed {
            tracing::debug!(image, %error, "an image stays");
        }
    }
}

async fn write_archive(rootfs: RootFs, archive: &Path) -> Result<()> {
    let step = "writing an image's files";
    let path = archive.to_owned();
    let written = tokio::task::spawn_blocking(move || {
        let file = File::create(&path)?;
        rootfs.write_tar(std::io::BufWriter::new(file))
    });
    match written.await {
        Ok(result) => result.map_err(|error| Error::file(step, archive, error)),
        Err(error) => Err(Error::file(step, archive, std::io::Error::other(error))),
    }
}

/// The build context: the Dockerfile and the root file system's archive, streamed from the disk.
async fn context(
    dockerfile: &str,
    archive: &Path,
) -> Result<impl Stream<Item = std::io::Result<Vec<u8>>> + Send + 'static> {
    let at = |error| Error::file("reading an image's files", archive, error);
    let file = tokio::fs::File::open(archive).await.map_err(at)?;
    let length = file.metadata().await.map_err(at)?.len();
    let mut head = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o644);
    header.set_size(dockerfile.len() as u64);
    head.append_data(&mut header, "Dockerfile", dockerfile.as_bytes())
        .map_err(at)?;
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o644);
    header.set_size(length);
    header.set_path("rootfs.tar").map_err(at)?;
    header.set_cksum();
    let mut head = std::mem::take(head.get_mut());
    head.extend_from_slice(header.as_bytes());
    let padding = (BLOCK - usize::try_from(length % BLOCK as u64).unwrap_or_default()) % BLOCK;
    // Two empty blocks end an archive.
    let tail = vec![0; padding + 2 * BLOCK];
    let body = futures::stream::try_unfold(file, |mut file| async move {
        let mut chunk = vec![0; CHUNK];
        let read = file.read(&mut chunk).await?;
        chunk.truncate(read);
        Ok((read > 0).then_some((chunk, file)))
    });
    let once = |bytes: Vec<u8>| futures::stream::iter([Ok(bytes)]);
    Ok(once(head).chain(body).chain(once(tail)))
}

fn is_not_found(error: &bollard::errors::Error) -> bool {
    matches!(
        error,
        bollard::errors::Error::DockerResponseServerError { status_code: 404, .. }
    )
}

fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}
