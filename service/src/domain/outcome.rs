use std::fmt;

/// How a request ended, as far as its bill goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It was answered.
    Completed,
    /// It was answered with an error. What it used until then is used.
    Failed,
    /// Its caller went away, or the service ended. What it used until then is used.
    Cancelled,
    /// The process was killed in its middle: nobody knows whether it was answered, or what it used.
    Unconfirmed,
}

impl Outcome {
    /// The name that the store keeps.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Unconfirmed => "unconfirmed",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
