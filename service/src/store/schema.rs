use sqlx::migrate::Migrator;

/// How the database's schema relates to this version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schema {
    /// It has everything that this version needs. It may be newer: migrations only expand what older versions use.
    Fits,
    /// It lacks migrations.
    TooOld {
        /// The last version that it has; none where it is empty.
        has: Option<i64>,
        /// The version that is needed.
        needs: i64,
    },
}

impl Schema {
    /// Compares the migrations that were applied with those that this version brings.
    pub(super) fn compare(migrator: &Migrator, applied: &[i64]) -> Self {
        let missing = migrator
            .iter()
            .map(|migration| migration.version)
            .filter(|version| !applied.contains(version));
        match missing.max() {
            None => Self::Fits,
            Some(needs) => Self::TooOld {
                has: applied.iter().max().copied(),
                needs,
            },
        }
    }
}
