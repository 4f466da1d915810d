use std::{path::PathBuf, time::Duration};

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{
    Default, Kind, Production, Shape, Variable,
    panel::some_duration,
    provider_bounds::ProviderBounds,
    redact,
    server::is_loopback_url,
    source::{Source, read_secret},
    yaml::{Problem, key},
};
use crate::domain::is_known_secret;

pub(super) const OPENAI_API_KEY: Variable =
    api_key("OPENAI_API_KEY", "sk-proj-0123abcd4567efgh", "OpenAI's key.");
pub(super) const OPENAI_BASE_URL: Variable = base_url(
    "OPENAI_BASE_URL",
    "https://api.openai.com/v1",
    "Where OpenAI, or what speaks its language, answers.",
);
pub(super) const ANTHROPIC_API_KEY: Variable =
    api_key("ANTHROPIC_API_KEY", "sk-ant-0123abcd4567efgh", "Anthropic's key.");
pub(super) const ANTHROPIC_BASE_URL: Variable = base_url(
    "ANTHROPIC_BASE_URL",
    "https://api.anthropic.com",
    "Where Anthropic answers.",
);
pub(super) const GEMINI_API_KEY: Variable =
    api_key("GEMINI_API_KEY", "AIza0123abcd4567efgh", "Google Gemini's key.");
pub(super) const GEMINI_BASE_URL: Variable = base_url(
    "GEMINI_BASE_URL",
    "https://generativelanguage.googleapis.com",
    "Where Google Gemini answers.",
);

/// The shortest key that production takes.
const MIN_KEY_CHARS: usize = 12;

const fn api_key(name: &'static str, example: &'static str, description: &'static str) -> Variable {
    Variable {
        name,
        concern: "providers",
        secret: true,
        shape: Shape::Pattern(r"^[\x21-\x7e]+$"),
        default: Default::Unset("the provider is not used, unless the configuration file names it"),
        production: Production::Refuses("short or known keys"),
        example,
        description,
    }
}

const fn base_url(name: &'static str, example: &'static str, description: &'static str) -> Variable {
    Variable {
        name,
        concern: "providers",
        secret: false,
        shape: Shape::Url(&["https", "http"]),
        default: Default::Unset("the provider's own address"),
        production: Production::Refuses("`http://` to another host, with a key"),
        example,
        description,
    }
}

/// Someone who runs models.
#[derive(Debug, Clone)]
pub struct Provider {
    /// The first part of its models' names, `name`.
    pub name: String,
    /// Which language it speaks, `kind`.
    pub kind: ProviderKind,
    /// Where it answers, `baseUrl`.
    pub base_url: Url,
    /// How the service proves itself, `apiKeyFile` or `apiKeyVariable`.
    pub api_key: Option<KeySource>,
    /// The models to offer, as the provider names them, `models`; all, where none is named.
    pub models: Vec<String>,
    /// What bounds its calls.
    pub bounds: ProviderBounds,
}

impl Provider {
    /// Whether a model of it can be asked.
    pub fn offers(&self, model: &str) -> bool {
        self.models.is_empty() || self.models.iter().any(|offered| offered == model)
    }
}

/// Where an API key comes from.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// A variable, which stays as it is while the service runs.
    Value(SecretString),
    /// A mounted file, which may change; it could be read at the start.
    File(PathBuf),
}

/// A provider's language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProviderKind {
    /// OpenAI's, which many speak.
    OpenAi,
    /// Anthropic's.
    Anthropic,
    /// Google Gemini's.
    Google,
}

/// A provider: who runs models, and how to reach it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    rename_all = "camelCase",
    expecting = "keys such as name and kind"
)]
pub(super) struct ProviderFile {
    /// The first part of its models' names.
    #[schemars(regex(pattern = r"^[a-z0-9][a-z0-9-]{0,62}$"), example = &"mistral")]
    name: String,
    /// The language that it speaks; many speak openai.
    #[schemars(example = &"openai")]
    kind: ProviderKind,
    /// Where it answers. Default: the kind's own address.
    #[schemars(example = &"https://api.mistral.ai/v1")]
    base_url: Option<String>,
    /// A mounted file that holds its key.
    #[schemars(example = &"/run/secrets/mistral-api-key")]
    api_key_file: Option<String>,
    /// The environment variable that holds its key.
    #[schemars(regex(pattern = r"^[A-Z][A-Z0-9_]*$"), example = &"MISTRAL_API_KEY")]
    api_key_variable: Option<String>,
    /// The models to offer, as the provider names them. Default: all.
    #[serde(default)]
    #[schemars(example = ["mistral-large-latest"])]
    models: Vec<String>,
    /// How long a connection may take to come about. Default: 5s.
    #[serde(default, deserialize_with = "some_duration")]
    #[schemars(with = "Option<String>", example = &"5s")]
    connect_timeout: Option<Duration>,
    /// How long a streamed answer may take to begin. Default: 60s.
    #[serde(default, deserialize_with = "some_duration")]
    #[schemars(with = "Option<String>", example = &"60s")]
    first_byte_timeout: Option<Duration>,
    /// How long a streamed answer may rest between two pieces. Default: 30s.
    #[serde(default, deserialize_with = "some_duration")]
    #[schemars(with = "Option<String>", example = &"30s")]
    chunk_timeout: Option<Duration>,
    /// How long a whole answer may take, tries anew included. Default: 10m.
    #[serde(default, deserialize_with = "some_duration")]
    #[schemars(with = "Option<String>", example = &"10m")]
    timeout: Option<Duration>,
    /// How often a call that failed on its way is tried anew, at most. Default: 2.
    #[schemars(range(max = 10), example = 2)]
    retries: Option<u32>,
    /// How many calls may be under way at once; more wait for their turn. Default: 2048.
    #[schemars(range(min = 1, max = 100_000), example = 2048)]
    max_concurrency: Option<usize>,
    /// How many of them may be of one model. Default: as many.
    #[schemars(range(min = 1, max = 100_000), example = 512)]
    max_concurrency_per_model: Option<usize>,
}

