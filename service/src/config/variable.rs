use std::time::Duration;

use super::Profile;

/// One environment variable: the single place for its name, shape, default and description. Parsing, error messages,
/// the documentation, the schema and `.env.example` are all made from it.
#[derive(Debug)]
pub struct Variable {
    /// The name, a public contract.
    pub name: &'static str,
    /// The part of the service that it sets.
    pub concern: &'static str,
    /// Whether its value must never be shown, and can be given by a file named in `<name>_FILE`.
    pub secret: bool,
    /// What its values look like.
    pub shape: Shape,
    /// What applies when it is not set.
    pub default: Default,
    /// What the production profile asks of it.
    pub production: Production,
    /// A value that is right.
    pub example: &'static str,
    /// What it is for.
    pub description: &'static str,
}

/// What the values of a variable look like.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// One of these words.
    Choice(&'static [&'static str]),
    /// `true` or `false`.
    Switch,
    /// A duration from the first to the second.
    Duration(Duration, Duration),
    /// A whole number from the first to the second.
    Number(u64, u64),
    /// A URL with one of these schemes.
    Url(&'static [&'static str]),
    /// A path of a file or folder.
    Path,
    /// Text that this regular expression of JSON Schema describes; its reader may be stricter.
    Pattern(&'static str),
    /// Any text.
    Text,
}

/// What applies when a variable is not set.
#[derive(Debug, Clone, Copy)]
pub enum Default {
    /// This value, parsed as if it had been given.
    Value(&'static str),
    /// A value for each profile, parsed as if it had been given.
    Profiles {
        /// In the development profile.
        development: &'static str,
        /// In the testing profile.
        testing: &'static str,
        /// In the production profile.
        production: &'static str,
    },
    /// Nothing; the words say what that means.
    Unset(&'static str),
}

/// What the production profile asks of a variable, beyond what every profile does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Production {
    /// Nothing.
    AsElsewhere,
    /// That it is set; the words say why.
    Requires(&'static str),
    /// That it is not set to what the words name.
    Refuses(&'static str),
}

impl Variable {
    /// The name of the variable that names a file with the value, where there is one.
    pub fn file_variable(&self) -> Option<String> {
        self.secret.then(|| format!("{}_FILE", self.name))
    }
}

impl Default {
    /// The value that applies in a profile.
    pub fn value(&self, profile: Profile) -> Option<&'static str> {
        match *self {
            Self::Value(value) => Some(value),
            Self::Profiles {
                development,
                testing,
                production,
            } => Some(match profile {
                Profile::Development => development,
                Profile::Testing => testing,
                Profile::Production => production,
            }),
            Self::Unset(_) => None,
        }
    }
}
