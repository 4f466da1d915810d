//! Programs built from Go modules that are pinned by a `go.sum`, one at a time, kept in the cache.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::Provisioner;
use super::artefact::Artefact;
use super::assets::GoModule;
use super::error::{Error, Result};
use super::external::External;

const NEEDED: (u32, u32) = (1, 26);
/// From this version on, Go fetches the toolchain that a module asks for, unless it is told not to.
const FETCHES_TOOLCHAINS: (u32, u32) = (1, 21);
const REMEDY: &str = "install Go 1.26 or newer and put its bin folder on PATH";
/// The largest program, with what the compiler keeps in its cache for it.
const SPACE_MB: u64 = 1500;

/// How one program is built.
#[derive(Debug, Clone)]
pub(crate) struct GoProgram {
    pub(crate) name: &'static str,
    pub(crate) module: &'static GoModule,
    pub(crate) package: &'static str,
    pub(crate) tags: &'static str,
    pub(crate) ldflags: String,
}

/// A program in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Built {
    pub(crate) path: PathBuf,
    /// Differs whenever the program does.
    pub(crate) digest: String,
}

impl GoProgram {
    /// Changes with the module's pins and with every flag.
    fn inputs(&self) -> String {
        let mut hash = Sha256::new();
        let flags = [self.package, self.tags, self.ldflags.as_str()];
        let files = self
            .module
            .files
            .iter()
            .flat_map(|(name, content)| [*name, *content]);
        for part in flags.into_iter().chain(files) {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
        hex::encode(hash.finalize())
    }

    fn arguments(&self, output: &Path) -> Vec<String> {
        let mut arguments = ["build", "-mod=readonly", "-trimpath"]
            .map(str::to_owned)
            .to_vec();
        if !self.tags.is_empty() {
            arguments.extend(["-tags".to_owned(), self.tags.to_owned()]);
        }
        arguments.extend(["-ldflags".to_owned(), self.ldflags.clone()]);
        arguments.extend([
            "-o".to_owned(),
            output.display().to_string(),
            self.package.to_owned(),
        ]);
        arguments
    }
}

impl Provisioner {
    /// The programs of one folder of the cache; what is missing, outdated or damaged is built, and only that.
    pub(crate) async fn go_programs(&self, folder: &str, programs: &[GoProgram]) -> Result<Vec<Built>> {
        let bin = self.folder(&format!("{folder}/bin"))?;
        if let Some(built) = all_verified(&bin, programs) {
            return Ok(built);
        }
        let _lock = self.lock(&folder.replace('/', "-"), folder).await?;
        let missing: Vec<_> = programs
            .iter()
            .filter(|program| verified(&bin, program).is_none())
            .collect();
        if !missing.is_empty() {
            self.require_go().await?;
        }
        for (index, program) in missing.iter().enumerate() {
            let step = self.progress.begin(format!(
                "{folder}: building {} from Go modules ({} of {})",
                program.name,
                index + 1,
                missing.len()
            ));
            self.go_build(folder, &bin, program).await?;
            step.done("");
        }
        all_verified(&bin, programs).ok_or_else(|| {
            let gone = std::io::Error::new(
                std::io::ErrorKind::NotFound,
                "a program vanished while it was built",
            );
            Error::file("building from Go modules", &bin, gone)
        })
    }

    async fn go_build(&self, folder: &str, bin: &Path, program: &GoProgram) -> Result<()> {
        let step = format!("building {} from Go modules", program.name);
        self.require_space(&step, SPACE_MB)?;
        let source = self.write_module(folder, program.module)?;
        let artefact = Artefact::at(bin.join(program.name));
        External::new(&step, "go", REMEDY, self.log("go-build")?)
            .args(program.arguments(&artefact.partial()))
            .env("CGO_ENABLED", "0")
            // Flags of the user's own projects are not meant for these.
            .env("GOFLAGS", "")
            .env("GOWORK", "off")
            .current_dir(&source)
            .needs_space(bin, SPACE_MB)
            .run()
            .await?;
        let inputs = program.inputs();
        let published = tokio::task::spawn_blocking(move || {
            artefact
                .publish(&inputs)
                .map_err(|error| (artefact.partial(), error))
        });
        match published.await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err((path, error))) => Err(Error::file(&step, &path, error)),
            Err(error) => Err(Error::file(&step, bin, std::io::Error::other(error))),
        }
    }

    fn write_module(&self, folder: &str, module: &GoModule) -> Result<PathBuf> {
        let source = self.folder(&format!("{folder}/source/{}", module.name))?;
        for (name, content) in module.files {
            let path = source.join(name);
            fs::write(&path, content).map_err(|error| Error::file("writing a Go module", &path, error))?;
        }
        Ok(source)
    }

    /// Whether Go is here and new enough, in the words of the error that a build would end with.
    pub(crate) async fn require_go(&self) -> Result<()> {
        let log = self.log("go-build")?;
        // Outside any module: an old Go cannot even read a new go.mod.
        let said = External::new("asking Go for its version", "go", REMEDY, log)
            .args(["env", "GOVERSION", "GOTOOLCHAIN"])
            .current_dir(Path::new("/"))
            .run()
            .await?;
        let mut lines = said.lines();
        let (version, toolchain) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
        match is_new_enough(version, toolchain) {
            true => Ok(()),
            false => Err(Error::OldTool {
                tool: "go".to_owned(),
                found: version.trim_start_matches("go").to_owned(),
                needed: format!("{}.{}", NEEDED.0, NEEDED.1),
                remedy: REMEDY.to_owned(),
            }),
        }
    }
}

fn is_new_enough(version: &str, toolchain: &str) -> bool {
    let mut numbers = version
        .trim_start_matches("go")
        .split(|c: char| !c.is_ascii_digit());
    let mut next = || numbers.next().and_then(|number| number.parse().ok()).unwrap_or(0);
    let found: (u32, u32) = (next(), next());
    found >= NEEDED || (found >= FETCHES_TOOLCHAINS && !toolchain.starts_with("local"))
}

pub(crate) fn verified(bin: &Path, program: &GoProgram) -> Option<Built> {
    let path = bin.join(program.name);
    let digest = Artefact::at(&path).verified(&program.inputs())?;
    Some(Built { path, digest })
}

fn all_verified(bin: &Path, programs: &[GoProgram]) -> Option<Vec<Built>> {
    programs.iter().map(|program| verified(bin, program)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_go_is_refused_unless_it_fetches_its_successor_itself() {
        assert!(is_new_enough("go1.26.8", "local"));
        assert!(is_new_enough("go1.27rc1", "auto"));
        assert!(is_new_enough("go1.22.4", "auto"));
        assert!(!is_new_enough("go1.22.4", "local"));
        assert!(!is_new_enough("go1.19.8", ""));
        assert!(!is_new_enough("", ""));
    }
}
