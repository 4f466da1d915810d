/// One environment variable: the single place for its name, default and description. Parsing, error messages, the
/// documentation and `.env.example` are all made from it.
#[derive(Debug)]
pub struct Variable {
    /// The name, a public contract.
    pub name: &'static str,
    /// The part of the service that it sets.
    pub concern: &'static str,
    /// Whether its value must never be shown, and can be given by a file named in `<name>_FILE`.
    pub secret: bool,
    /// What applies when it is not set.
    pub default: Default,
    /// A value that is right.
    pub example: &'static str,
    /// What it is for.
    pub description: &'static str,
}

/// What applies when a variable is not set.
#[derive(Debug, Clone, Copy)]
pub enum Default {
    /// This value, parsed as if it had been given.
    Value(&'static str),
    /// A value that depends on something else, in words.
    Depends(&'static str),
    /// Nothing; the words say what that means.
    Unset(&'static str),
}

impl Variable {
    /// The name of the variable that names a file with the value, where there is one.
    pub fn file_variable(&self) -> Option<String> {
        self.secret.then(|| format!("{}_FILE", self.name))
    }
}
