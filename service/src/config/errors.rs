use std::fmt;

/// Everything that is wrong with a configuration, never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Errors(pub(super) Vec<Error>);

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The variable.
    pub name: String,
    /// What kind of mistake it is.
    pub kind: Kind,
    /// The value that was given; redacted for secrets, absent where none was given.
    pub value: Option<String>,
    /// Where in a file the mistake is, where it is in one: `.env`, or `line 3 column 5`.
    pub place: Option<String>,
    /// What is wrong with it.
    pub problem: String,
    /// A line that would be right.
    pub example: Option<String>,
}

/// Kinds of mistakes, for callers that have to tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// No variable, or no key of the file, has this name.
    Unknown,
    /// The profile needs a value, and none was given.
    Missing,
    /// The value cannot be read, is out of range, or contradicts another one.
    Invalid,
    /// The value is known, and this profile refuses it.
    Refused,
}

impl Errors {
    /// Each error in turn.
    pub fn iter(&self) -> impl Iterator<Item = &Error> {
        self.0.iter()
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        write!(
            f,
            "the configuration has {count} error{}",
            if count == 1 { "" } else { "s" }
        )?;
        for error in &self.0 {
            write!(f, "\n  {error}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if let Some(value) = &self.value {
            write!(f, "={value}")?;
        }
        if let Some(place) = &self.place {
            write!(f, ", {place}")?;
        }
        write!(f, ": {}", self.problem)?;
        if let Some(example) = &self.example {
            write!(f, " (example: {example})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Errors {}
impl std::error::Error for Error {}
