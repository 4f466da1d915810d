//! Programs built from Go modules that are pinned by a `go.sum`, one at a time, kept in the cache.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::Provisioner;
use super::artefact::Artefact;
use super::assets::GoModule;
use super::error::{Error, Result};

const NEEDED: (u32, u32) = (1, 26);
/// From this version on, Go fetches the toolchain that a module asks for, unless it is told not to.
const FETCHES_TOOLCHAINS: (u32, u32) = (1, 21);
const REMEDY: &str = "install Go 1.26 or newer and put its bin folder on PATH";

/// How one program is built.
#[derive(Debug, Clone)]
pub(crate) struct GoProgram {
    pub(crate) name: &'static str,
    pub(crate) module: &'static GoModule,
    pub(crate) package: &'static str,
    pub(crate) tags: &'static str,
    pub(crate) ldflags: String,
    /// What the program takes, with what the compiler keeps for it.
    pub(crate) space_mb: u64,
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
        self.require_space(&step, program.space_mb)?;
        let source = self.write_module(folder, program.module)?;
        let artefact = Artefact::at(bin.join(program.name));
        self.builder(&step, "go", REMEDY, "go-build")?
            .args(program.arguments(&artefact.partial()))
            .env("CGO_ENABLED", "0")
            // Flags of the user's own projects are not meant for these.
            .env("GOFLAGS", "")
            .env("GOWORK", "off")
            .current_dir(&source)
            .needs_space(bin, program.space_mb)
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
        // Outside any module: an old Go cannot even read a new go.mod.
        let said = self
            .external("asking Go for its version", "go", REMEDY, "go-build")?
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
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::cache_dir::CacheDir;
    use crate::provision::Progress;

    /// Linked, not written: a file that was just written may still be open in another test's child, and is then busy.
    const FAKE_GO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/provision/testdata/fake-go");
    static MODULE: GoModule = GoModule {
        name: "fake",
        files: &[("go.mod", "module fake\n")],
    };

    struct Fixture {
        folder: tempfile::TempDir,
        provisioner: Provisioner,
    }

    impl Fixture {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let tools = folder.path().join("tools");
            fs::create_dir(&tools).unwrap();
            symlink(FAKE_GO, tools.join("go")).unwrap();
            fs::write(tools.join("content"), "binary").unwrap();
            let cache = CacheDir::at(folder.path().join("cache")).unwrap();
            let path = format!("{}:/usr/bin:/bin", tools.display());
            let provisioner = Provisioner::new(cache, Progress::silent()).with_search_path(path);
            Self { folder, provisioner }
        }

        async fn provision(&self) -> Result<Vec<Built>> {
            self.provisioner
                .go_programs("fake", &["first", "second"].map(program))
                .await
        }

        fn builds(&self) -> String {
            fs::read_to_string(self.folder.path().join("tools/builds")).unwrap_or_default()
        }

        fn fail_with(&self, said: &str) {
            fs::write(self.folder.path().join("tools/failure"), said).unwrap();
        }

        fn recover(&self) {
            fs::remove_file(self.folder.path().join("tools/failure")).unwrap();
        }
    }

    fn program(name: &'static str) -> GoProgram {
        GoProgram {
            name,
            module: &MODULE,
            package: ".",
            tags: "",
            ldflags: String::new(),
            space_mb: 0,
        }
    }

    #[tokio::test]
    async fn what_is_built_is_not_built_again() {
        let fixture = Fixture::new();
        let built = fixture.provision().await.unwrap();
        assert_eq!(fs::read(&built[1].path).unwrap(), b"binary");
        assert_eq!(fixture.provision().await.unwrap(), built);
        assert_eq!(fixture.builds(), "first\nsecond\n");
    }

    #[tokio::test]
    async fn two_provisioners_at_once_build_once() {
        let fixture = Fixture::new();
        let (one, other) = tokio::join!(fixture.provision(), fixture.provision());
        assert_eq!(one.unwrap(), other.unwrap());
        assert_eq!(fixture.builds(), "first\nsecond\n");
    }

    #[tokio::test]
    async fn a_corrupted_program_is_built_again_and_only_that() {
        let fixture = Fixture::new();
        let built = fixture.provision().await.unwrap();
        fs::write(&built[0].path, "b1nary").unwrap();
        assert_eq!(fixture.provision().await.unwrap(), built);
        assert_eq!(fixture.builds(), "first\nsecond\nfirst\n");
    }

    #[tokio::test]
    async fn a_run_that_failed_on_the_way_is_resumed_where_it_stopped() {
        let fixture = Fixture::new();
        fixture
            .provisioner
            .go_programs("fake", &[program("first")])
            .await
            .unwrap();
        fixture.fail_with("go: x@v1: Get \"https://proxy/x\": dial tcp: i/o timeout\n");
        let error = fixture.provision().await.unwrap_err();
        assert!(matches!(error, Error::Download { .. }), "{error}");
        fixture.recover();
        fixture.provision().await.unwrap();
        assert_eq!(fixture.builds(), "first\nsecond\nsecond\n");
    }

    #[tokio::test]
    async fn a_full_disk_is_told_in_one_line_that_says_what_to_do() {
        let fixture = Fixture::new();
        fixture.fail_with("compile: writing output: write $WORK/x: no space left on device\n");
        let error = fixture.provision().await.unwrap_err().to_string();
        assert!(
            error.starts_with("the disk is full while building first") && !error.contains('\n'),
            "{error}"
        );
        assert!(error.contains("then run again; it resumes"), "{error}");
    }

    #[tokio::test]
    async fn a_missing_go_is_told_with_its_remedy() {
        let fixture = Fixture::new();
        let provisioner = fixture.provisioner.clone().with_search_path("/nonexistent");
        let error = provisioner
            .go_programs("fake", &[program("first")])
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("`go` is not installed: {REMEDY}, then run again")
        );
    }

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
