use std::io;

use sqlx::{error::DatabaseError, sqlite::SqliteError};

/// Why the database did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be reached, or does not answer in time.
    #[error("the database is unavailable: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// It did not answer in time.
    #[error("the database did not answer in time")]
    Timeout,
    /// It can be read, and has no room for what is to be written.
    #[error("the database's disk is full")]
    DiskFull,
    /// It was not asked.
    #[error("the database is known to be lost")]
    Lost,
    /// It gave a statement up that took too long.
    #[error("the database gave a statement up that took too long")]
    SlowStatement,
    /// It answered with an error, or holds what this version cannot read.
    #[error("the database refused: {0}")]
    Refused(#[source] sqlx::Error),
    /// The schema could not be brought up to date.
    #[error("the schema could not be migrated: {0}")]
    Migration(#[source] sqlx::migrate::MigrateError),
    /// Another database than the one that the service began with.
    #[error("it names another host, port or database, which needs a restart")]
    OtherDatabase,
    /// The folder of the embedded database cannot be used.
    #[error("the data folder {path} cannot be used: {source}")]
    DataFolder {
        /// Which folder.
        path: String,
        /// Why.
        source: io::Error,
    },
}

impl Error {
    /// A short, stable word for what went wrong, for the health report.
    pub fn class(&self) -> &'static str {
        match self {
            Self::Timeout | Self::SlowStatement | Self::Unavailable(sqlx::Error::PoolTimedOut) => TIMEOUT,
            Self::Unavailable(sqlx::Error::Io(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
                "connection_refused"
            }
            Self::Unavailable(sqlx::Error::Tls(_)) => "tls",
            Self::Unavailable(sqlx::Error::Database(error)) => class_of(&**error),
            Self::DiskFull => DISK_FULL,
            Self::Unavailable(_) | Self::Lost => "unreachable",
            Self::Refused(_) => "refused",
            Self::Migration(_) => "migration",
            Self::OtherDatabase => "other_database",
            Self::DataFolder { .. } => "data_folder",
        }
    }

    /// Whether the same call may succeed later, with nothing changed here.
    pub fn is_outage(&self) -> bool {
        matches!(
            self,
            Self::Unavailable(_) | Self::Timeout | Self::DiskFull | Self::Lost | Self::SlowStatement
        )
    }

    /// Whether it does a part of its work all the same.
    pub fn is_partial(&self) -> bool {
        matches!(self, Self::DiskFull)
    }

    /// Whether other connections may be broken too.
    pub(super) fn may_be_of_the_connection(&self) -> bool {
        match self {
            Self::Timeout => true,
            Self::Unavailable(error) => !matches!(error, sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed),
            _ => false,
        }
    }

    /// Whether a transaction was given up in favour of another one (serialization failure, deadlock).
    pub(super) fn is_conflict(&self) -> bool {
        let Self::Refused(sqlx::Error::Database(error)) = self else {
            return false;
        };
        matches!(error.code().as_deref(), Some("40001" | "40P01"))
    }
}

/// How a server is lost that does not answer.
pub(super) const TIMEOUT: &str = "timeout";

const DISK_FULL: &str = "disk_full";

/// What keeps a database from working.
fn class_of(error: &(dyn DatabaseError + 'static)) -> &'static str {
    let code = error.code().unwrap_or_default();
    if error.try_downcast_ref::<SqliteError>().is_some() {
        return match sqlite_primary(&code) {
            Some(5 | 6) => "busy",
            Some(13) => DISK_FULL,
            _ => "unreachable",
        };
    }
    match &*code {
        code if code.starts_with("28") => "authentication",
        code if code.starts_with("3D") => "no_database",
        "53100" => DISK_FULL,
        "53200" => "out_of_memory",
        "53300" => "out_of_connections",
        READ_ONLY => "read_only",
        _ => "unreachable",
    }
}

/// Extended codes keep the primary one in their lowest byte.
fn sqlite_primary(code: &str) -> Option<u32> {
    code.parse().ok().map(|code: u32| code & 0xff)
}

/// Only reads are taken: the server is another's standby, since or until a failover.
const READ_ONLY: &str = "25006";

/// Whether the database cannot work, as it will again by itself. Class 08 is a connection's failure, 53 a lack of
/// resources, 57P a server that stops or starts, 58 a failure of the machine that it runs on; SQLite is busy, locked, unable to read or write, full, or without its
/// file.
fn is_down(error: &(dyn DatabaseError + 'static)) -> bool {
    let code = error.code().unwrap_or_default();
    if error.try_downcast_ref::<SqliteError>().is_some() {
        return matches!(sqlite_primary(&code), Some(5 | 6 | 10 | 13 | 14));
    }
    code == READ_ONLY
        || ["08", "53", "57P", "58"]
            .iter()
            .any(|class| code.starts_with(class))
}

/// Whether it does not let us in: a wrong password or user (class 28), or no such database. Nothing that a request
/// brings can be at fault, and nothing has to change here for it to work again.
fn refuses_us(error: &(dyn DatabaseError + 'static)) -> bool {
    let code = error.code().unwrap_or_default();
    error.try_downcast_ref::<SqliteError>().is_none() && (code.starts_with("28") || code == "3D000")
}

/// For what lies in a table and should not.
pub(super) fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Refused(sqlx::Error::Decode(Box::new(error)))
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error as E;
        // The server has given the statement up: the statement timeout.
        const QUERY_CANCELED: &str = "57014";
        if let E::Database(error) = &error
            && error.code().as_deref() == Some(QUERY_CANCELED)
        {
            return Self::SlowStatement;
        }
        let outage = match &error {
            E::Io(_) | E::Tls(_) | E::PoolTimedOut | E::PoolClosed | E::WorkerCrashed | E::Protocol(_) => {
                true
            }
            E::Database(error) => is_down(&**error) || refuses_us(&**error),
            _ => false,
        };
        let full = matches!(&error, E::Database(error) if class_of(&**error) == DISK_FULL);
        if outage && full {
            Self::DiskFull
        } else if outage {
            Self::Unavailable(error)
        } else {
            Self::Refused(error)
        }
    }
}

impl From<sqlx::migrate::MigrateError> for Error {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        match error {
            sqlx::migrate::MigrateError::Execute(error) => match Self::from(error) {
                Self::Refused(error) => Self::Migration(sqlx::migrate::MigrateError::Execute(error)),
                outage => outage,
            },
            other => Self::Migration(other),
        }
    }
}
