//! What the machine has of what the tests need, what it lacks, what each lacking thing costs, and how to get it.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use crate::cache_dir::CacheDir;
use crate::clients::{self, Tool};
use crate::{
    program::which,
    provision::{Engine, Image, Progress, Provisioner, has_mirror},
};

/// The findings about one machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// One per part, in the order in which they build on each other.
    pub findings: Vec<Finding>,
}

/// What was found about one part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The part.
    pub part: String,
    /// Whether it is there.
    pub state: State,
    /// What exactly was found.
    pub detail: String,
    /// What getting it costs, where it is not there.
    pub cost: Option<Cost>,
    /// How to get it, where it is not there.
    pub remedy: Option<String>,
}

/// Whether a part is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is there.
    Here,
    /// `cargo testenv provision` makes it, and so does the first command that needs it.
    Made,
    /// It would be of use, and nothing needs it.
    Optional,
    /// A person has to act.
    Missing,
}

/// What getting a part costs on two cores, from nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// Disk space.
    pub megabytes: u64,
    /// Time.
    pub seconds: u64,
}

const ENGINE: Cost = Cost {
    megabytes: 400,
    seconds: 60,
};
/// Measured per program on average, with what the compiler keeps.
const KUBERNETES_PROGRAM: Cost = Cost {
    megabytes: 350,
    seconds: 45,
};
/// The largest of them, the browser.
const TOOL: Cost = Cost {
    megabytes: 400,
    seconds: 25,
};
const PROVISION: &str = "cargo testenv provision";

/// Looks at the machine, and changes nothing.
pub async fn examine(cache: &CacheDir) -> Report {
    let provisioner = Provisioner::new(cache.clone(), Progress::silent());
    let engine = Engine::detect().await;
    let mut findings = vec![engine_finding(engine.as_ref()), kubernetes(&provisioner).await];
    for image in Image::all() {
        findings.push(image_finding(engine.as_ref().ok(), &image).await);
    }
    findings.extend(clients::tools().map(|(tool, found)| tool_finding(tool, found)));
    let needed = findings
        .iter()
        .filter_map(|finding| finding.cost)
        .map(|cost| cost.megabytes)
        .sum();
    findings.push(room(&provisioner, needed));
    findings.push(nextest());
    Report { findings }
}

impl Report {
    /// Whether everything is there or can be made without a person.
    pub fn is_ready(&self) -> bool {
        self.findings
            .iter()
            .all(|finding| finding.state != State::Missing)
    }
}

impl Finding {
    fn here(part: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            part: part.into(),
            state: State::Here,
            detail: detail.into(),
            cost: None,
            remedy: None,
        }
    }

    fn absent(
        part: impl Into<String>,
        state: State,
        detail: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        let remedy = Some(remedy.into());
        Self {
            part: part.into(),
            state,
            detail: detail.into(),
            cost: None,
            remedy,
        }
    }

    fn costing(self, cost: Cost) -> Self {
        Self {
            cost: Some(cost),
            ..self
        }
    }
}

fn room(provisioner: &Provisioner, needed: u64) -> Finding {
    let part = "disk space for the cache";
    match provisioner.free_megabytes() {
        Ok(free) if free >= needed => Finding::here(part, format!("{free} MB free")),
        Ok(free) => Finding::absent(
            part,
            State::Missing,
            format!("{free} MB free, what is not here takes {needed} MB"),
            "free space, or set XDG_CACHE_HOME to a folder on a larger disk",
        ),
        Err(error) => Finding::absent(
            part,
            State::Missing,
            error.to_string(),
            "set XDG_CACHE_HOME to a folder on a disk",
        ),
    }
}

fn engine_finding(engine: Result<&Engine, &crate::provision::Error>) -> Finding {
    let part = "container engine";
    match engine {
        Ok(engine) => Finding::here(part, engine.endpoint()),
        Err(absent) => match Provisioner::engine_obstacle(absent) {
            Some(obstacle) => Finding::absent(part, State::Missing, "none answers", obstacle.to_string()),
            None => Finding::absent(part, State::Made, "none answers", PROVISION),
        }
        .costing(ENGINE),
    }
}

async fn kubernetes(provisioner: &Provisioner) -> Finding {
    let part = "Kubernetes programs";
    let missing = provisioner.missing_kubernetes_programs();
    if missing.is_empty() {
        return Finding::here(part, "all built");
    }
    let count = missing.len() as u64;
    let cost = Cost {
        megabytes: KUBERNETES_PROGRAM.megabytes * count,
        seconds: KUBERNETES_PROGRAM.seconds * count,
    };
    let detail = format!("not built: {}", missing.join(", "));
    match provisioner.require_go().await {
        Ok(()) => Finding::absent(part, State::Made, detail, PROVISION),
        Err(error) => Finding::absent(part, State::Missing, detail, error.to_string()),
    }
    .costing(cost)
}