struct BuiltIn {
    name: &'static str,
    kind: ProviderKind,
    api_key: &'static Variable,
    base_url: &'static Variable,
}

const BUILT_IN: [BuiltIn; 3] = [
    BuiltIn {
        name: "openai",
        kind: ProviderKind::OpenAi,
        api_key: &OPENAI_API_KEY,
        base_url: &OPENAI_BASE_URL,
    },
    BuiltIn {
        name: "anthropic",
        kind: ProviderKind::Anthropic,
        api_key: &ANTHROPIC_API_KEY,
        base_url: &ANTHROPIC_BASE_URL,
    },
    BuiltIn {
        name: "google",
        kind: ProviderKind::Google,
        api_key: &GEMINI_API_KEY,
        base_url: &GEMINI_BASE_URL,
    },
];

/// The providers that need no entry in the file.
pub(super) fn built_in_names() -> impl Iterator<Item = &'static str> {
    BUILT_IN.iter().map(|provider| provider.name)
}

impl ProviderKind {
    fn own_address(self) -> &'static str {
        let of_kind = BUILT_IN.iter().find(|provider| provider.kind == self);
        of_kind.map_or("", |provider| provider.base_url.example)
    }
}

/// The providers of the file, then those that only variables name. A variable completes the file's entry of its
/// provider, and the file wins where both say something.
pub(super) fn read(file: Vec<ProviderFile>, source: &mut Source) -> (Vec<Provider>, Vec<Problem>) {
    let mut problems = Vec::new();
    let mut providers: Vec<Provider> = Vec::new();
    let named: Vec<String> = file.iter().map(|provider| provider.name.clone()).collect();
    for (index, entry) in file.into_iter().enumerate() {
        if named[..index].contains(&entry.name) {
            let path = key("providers").index(index).key("name");
            problems.push(Problem::new(
                path,
                format!("{:?} is the name of two providers", entry.name),
            ));
        }
        let mut found = Vec::new();
        let provider = entry.resolve(source, &mut found);
        let at = key("providers").index(index);
        problems.extend(
            found
                .into_iter()
                .map(|(field, text)| Problem::new(at.clone().key(field), text)),
        );
        providers.extend(provider);
    }
    for built_in in &BUILT_IN {
        let api_key = read_key(built_in.api_key, source);
        let base_url = source.parse(built_in.base_url, parse_base_url);
        if let Some(base_url) = &base_url
            && api_key.is_some()
        {
            refuse_plain_text(built_in.base_url, base_url, source);
        }
        if named.iter().any(|name| name == built_in.name) {
            let entry = providers
                .iter_mut()
                .find(|provider| provider.name == built_in.name);
            if let Some(entry) = entry {
                entry.api_key = entry.api_key.take().or(api_key);
            }
        } else if api_key.is_some() || base_url.is_some() {
            let own_address = || Url::parse(built_in.kind.own_address()).ok();
            providers.extend(base_url.or_else(own_address).map(|base_url| Provider {
                name: built_in.name.to_owned(),
                kind: built_in.kind,
                base_url,
                api_key,
                models: Vec::new(),
                bounds: ProviderBounds::DEFAULT,
            }));
        }
    }
    (providers, problems)
}

fn read_key(variable: &Variable, source: &mut Source) -> Option<KeySource> {
    let text = source.parse(variable, |text| {
        check_key(text).map(|()| SecretString::from(text))
    })?;
    if source.is_production() {
        use secrecy::ExposeSecret as _;
        let weak = is_weak(text.expose_secret()) || text.expose_secret() == variable.example;
        if weak {
            let problem = "is a key that is short or known to everybody, which production refuses; use the \
                           provider's own, or remove it";
            source.refuse_with(variable, Kind::Refused, problem, None);
        }
    }
    Some(
        source
            .file(variable)
            .map_or(KeySource::Value(text), KeySource::File),
    )
}

