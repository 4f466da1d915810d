//! Why a spec cannot be.

/// Why a spec cannot be.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Invalid {
    /// Production refuses connections to other hosts that are not encrypted, and those to the built-in parts are not.
    #[error(
        "spec.{field} is builtin, and connections to it are not encrypted yet, which production refuses: write {instead}"
    )]
    BuiltinInProduction {
        /// The field with the choice.
        field: &'static str,
        /// What else it can be.
        instead: &'static str,
    },
    /// The operator gives the service no providers' keys yet.
    #[error(
        "spec.mode is real, as it is in production without a value, and this version of the operator gives the service no providers: write `mode: mock`"
    )]
    ModeNotAvailable,
    /// A choice with none or several of its alternatives.
    #[error("spec.{field}: write exactly one of {alternatives}")]
    NotExactlyOne {
        /// The field with the choice.
        field: &'static str,
        /// What there is to choose from.
        alternatives: &'static str,
    },
    /// A Secret that the spec names is not there.
    #[error("Secret {name}, which spec.{field} names, does not exist: create it with the key {key}")]
    SecretMissing {
        /// The field that names it.
        field: &'static str,
        /// The Secret.
        name: String,
        /// The key that is needed.
        key: String,
    },
    /// A Secret that the spec names lacks the key.
    #[error("Secret {name}, which spec.{field} names, has no key {key}: add it")]
    SecretKeyMissing {
        /// The field that names it.
        field: &'static str,
        /// The Secret.
        name: String,
        /// The key that is needed.
        key: String,
    },
    /// Someone took a key out of a Secret that the operator made.
    #[error(
        "Secret {name} has lost its key {key}: put it back, or delete the Secret and a new one is made, {anew}"
    )]
    SecretIncomplete {
        /// The Secret.
        name: String,
        /// The key that is needed.
        key: String,
        /// What making it anew means.
        anew: &'static str,
    },
    /// Someone changed a Secret that the operator made into what the service cannot read.
    #[error("Secret {name} has a key {key} that cannot be read: write {example}")]
    SecretMalformed {
        /// The Secret.
        name: String,
        /// The key.
        key: &'static str,
        /// What it could hold.
        example: &'static str,
    },
    /// A major version outside the supported ones.
    #[error("spec.database.builtin.version is {version}: write a version from {oldest} to {newest}")]
    PostgresVersionNotSupported {
        /// What was asked for.
        version: String,
        /// The earliest that works.
        oldest: String,
        /// The latest that works.
        newest: String,
    },
    /// A volume cannot become another one.
    #[error(
        "spec.database.builtin.{field} is {asked}, and the volume that exists has {existing}: write {existing}, or leave it out"
    )]
    VolumeFixed {
        /// The field.
        field: &'static str,
        /// What it holds.
        asked: String,
        /// What the volume has.
        existing: String,
    },
    /// A field whose text has no meaning.
    #[error("spec.{field} is {value:?}: write {example}")]
    Malformed {
        /// The field.
        field: &'static str,
        /// What it holds.
        value: String,
        /// What it could hold.
        example: &'static str,
    },
    /// The object has not come from an API server.
    #[error("metadata.{0} is missing")]
    NoIdentity(&'static str),
}

impl Invalid {
    /// The `reason` of the condition that shows this error.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::BuiltinInProduction { .. } => "BuiltinInProduction",
            Self::ModeNotAvailable => "ModeNotAvailable",
            Self::NotExactlyOne { .. } | Self::Malformed { .. } | Self::NoIdentity(_) => "InvalidSpec",
            Self::SecretMissing { .. } => "SecretMissing",
            Self::SecretKeyMissing { .. } => "SecretKeyMissing",
            Self::SecretIncomplete { .. } => "SecretIncomplete",
            Self::SecretMalformed { .. } => "SecretMalformed",
            Self::PostgresVersionNotSupported { .. } => "VersionNotSupported",
            Self::VolumeFixed { .. } => "VolumeFixed",
        }
    }
}
