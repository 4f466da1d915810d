use std::{collections::BTreeMap, fmt::Display, str::FromStr, time::Duration};

use super::{Default, Error, Errors, Kind, Variable};
use crate::domain::parse_duration;

const REDACTED: &str = "[redacted]";

/// Variables of the test environment, which may surround any process that it starts.
const FOREIGN_PREFIXES: [&str; 2] = ["ULTRA_TESTENV", "ULTRA_TEST_"];

/// The variables that were given, and the errors found in them so far.
pub(super) struct Source {
    vars: BTreeMap<String, String>,
    errors: Vec<Error>,
}

impl Source {
    pub(super) fn new(vars: impl IntoIterator<Item = (String, String)>) -> Self {
        Self {
            vars: vars.into_iter().collect(),
            errors: Vec::new(),
        }
    }

    /// A misspelt variable would otherwise be ignored silently, and its owner would believe that it works.
    pub(super) fn refuse_unknown(&mut self, known: &[&Variable]) {
        let mut names: Vec<String> = known.iter().map(|variable| variable.name.to_owned()).collect();
        names.extend(known.iter().filter_map(|variable| variable.file_variable()));
        let unknown: Vec<String> = self
            .vars
            .keys()
            .filter(|name| name.starts_with("ULTRA_") && !names.contains(name))
            .filter(|name| !FOREIGN_PREFIXES.iter().any(|prefix| name.starts_with(prefix)))
            .cloned()
            .collect();
        for name in unknown {
            let nearest = names
                .iter()
                .map(|known| (strsim::damerau_levenshtein(&name, known), known))
                .min()
                .filter(|(distance, _)| *distance <= 5);
            let hint = nearest.map_or_else(
                || "`ultra-service config docs` lists all that there are".to_owned(),
                |(_, known)| format!("did you mean {known}?"),
            );
            // Its value is not shown: a misspelt name may hold a secret.
            self.errors.push(Error {
                name,
                kind: Kind::Unknown,
                value: None,
                problem: format!("is no variable of this service; {hint}"),
                example: None,
            });
        }
    }

    /// Whether the variable, or its file variable, was given at all.
    pub(super) fn is_set(&self, variable: &Variable) -> bool {
        let file = variable.file_variable();
        self.vars.contains_key(variable.name) || file.is_some_and(|name| self.vars.contains_key(&name))
    }

    /// The value as text: the variable itself, the file that `<name>_FILE` names, or the default.
    pub(super) fn text(&mut self, variable: &Variable) -> Option<String> {
        let direct = self.vars.get(variable.name).cloned();
        let file_name = variable.file_variable();
        let file = file_name.as_ref().and_then(|name| self.vars.get(name).cloned());
        let text = match (direct, file, file_name) {
            (Some(_), Some(_), Some(name)) => {
                self.invalid(
                    variable,
                    &format!("is set together with {name}; set only one of the two"),
                );
                return None;
            }
            (None, Some(path), Some(name)) => match std::fs::read_to_string(&path) {
                // Mounted files and shells like to end with a line break that belongs to nobody's secret.
                Ok(text) => text.trim_end_matches(['\r', '\n']).to_owned(),
                Err(error) => {
                    self.push(
                        name,
                        Kind::Invalid,
                        Some(path),
                        format!("cannot be read: {error}"),
                        None,
                    );
                    return None;
                }
            },
            (Some(text), ..) => text,
            _ => match variable.default {
                Default::Value(text) => text.to_owned(),
                Default::Depends(_) | Default::Unset(_) => return None,
            },
        };
        if text.trim().is_empty() {
            self.invalid(variable, "is set, but empty; unset it or give it a value");
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

    /// A duration between `least` and `most`.
    pub(super) fn duration(
        &mut self,
        variable: &Variable,
        least: Duration,
        most: Duration,
    ) -> Option<Duration> {
        self.parse(variable, |text| {
            let duration = parse_duration(text)?;
            in_range(duration, least, most, crate::domain::format_duration)
        })
    }

    /// A whole number between `least` and `most`.
    pub(super) fn number<T: FromStr + PartialOrd + Display + Copy>(
        &mut self,
        variable: &Variable,
        least: T,
        most: T,
    ) -> Option<T> {
        self.parse(variable, |text| {
            let number = text
                .parse::<T>()
                .map_err(|_| format!("is no whole number from {least} to {most}"))?;
            in_range(number, least, most, |number| number.to_string())
        })
    }

    /// Records that the variable's value is wrong.
    pub(super) fn invalid(&mut self, variable: &Variable, problem: &str) {
        self.refuse(variable, Kind::Invalid, problem);
    }

    /// Records that the variable's value is known, but refused by this version.
    pub(super) fn unsupported(&mut self, variable: &Variable, problem: &str) {
        self.refuse(variable, Kind::Unsupported, problem);
    }

    fn refuse(&mut self, variable: &Variable, kind: Kind, problem: &str) {
        let value = self.vars.get(variable.name).cloned();
        let value = if variable.secret {
            value.map(|_| REDACTED.to_owned())
        } else {
            value
        };
        self.push(
            variable.name.to_owned(),
            kind,
            value,
            problem.to_owned(),
            Some(variable.example.to_owned()),
        );
    }

    fn push(
        &mut self,
        name: String,
        kind: Kind,
        value: Option<String>,
        problem: String,
        example: Option<String>,
    ) {
        self.errors.push(Error {
            name,
            kind,
            value,
            problem,
            example,
        });
    }

    pub(super) fn finish<T>(self, value: Option<T>) -> Result<T, Errors> {
        match value {
            Some(value) if self.errors.is_empty() => Ok(value),
            _ => Err(Errors(self.errors)),
        }
    }
}

fn in_range<T: PartialOrd + Copy>(
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
