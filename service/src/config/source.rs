use std::{
    collections::BTreeMap,
    fmt::{self, Display},
    io,
    path::{Path, PathBuf},
};

use super::{
    Error, Errors, Kind, Production, Profile, Shape, Variable,
    redact::{self, REDACTED},
};
use crate::{
    bounded_file,
    domain::{format_duration, parse_duration},
};

/// Variables of the test environment, which may surround any process that it starts.
const TEST_PREFIXES: [&str; 2] = ["ULTRA_TESTENV", "ULTRA_TEST_"];

/// No secret is longer; it also bounds what a path such as `/dev/zero` costs.
const MAX_SECRET_BYTES: u64 = 64 * 1024;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The same in every profile.
    Default,
    /// The profile's own default.
    Profile(Profile),
    /// The `.env` file.
    DotEnv,
    /// The environment.
    Environment,
    /// A file that the environment or the `.env` file names.
    File(PathBuf),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Profile(profile) => write!(f, "default of the {profile} profile"),
            Self::DotEnv => f.write_str(".env"),
            Self::Environment => f.write_str("environment"),
            Self::File(path) => write!(f, "file {}", redact::shown_path(&path.to_string_lossy())),
        }
    }
}

/// The layers of variables that were given, and the errors found in them so far.
pub(super) struct Source {
    vars: BTreeMap<String, Given>,
    profile: Option<Profile>,
    /// Values that follow from other ones, for whoever wants to see them.
    derived: BTreeMap<&'static str, String>,
    errors: Vec<Error>,
}

struct Given {
    value: String,
    in_dotenv: bool,
}

impl Source {
    pub(super) fn new(vars: impl IntoIterator<Item = (String, String)>) -> Self {
        let given = |(name, value)| {
            let in_dotenv = false;
            (name, Given { value, in_dotenv })
        };
        Self {
            vars: vars.into_iter().map(given).collect(),
            profile: None,
            derived: BTreeMap::new(),
            errors: Vec::new(),
        }
    }

    /// Adds what a `.env` file says. A variable of the environment hides its namesake there, and the one that names
    /// a file instead, too.
    pub(super) fn add_dotenv(&mut self, variables: Vec<(String, String)>, known: &[&Variable]) {
        let hidden: Vec<String> = known
            .iter()
            .filter(|variable| self.is_set(variable))
            .flat_map(|variable| [Some(variable.name.to_owned()), variable.file_variable()])
            .flatten()
            .collect();
        for (name, value) in variables {
            if !hidden.contains(&name) {
                let in_dotenv = true;
                self.vars.entry(name).or_insert(Given { value, in_dotenv });
            }
        }
    }

    /// Which profile's defaults and rules apply from now on.
    pub(super) fn set_profile(&mut self, profile: Option<Profile>) {
        self.profile = profile;
    }

    /// Whether the rules of production apply. Where the profile itself is wrong, its owner hears that first.
    pub(super) fn is_production(&self) -> bool {
        self.profile == Some(Profile::Production)
    }

    /// The profile, as far as defaults go.
    pub(super) fn profile(&self) -> Profile {
        self.profile.unwrap_or(Profile::Development)
    }

    /// A misspelt variable would otherwise be ignored silently, and its owner would believe that it works.
    pub(super) fn refuse_unknown(&mut self, known: &[&Variable]) {
        let mut names: Vec<String> = known.iter().map(|variable| variable.name.to_owned()).collect();
        names.extend(known.iter().filter_map(|variable| variable.file_variable()));
        let unknown: Vec<String> = self
            .vars
            .keys()
            .filter(|name| name.starts_with("ULTRA_") && !names.contains(name))
            .cloned()
            .collect();
        for name in unknown {
            let of_tests = TEST_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
            let (kind, problem) = match (of_tests, self.is_production()) {
                (true, false) => continue,
                (true, true) => (
                    Kind::Refused,
                    "is refused in production: it belongs to the test environment; remove it".to_owned(),
                ),
                (false, _) => {
                    let hint = nearest(&name, &names).map_or_else(
                        || "`ultra-service config docs` lists all that there are".to_owned(),
                        |known| format!("did you mean {known}?"),
                    );
                    (Kind::Unknown, format!("is no variable of this service; {hint}"))
                }
            };
            // Its value is not shown: a misspelt name may hold a secret.
            let place = self.place(&name);
            self.push(Error {
                name: redact::shown(&name),
                kind,
                value: None,
                place,
                problem,
                example: None,
            });
        }
    }

    /// Production leaves nothing that matters to a default.
    pub(super) fn refuse_missing(&mut self, known: &[&Variable]) {
        for variable in known {
            if let Production::Requires(reason) = variable.production
                && self.is_production()
                && !self.is_set(variable)
            {
                let problem = format!("is required in production: {reason}");
                self.refuse(variable, Kind::Missing, &problem);
            }
        }
    }

    /// Whether the variable, or its file variable, was given at all.
    pub(super) fn is_set(&self, variable: &Variable) -> bool {
        let file = variable.file_variable();
        self.vars.contains_key(variable.name) || file.is_some_and(|name| self.vars.contains_key(&name))
    }

