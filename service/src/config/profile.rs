use std::fmt;

use serde::Serialize;
use utoipa::ToSchema;

use super::{Default, Variable, source::Source};

pub(super) const PROFILE: Variable = Variable {
    name: "ULTRA_PROFILE",
    concern: "general",
    secret: false,
    default: Default::Value("development"),
    example: "development",
    description: "The set of defaults and rules: development, testing or production. Only development starts in \
                  this version, because it has no authentication yet.",
};

pub(super) const MODE: Variable = Variable {
    name: "ULTRA_MODE",
    concern: "general",
    secret: false,
    default: Default::Depends("mock in development and testing, real in production"),
    example: "mock",
    description: "mock: stand-in models that answer deterministically from the prompt. real: providers with keys; \
                  not in this version.",
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

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Development => "development",
            Self::Testing => "testing",
            Self::Production => "production",
        })
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
    let profile = source.parse(&PROFILE, |text| match text {
        "development" => Ok(Profile::Development),
        "testing" => Ok(Profile::Testing),
        "production" => Ok(Profile::Production),
        _ => Err("is no profile; there are development, testing and production"),
    })?;
    if profile != Profile::Development {
        source.unsupported(
            &PROFILE,
            "is refused: this version has no authentication, and a service outside of development must not be open \
             to everybody",
        );
    }
    Some(profile)
}

pub(super) fn read_mode(source: &mut Source, profile: Option<Profile>) -> Option<Mode> {
    let given = source.text(&MODE);
    let mode = match given.as_deref() {
        Some("mock") => Mode::Mock,
        Some("real") => Mode::Real,
        Some(_) => {
            source.invalid(&MODE, "is no mode; there are mock and real");
            return None;
        }
        None if profile == Some(Profile::Production) => Mode::Real,
        None => Mode::Mock,
    };
    if given.is_some() && mode == Mode::Real {
        source.unsupported(&MODE, "is refused: this version has no real providers yet");
    }
    Some(mode)
}
