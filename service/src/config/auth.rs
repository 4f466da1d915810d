use super::{Default, Variable, source::Source};

pub(super) const ANONYMOUS: Variable = Variable {
    name: "ULTRA_AUTH_ANONYMOUS",
    concern: "auth",
    secret: false,
    default: Default::Value("true"),
    example: "true",
    description: "Whether requests without a credential are admitted. Must be true in this version, in which nobody \
                  could authenticate.",
};

/// Who may ask.
#[derive(Debug, Clone)]
pub struct Auth {
    /// `ULTRA_AUTH_ANONYMOUS`.
    pub anonymous: bool,
}

impl Auth {
    pub(super) fn read(source: &mut Source) -> Option<Self> {
        let anonymous = source.parse(&ANONYMOUS, |text| {
            text.parse::<bool>().map_err(|_| "is neither true nor false")
        })?;
        if !anonymous {
            source.unsupported(
                &ANONYMOUS,
                "is refused: this version has no authentication, so that nobody could use the service",
            );
        }
        Some(Self { anonymous })
    }
}