    /// What was given for the variable itself, as it is.
    pub(super) fn given(&self, variable: &Variable) -> Option<&str> {
        Some(self.vars.get(variable.name)?.value.as_str())
    }

    /// The path that `<name>_FILE` names.
    pub(super) fn file(&self, variable: &Variable) -> Option<PathBuf> {
        let given = self.vars.get(&variable.file_variable()?)?;
        Some(PathBuf::from(&given.value))
    }

    /// The value as text: the variable itself, the file that `<name>_FILE` names, or the default.
    pub(super) fn text(&mut self, variable: &Variable) -> Option<String> {
        let direct = self.vars.get(variable.name).map(|given| given.value.clone());
        let file_name = variable.file_variable();
        let file = file_name
            .as_ref()
            .and_then(|name| Some(self.vars.get(name)?.value.clone()));
        let text = match (direct, file, file_name) {
            (Some(_), Some(_), Some(name)) => {
                self.invalid(
                    variable,
                    &format!("is set together with {name}; set only one of the two"),
                );
                return None;
            }
            (None, Some(path), Some(name)) => match read_secret(&path) {
                Ok(text) => text,
                Err(problem) => {
                    let place = self.place(&name);
                    let example = Some(format!("{name}=/run/secrets/{}", file_stem(variable.name)));
                    self.push(Error {
                        name,
                        kind: Kind::Invalid,
                        value: Some(redact::shown_path(&path)),
                        place,
                        problem,
                        example,
                    });
                    return None;
                }
            },
            (Some(text), ..) => text,
            _ => variable.default.value(self.profile())?.to_owned(),
        };
        if text.trim().is_empty() {
            self.invalid(variable, "is set, but empty; unset it or give it a value");
            return None;
        }
        // What is not Unicode arrives with this character in its place.
        if text.contains(char::REPLACEMENT_CHARACTER) {
            self.invalid(variable, "is not UTF-8");
            return None;
        }
        Some(text)
    }

