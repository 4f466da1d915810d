//! `ultra-operator render`: the plan, without a cluster.

use crate::{
    crd::UltraDeployment,
    fresh::Fresh,
    observe::Observed,
    plan::{Objects, Planned, plan},
    settings::Images,
    validate::{Invalid, validate},
};
use clap::Args;
use k8s_openapi::{ByteString, api::core::v1::Secret, jiff::Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    fs, io,
    io::Read,
    path::{Path, PathBuf},
};

/// Arguments of `render`.
#[derive(Args, Debug)]
pub struct Render {
    /// File with one UltraDeployment, and with the Secrets that it names; `-` reads standard input
    #[arg(short, long, value_name = "FILE")]
    pub file: PathBuf,
    /// Images of what would be deployed
    #[command(flatten)]
    pub images: Images,
}

/// Why a file cannot be rendered.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A document is not what it should be.
    #[error("{path}: {source}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        source: serde_yaml::Error,
    },
    /// A document is of another kind.
    #[error("{path}: a document of kind {kind:?}; only UltraDeployment and Secret are read")]
    Kind {
        /// The file.
        path: PathBuf,
        /// What was found.
        kind: String,
    },
    /// None, or more than one.
    #[error("{path}: {count} UltraDeployments; write exactly one")]
    Count {
        /// The file.
        path: PathBuf,
        /// How many there are.
        count: usize,
    },
    /// The spec cannot be.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// An object has no JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// Every child that the operator would make of the file.
pub fn render(arguments: &Render) -> Result<Vec<Value>, RenderError> {
    let text = read(&arguments.file).map_err(|source| RenderError::Read {
        path: arguments.file.clone(),
        source,
    })?;
    let (ud, secrets) = parse(&arguments.file, &text)?;
    // No cluster is asked, so no secret exists; what is printed can be compared with what was printed before.
    let observed = Observed::empty(secrets, Fresh::redacted(), Timestamp::now());
    let planned = plan(&validate(&ud, &observed, &arguments.images)?);
    Ok(documents(readable(planned))?)
}

fn read(path: &Path) -> io::Result<String> {
    if path == Path::new("-") {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text)?;
        return Ok(text);
    }
    fs::read_to_string(path)
}

/// The resource of a file and the Secrets beside it. The resource gets the identity that an API server would give it.
pub fn parse(path: &Path, text: &str) -> Result<(UltraDeployment, Vec<Secret>), RenderError> {
    let wrong = |source| RenderError::Parse {
        path: path.to_owned(),
        source,
    };
    let mut resources: Vec<UltraDeployment> = Vec::new();
    let mut secrets: Vec<Secret> = Vec::new();
    for document in serde_yaml::Deserializer::from_str(text) {
        let document = serde_yaml::Value::deserialize(document).map_err(wrong)?;
        match document
            .get("kind")
            .and_then(serde_yaml::Value::as_str)
            .unwrap_or_default()
        {
            "UltraDeployment" => resources.push(serde_yaml::from_value(document).map_err(wrong)?),
            "Secret" => secrets.push(with_data(serde_yaml::from_value(document).map_err(wrong)?)),
            _ if document.is_null() => {}
            kind => {
                return Err(RenderError::Kind {
                    path: path.to_owned(),
                    kind: kind.to_owned(),
                });
            }
        }
    }
    match <[_; 1]>::try_from(resources) {
        Ok([resource]) => Ok((with_identity(resource), secrets)),
        Err(resources) => Err(RenderError::Count {
            path: path.to_owned(),
            count: resources.len(),
        }),
    }
}

fn with_identity(mut ud: UltraDeployment) -> UltraDeployment {
    ud.metadata.namespace.get_or_insert_with(|| "default".to_owned());
    ud.metadata
        .uid
        .get_or_insert_with(|| "00000000-0000-0000-0000-000000000000".to_owned());
    ud
}

/// `stringData` is how people write Secrets, and `data` is how the API server hands them out.
fn with_data(mut secret: Secret) -> Secret {
    let strings = secret.string_data.take().unwrap_or_default();
    let entries = strings
        .into_iter()
        .map(|(key, value)| (key, ByteString(value.into_bytes())));
    secret.data.get_or_insert_default().extend(entries);
    secret
}

/// Secrets as people write them.
fn readable(mut planned: Objects<Planned>) -> Objects<Planned> {
    for secret in &mut planned.secrets {
        let data = secret.data.take().unwrap_or_default().into_iter();
        let strings = data.map(|(key, value)| (key, String::from_utf8_lossy(&value.0).into_owned()));
        secret.string_data = Some(strings.collect());
    }
    planned
}

/// A plan's objects, in the order in which they are applied.
pub fn documents(planned: Objects<Planned>) -> Result<Vec<Value>, serde_json::Error> {
    fn values<K: Serialize>(
        objects: impl IntoIterator<Item = K>,
    ) -> impl Iterator<Item = Result<Value, serde_json::Error>> {
        objects.into_iter().map(|object| serde_json::to_value(object))
    }
    let Objects {
        service_account,
        secrets,
        config_map,
        services,
        postgres,
        redis,
        service,
    } = planned;
    values([service_account])
        .chain(values(secrets))
        .chain(values([config_map]))
        .chain(values(services))
        .chain(values(postgres))
        .chain(values(redis))
        .chain(values([service]))
        .collect()
}
