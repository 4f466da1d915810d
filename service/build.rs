//! Writes down which commit this is built from, for the health report: `GIT_REVISION` where it is set, else what
//! the repository says. The name is none of the service's own: cargo hands it to the program that it runs, which refuses
//! `ULTRA_` variables that it does not know. It reads files and starts no program, so that it works where there is no git.

use std::{
    env, fs, io,
    io::Write as _,
    path::{Path, PathBuf},
};

fn main() -> io::Result<()> {
    let mut out = io::stdout();
    writeln!(out, "cargo::rerun-if-env-changed=GIT_REVISION")?;
    let given = env::var("GIT_REVISION").ok().filter(|given| !given.is_empty());
    let repository = Repository::find();
    if let Some(repository) = &repository {
        for path in repository.watched() {
            writeln!(out, "cargo::rerun-if-changed={}", path.display())?;
        }
    }
    let revision = given
        .or_else(|| repository?.revision())
        .unwrap_or_else(|| "unknown".to_owned());
    writeln!(out, "cargo::rustc-env=GIT_REVISION={revision}")
}

struct Repository {
    /// What belongs to this working tree.
    own: PathBuf,
    /// What all working trees share.
    common: PathBuf,
}

impl Repository {
    fn find() -> Option<Self> {
        let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR")?)
            .parent()?
            .to_owned();
        let entry = root.join(".git");
        // In a further working tree it is a file that names the folder.
        let own = match fs::read_to_string(&entry) {
            Ok(text) => root.join(text.strip_prefix("gitdir:")?.trim()),
            Err(_) => entry,
        };
        let common = fs::read_to_string(own.join("commondir"));
        let common = common.map_or_else(|_| own.clone(), |path| own.join(path.trim()));
        own.join("HEAD").is_file().then_some(Self { own, common })
    }

    /// What changes with every commit and every checkout.
    fn watched(&self) -> impl Iterator<Item = PathBuf> {
        let paths = ["HEAD", "logs/HEAD"].map(|path| self.own.join(path));
        paths.into_iter().filter(|path| path.is_file())
    }

    fn revision(&self) -> Option<String> {
        let head = fs::read_to_string(self.own.join("HEAD")).ok()?;
        let Some(name) = head.trim().strip_prefix("ref: ") else {
            return hash(&head);
        };
        let loose = fs::read_to_string(self.common.join(name)).ok();
        loose
            .as_deref()
            .and_then(hash)
            .or_else(|| packed(&self.common, name))
    }
}

fn packed(folder: &Path, name: &str) -> Option<String> {
    let refs = fs::read_to_string(folder.join("packed-refs")).ok()?;
    let line = refs.lines().find(|line| line.ends_with(&format!(" {name}")))?;
    hash(line.split(' ').next()?)
}

fn hash(text: &str) -> Option<String> {
    let text = text.trim();
    let whole = text.len() >= 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    whole.then(|| text.to_owned())
}
