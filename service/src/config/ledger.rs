use std::time::Duration;

use super::{Default, Production, Shape, Variable, source::Source};

pub(super) const SPOOL_SIZE: Variable = Variable {
    name: "ULTRA_LEDGER_SPOOL_SIZE",
    concern: "ledger",
    secret: false,
    shape: Shape::Number(2 * 1_024 * 1_024, 64 * 1_024 * 1_024 * 1_024),
    default: Default::Value("268435456"),
    production: Production::AsElsewhere,
    example: "1073741824",
    description: "The most bytes that usage records take in `ULTRA_DATA_DIR` while the database does not take them. A \
                  request takes about 300, and is refused where there is no room for its record.",
};

pub(super) const RETENTION: Variable = Variable {
    name: "ULTRA_LEDGER_RETENTION",
    concern: "ledger",
    secret: false,
    shape: Shape::Duration(
        Duration::from_secs(31 * 24 * 3_600),
        Duration::from_secs(100 * 366 * 24 * 3_600),
    ),
    default: Default::Value("9504h"),
    production: Production::AsElsewhere,
    example: "2208h",
    description: "How long usage records are kept; 13 months where nothing is said. PostgreSQL keeps the whole month \
                  that the time ends in.",
};

/// What was used, and for how long it is kept.
#[derive(Debug, Clone)]
pub struct Ledger {
    /// `ULTRA_LEDGER_SPOOL_SIZE`, in bytes.
    pub spool_size: u64,
    /// `ULTRA_LEDGER_RETENTION`.
    pub retention: Duration,
}

impl Ledger {
    pub(super) fn read(source: &mut Source) -> Option<Self> {
        let spool_size = source.number(&SPOOL_SIZE);
        let retention = source.duration(&RETENTION);
        Some(Self {
            spool_size: spool_size?,
            retention: retention?,
        })
    }
}