/// It goes into a header.
fn check_key(text: &str) -> Result<(), &'static str> {
    if text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(())
    } else {
        Err("holds characters that no key has, such as spaces or line breaks")
    }
}

fn is_weak(key: &str) -> bool {
    key.chars().count() < MIN_KEY_CHARS || is_known_secret(key)
}

fn parse_base_url(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "is no URL")?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("has another scheme than https or http");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds credentials; give the key by its own variable or file");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("has a query or fragment, which a base of other URLs cannot have");
    }
    Ok(url)
}

fn refuse_plain_text(variable: &Variable, base_url: &Url, source: &mut Source) {
    if source.is_production() && is_plain_text(base_url) {
        source.refused(
            variable,
            "would send the key in plain text to another host, which production refuses; begin it with https://",
        );
    }
}

fn is_plain_text(base_url: &Url) -> bool {
    base_url.scheme() == "http" && !is_loopback_url(base_url)
}

type FieldProblem = (&'static str, String);

impl ProviderFile {
    fn resolve(self, source: &mut Source, problems: &mut Vec<FieldProblem>) -> Option<Provider> {
        let bounds = self.bounds();
        let Self {
            name,
            kind,
            base_url,
            api_key_file,
            api_key_variable,
            models,
            ..
        } = self;
        if !is_name(&name) {
            problems.push(("name", "is no name; write small letters, digits and -".to_owned()));
        }
        if name == "mock" {
            problems.push((
                "name",
                "is the name of the stand-in models; choose another".to_owned(),
            ));
        }
        problems.extend(bounds.problems());
        if models
            .iter()
            .any(|model| model.is_empty() || !model.bytes().all(|b| b.is_ascii_graphic()))
        {
            problems.push((
                "models",
                "names a model with no name, or with spaces in it".to_owned(),
            ));
        }
        let api_key = match (api_key_file, api_key_variable) {
            (Some(_), Some(_)) => {
                problems.push((
                    "apiKeyVariable",
                    "is given together with apiKeyFile; give only one of the two".to_owned(),
                ));
                None
            }
            (Some(path), None) => match read_secret(&path).and_then(|key| usable(&key, source)) {
                Ok(()) => Some(KeySource::File(PathBuf::from(path))),
                Err(problem) => {
                    problems.push(("apiKeyFile", format!("{} {problem}", redact::shown_path(&path))));
                    None
                }
            },
            (None, Some(variable)) => from_variable(&variable, source)
                .map_err(|problem| problems.push(("apiKeyVariable", problem)))
                .ok(),
            (None, None) => None,
        };
        let base_url = parse_base_url(base_url.as_deref().unwrap_or(kind.own_address()))
            .map_err(|problem| problems.push(("baseUrl", problem.to_owned())))
            .ok()?;
        if source.is_production() && api_key.is_some() && is_plain_text(&base_url) {
            problems.push((
                "baseUrl",
                "would send the key in plain text to another host, which production refuses; begin it with https://"
                    .to_owned(),
            ));
        }
        Some(Provider {
            name,
            kind,
            base_url,
            api_key,
            models,
            bounds,
        })
    }

    fn bounds(&self) -> ProviderBounds {
        let default = ProviderBounds::DEFAULT;
        let concurrency = self.max_concurrency.unwrap_or(default.concurrency);
        ProviderBounds {
            connect: self.connect_timeout.unwrap_or(default.connect),
            first_byte: self.first_byte_timeout.unwrap_or(default.first_byte),
            chunk: self.chunk_timeout.unwrap_or(default.chunk),
            total: self.timeout.unwrap_or(default.total),
            retries: self.retries.unwrap_or(default.retries),
            concurrency,
            concurrency_per_model: self.max_concurrency_per_model.unwrap_or(concurrency),
        }
    }
}

fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&name.len()) && name.bytes().all(plain) && !name.starts_with('-')
}

/// Who writes the key itself where its variable's name belongs must not find it in the message.
fn from_variable(name: &str, source: &Source) -> Result<KeySource, String> {
    let plain = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
        return Err(
            "is no name of a variable; write capitals, digits and _, and never the key itself".to_owned(),
        );
    }
    match source.foreign_secret(name) {
        None => Err("names a variable that is not set".to_owned()),
        Some(Err(problem)) => Err(format!("names a variable whose file {problem}")),
        Some(Ok((key, file))) => {
            usable(&key, source).map_err(|problem| format!("names a variable that {problem}"))?;
            Ok(file.map_or_else(|| KeySource::Value(SecretString::from(key)), KeySource::File))
        }
    }
}

fn usable(key: &str, source: &Source) -> Result<(), String> {
    if key.trim().is_empty() {
        return Err("is empty".to_owned());
    }
    check_key(key)?;
    if source.is_production() && is_weak(key) {
        return Err("is a key that is short or known to everybody, which production refuses".to_owned());
    }
    Ok(())
}