async fn image_finding(engine: Option<&Engine>, image: &Image) -> Finding {
    let part = format!("image {}", image.reference());
    let has = match engine {
        Some(engine) => engine.has_image(image).await,
        None => Ok(false),
    };
    match has {
        Ok(true) => Finding::here(part, "in the engine"),
        Ok(false) => absent_image(part, image),
        Err(error) => Finding::absent(
            part,
            State::Missing,
            error.to_string(),
            "correct what the engine says",
        ),
    }
}

/// Tests of clients and of the page need it.
fn tool_finding(tool: Tool, found: Option<PathBuf>) -> Finding {
    match found {
        Some(path) => Finding::here(tool.what(), path.display().to_string()),
        None if clients::can_install() => {
            Finding::absent(tool.what(), State::Made, "not installed", PROVISION).costing(TOOL)
        }
        None => Finding::absent(
            tool.what(),
            State::Missing,
            "not installed",
            format!("install {tool}"),
        ),
    }
}

fn absent_image(part: String, image: &Image) -> Finding {
    let (cost, obstacle) = match image {
        Image::Postgres(_) => (
            Cost {
                megabytes: 90,
                seconds: 15,
            },
            no_mirror(),
        ),
        Image::Redis(_) => (
            Cost {
                megabytes: 30,
                seconds: 8,
            },
            no_mirror(),
        ),
        Image::Node => (
            Cost {
                megabytes: 360,
                seconds: 20,
            },
            no_mirror(),
        ),
        Image::Pause => (
            Cost {
                megabytes: 2,
                seconds: 3,
            },
            no_program("go", "install Go 1.26 or newer"),
        ),
        Image::CoreDns => (
            Cost {
                megabytes: 55,
                seconds: 90,
            },
            no_program("go", "install Go 1.26 or newer"),
        ),
        Image::Service | Image::Operator => (
            Cost {
                megabytes: 1500,
                seconds: 300,
            },
            no_program("cargo", "install Rust by rustup"),
        ),
    };
    let detail = "not in the engine";
    match obstacle {
        Some(remedy) => Finding::absent(part, State::Missing, detail, remedy),
        None => Finding::absent(part, State::Made, detail, PROVISION),
    }
    .costing(cost)
}

fn no_mirror() -> Option<String> {
    let remedy = "this machine's apt has no Debian archive to build it from: load it into the engine";
    (!has_mirror()).then(|| remedy.to_owned())
}

fn no_program(program: &str, remedy: &str) -> Option<String> {
    which(program).is_none().then(|| remedy.to_owned())
}

fn nextest() -> Finding {
    match which("cargo-nextest") {
        Some(path) => Finding::here("cargo-nextest", path.display().to_string()),
        None => Finding::absent(
            "cargo-nextest",
            State::Optional,
            "tests run by `cargo test`",
            "cargo install --locked cargo-nextest",
        ),
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self
            .findings
            .iter()
            .map(|finding| finding.part.len())
            .max()
            .unwrap_or_default();
        for finding in &self.findings {
            let word = match finding.state {
                State::Here => "here",
                State::Made => "will be made",
                State::Optional => "optional",
                State::Missing => "MISSING",
            };
            write!(f, "{word:<13} {:<width$}  {}", finding.part, finding.detail)?;
            if let Some(cost) = finding.cost {
                write!(f, "; {} MB, about {} s", cost.megabytes, cost.seconds)?;
            }
            if let Some(remedy) = &finding.remedy {
                write!(f, "; {remedy}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_ready_unless_a_person_has_to_act() {
        let made = Finding::absent("redis", State::Made, "not in the engine", PROVISION);
        let missing = Finding::absent("go", State::Missing, "not installed", "install it");
        assert!(
            Report {
                findings: vec![Finding::here("x", "y"), made.clone()]
            }
            .is_ready()
        );
        assert!(
            !Report {
                findings: vec![made, missing]
            }
            .is_ready()
        );
    }

    #[test]
    fn every_absent_part_tells_its_cost_and_its_remedy_on_one_line() {
        let finding =
            Finding::absent("image redis:8", State::Made, "not in the engine", PROVISION).costing(Cost {
                megabytes: 30,
                seconds: 8,
            });
        let report = Report {
            findings: vec![finding],
        };
        assert_eq!(
            report.to_string(),
            "will be made  image redis:8  not in the engine; 30 MB, about 8 s; cargo testenv provision\n"
        );
    }

    #[tokio::test]
    async fn an_empty_cache_lacks_every_kubernetes_program() {
        let folder = tempfile::tempdir().unwrap();
        let cache = CacheDir::at(folder.path()).unwrap();
        let finding = kubernetes(&Provisioner::new(cache, Progress::silent())).await;
        assert!(
            finding.detail.contains("etcd") && finding.cost.is_some(),
            "{finding:?}"
        );
    }
}