    /// The value parsed by `parse`; what is wrong becomes an error that shows value and example.
    pub(super) fn parse<T, E: Display>(
        &mut self,
        variable: &Variable,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.text(variable)?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.invalid(variable, &problem.to_string());
                None
            }
        }
    }

    /// One of the words of the variable's shape, as `parse` understands them.
    pub(super) fn choice<T>(
        &mut self,
        variable: &Variable,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        self.parse(variable, |text| {
            parse(text).ok_or_else(|| match variable.shape {
                Shape::Choice(words) => format!("is none of {}", words.join(", ")),
                _ => "is none of the words that are known".to_owned(),
            })
        })
    }

    /// Yes or no.
    pub(super) fn switch(&mut self, variable: &Variable) -> Option<bool> {
        self.parse(variable, |text| {
            text.parse::<bool>().map_err(|_| "is neither true nor false")
        })
    }

    /// A duration in the range of the variable's shape.
    pub(super) fn duration(&mut self, variable: &Variable) -> Option<std::time::Duration> {
        self.parse(variable, |text| {
            let duration = parse_duration(text)?;
            match variable.shape {
                Shape::Duration(least, most) => in_range(duration, least, most, format_duration),
                _ => Ok(duration),
            }
        })
    }

    /// A whole number in the range of the variable's shape.
    pub(super) fn number<T: TryFrom<u64>>(&mut self, variable: &Variable) -> Option<T> {
        self.parse(variable, |text| {
            let (least, most) = match variable.shape {
                Shape::Number(least, most) => (least, most),
                _ => (0, u64::MAX),
            };
            let no_number = || format!("is no whole number from {least} to {most}");
            let number = text.parse::<u64>().map_err(|_| no_number())?;
            let number = in_range(number, least, most, |number| number.to_string())?;
            T::try_from(number).map_err(|_| no_number())
        })
    }

    /// A secret of a variable that is not in the table, because a file names it: its text, or that of its file.
    pub(super) fn foreign_secret(&self, name: &str) -> Option<Result<(String, Option<PathBuf>), String>> {
        if let Some(given) = self.vars.get(name) {
            return Some(Ok((given.value.clone(), None)));
        }
        let path = &self.vars.get(&format!("{name}_FILE"))?.value;
        Some(read_secret(path).map(|text| (text, Some(PathBuf::from(path)))))
    }

    /// Records that the variable's value is wrong.
    pub(super) fn invalid(&mut self, variable: &Variable, problem: &str) {
        self.refuse(variable, Kind::Invalid, problem);
    }

    /// Records that the profile refuses the variable's value.
    pub(super) fn refused(&mut self, variable: &Variable, problem: &str) {
        self.refuse(variable, Kind::Refused, problem);
    }

    /// Production refuses a secret that stands in the documentation.
    pub(super) fn refuse_example(&mut self, variable: &Variable) {
        if self.is_production() && self.secret_is_example(variable) {
            let problem = "is the documentation's example, which everybody knows; choose another";
            self.refuse_with(variable, Kind::Refused, problem, None);
        }
    }

    fn secret_is_example(&self, variable: &Variable) -> bool {
        let direct = self.vars.get(variable.name).map(|given| given.value.clone());
        let text = direct.or_else(|| read_secret(self.file(variable)?.to_str()?).ok());
        text.as_deref() == Some(variable.example)
    }

    fn refuse(&mut self, variable: &Variable, kind: Kind, problem: &str) {
        let example = format!("{}={}", variable.name, variable.example);
        self.refuse_with(variable, kind, problem, Some(example));
    }

    /// Records a mistake, with an example of its own: of secrets, the one that stands in the documentation is known to
    /// everybody and of no use in production.
    pub(super) fn refuse_with(
        &mut self,
        variable: &Variable,
        kind: Kind,
        problem: &str,
        example: Option<String>,
    ) {
        let file = variable
            .file_variable()
            .filter(|name| self.vars.contains_key(name));
        let name = match file {
            Some(file) if !self.vars.contains_key(variable.name) => file,
            _ => variable.name.to_owned(),
        };
        let value = self.vars.get(&name).map(|given| {
            if name != variable.name {
                redact::shown_path(&given.value)
            } else if variable.secret {
                REDACTED.to_owned()
            } else {
                redact::shown(&given.value)
            }
        });
        let place = self.place(&name);
        self.push(Error {
            name,
            kind,
            value,
            place,
            problem: problem.to_owned(),
            example,
        });
    }

    /// Where a variable was given, if that is not the environment.
    fn place(&self, name: &str) -> Option<String> {
        let given = self.vars.get(name)?;
        given.in_dotenv.then(|| "in .env".to_owned())
    }

    /// Records any mistake.
    pub(super) fn push(&mut self, error: Error) {
        self.errors.push(error);
    }

    /// Notes the value of a variable that was not given and follows from other ones.
    pub(super) fn derive(&mut self, variable: &Variable, value: &dyn Display) {
        if !self.is_set(variable) {
            self.derived.insert(variable.name, value.to_string());
        }
    }

    /// The value that applies, redacted, and where it comes from.
    pub(super) fn effective(&self, variable: &Variable) -> (Option<String>, Origin) {
        let given = |given: &Given| match given.in_dotenv {
            true => Origin::DotEnv,
            false => Origin::Environment,
        };
        if let Some(path) = self.file(variable) {
            return (Some(REDACTED.to_owned()), Origin::File(path));
        }
        if let Some(value) = self.vars.get(variable.name) {
            let shown = match variable.secret {
                true => REDACTED.to_owned(),
                false => redact::shown(&value.value),
            };
            return (Some(shown), given(value));
        }
        let origin = match variable.default {
            super::Default::Profiles { .. } => Origin::Profile(self.profile()),
            super::Default::Value(_) | super::Default::Unset(_) => Origin::Default,
        };
        let default = variable.default.value(self.profile()).map(str::to_owned);
        (
            default.or_else(|| self.derived.get(variable.name).cloned()),
            origin,
        )
    }

    pub(super) fn finish<T>(self, value: Option<T>) -> Result<T, Errors> {
        match value {
            Some(value) if self.errors.is_empty() => Ok(value),
            _ => Err(Errors(self.errors)),
        }
    }
}

/// A secret's file, without the line break that editors and shells like to end it with.
pub(super) fn read_secret(path: &str) -> Result<String, String> {
    let text = read_text(Path::new(path), MAX_SECRET_BYTES).map_err(|unreadable| match unreadable {
        Unreadable::TooLarge => {
            format!("is larger than {MAX_SECRET_BYTES} bytes, so that it holds no secret")
        }
        other => other.to_string(),
    })?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// Why a file gives no text.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("cannot be read: {0}")]
    Io(#[source] io::Error),
    #[error("is too large")]
    TooLarge,
    #[error("does not hold UTF-8")]
    NoText,
}

/// A file's text, if it is no longer than that; no more of it is read.
pub(super) fn read_text(path: &Path, max_bytes: u64) -> Result<String, Unreadable> {
    let bytes = bounded_file::read(path, max_bytes).map_err(|error| match error.kind() {
        io::ErrorKind::FileTooLarge => Unreadable::TooLarge,
        _ => Unreadable::Io(error),
    })?;
    String::from_utf8(bytes).map_err(|_| Unreadable::NoText)
}

/// The known name that somebody who wrote `name` probably meant.
pub(super) fn nearest<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    known
        .iter()
        .map(|known| (strsim::damerau_levenshtein(name, known), known))
        .min()
        .filter(|(distance, known)| *distance <= (known.len() / 4).clamp(1, 5))
        .map(|(_, known)| known.as_str())
}

pub(super) fn in_range<T: PartialOrd + Copy>(
    value: T,
    least: T,
    most: T,
    show: impl Fn(T) -> String,
) -> Result<T, String> {
    if value < least || value > most {
        return Err(format!(
            "is out of range; {} to {} is allowed",
            show(least),
            show(most)
        ));
    }
    Ok(value)
}

fn file_stem(variable: &str) -> String {
    variable.to_ascii_lowercase().replace('_', "-")
}
