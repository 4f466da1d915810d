use std::fmt;

use super::ModelId;

/// What a request asked for, as it is billed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Operation {
    /// The panel, which asks several models.
    Panel,
    /// One model, directly.
    Chat(ModelId),
}

impl Operation {
    /// The name under which the panel is a model. No model has it: theirs have a slash.
    pub const PANEL: &'static str = "ultra";

    /// What kind it is.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Panel => "panel",
            Self::Chat(_) => "chat",
        }
    }

    /// Who was asked, as a model's name.
    pub fn model(&self) -> &str {
        match self {
            Self::Panel => Self::PANEL,
            Self::Chat(model) => model.as_str(),
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
