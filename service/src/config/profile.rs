use std::fmt;

use serde::Serialize;
use utoipa::ToSchema;

use super::{Default, Production, Shape, Variable, source::Source};

pub(super) const PROFILE: Variable = Variable {
    name: "ULTRA_PROFILE",
    concern: "general",
    secret: false,
    shape: Shape::Choice(&["development", "testing", "production"]),
    default: Default::Value("development"),
    production: Production::AsElsewhere,
    example: "development",
    description: "The set of defaults and rules. development: one machine, nothing to set up. testing: like \
                  production, with test tokens and stand-in models. production: for real users; never from `.env`.",
};

pub(super) const MODE: Variable = Variable {
    name: "ULTRA_MODE",
    concern: "general",
    secret: false,
    shape: Shape::Choice(&["mock", "real"]),
    default: Default::Profiles {
        development: "mock",
        testing: "mock",
        production: "real",
    },
    production: Production::AsElsewhere,
    example: "mock",
    description: "mock: stand-in models that answer deterministically from the prompt. real: the models of \
                  providers, which cost money.",
};

/// Which set of defaults and rules applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// One machine, nothing to set up.
    Development,
    /// Like production, with tokens for tests.
    Testing,
    /// For real users.
    Production,
}

/// Whether the models are stand-ins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Deterministic stand-ins.
    Mock,
    /// Providers over the network.
    Real,
}

impl Profile {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Development, Self::Testing, Self::Production];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::Testing => "testing",
            Self::Production => "production",
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mock => "mock",
            Self::Real => "real",
        })
    }
}

pub(super) fn read_profile(source: &mut Source) -> Option<Profile> {
    source.choice(&PROFILE, |text| {
        Profile::ALL.into_iter().find(|profile| profile.name() == text)
    })
}

pub(super) fn read_mode(source: &mut Source) -> Option<Mode> {
    source.choice(&MODE, |text| match text {
        "mock" => Some(Mode::Mock),
        "real" => Some(Mode::Real),
        _ => None,
    })
}
