use std::{error::Error as StdError, io, sync::Arc};

use redis::{ErrorKind, RedisError, ServerErrorKind};

/// Why a remote cache did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It was asked, and failed.
    #[error("Redis failed ({class}): {source}")]
    Failed {
        /// A short, stable word for what went wrong, for the health report.
        class: &'static str,
        /// What the driver says.
        source: RedisError,
    },
    /// It was not asked, because it is known to be lost.
    #[error("Redis is lost ({class})")]
    Lost {
        /// How it was lost.
        class: &'static str,
    },
    /// Another server was named than the one that is used.
    #[error("the URL names another Redis, which takes a restart; only user and password may change")]
    OtherServer,
}

impl Error {
    /// A short, stable word for what went wrong, for the health report.
    pub fn class(&self) -> &'static str {
        match self {
            Self::Failed { class, .. } | Self::Lost { class } => class,
            Self::OtherServer => "other_server",
        }
    }

    /// Whether the server answered and only refused this: another request may go well.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Failed { source, .. } if !is_outage(source))
    }
}

/// Whether nothing better can be expected of the connection.
fn is_outage(error: &RedisError) -> bool {
    let unwilling = matches!(
        error.kind(),
        ErrorKind::AuthenticationFailed
            | ErrorKind::Server(ServerErrorKind::BusyLoading | ServerErrorKind::MasterDown)
    );
    unwilling || error.is_io_error() || error.is_unrecoverable_error()
}

impl From<RedisError> for Error {
    fn from(source: RedisError) -> Self {
        Self::Failed {
            class: class(&source),
            source,
        }
    }
}

fn class(error: &RedisError) -> &'static str {
    if error.is_timeout() {
        return "timeout";
    }
    if error.is_connection_refusal() {
        return "connection_refused";
    }
    if error.is_connection_dropped() {
        return "connection_lost";
    }
    if is_tls(error) {
        return "tls";
    }
    if error.is_io_error() {
        return "unreachable";
    }
    match (error.kind(), error.code()) {
        (ErrorKind::AuthenticationFailed, _) | (_, Some("WRONGPASS" | "NOAUTH")) => "authentication",
        (_, Some("NOPERM")) => "permission",
        (_, Some("LOADING")) => "loading",
        (_, Some("MISCONF")) => "disk_full",
        (_, Some("OOM")) => "out_of_memory",
        (_, Some("READONLY")) => "read_only",
        _ if error.to_string().contains("max number of clients") => "out_of_connections",
        _ => "refused",
    }
}

/// Whether it is the handshake that failed: rustls wraps its errors in those of a connection, and the driver these in a
/// pointer.
fn is_tls(error: &RedisError) -> bool {
    type Shared = Arc<dyn StdError + Send + Sync>;
    let source = error.source().and_then(|source| source.downcast_ref::<Shared>());
    let io = source.and_then(|source| source.downcast_ref::<io::Error>());
    io.and_then(io::Error::get_ref)
        .is_some_and(|inner| inner.is::<rustls::Error>())
}

#[cfg(test)]
mod tests {

    use super::*;

    fn server(line: &str) -> RedisError {
        let value = redis::parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap();
        match value {
            redis::Value::ServerError(error) => error.into(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_went_wrong_has_a_stable_word() {
        let io = |kind: io::ErrorKind| RedisError::from(io::Error::from(kind));
        for (error, class, refusal) in [
            (io(io::ErrorKind::TimedOut), "timeout", false),
            (io(io::ErrorKind::ConnectionRefused), "connection_refused", false),
            (io(io::ErrorKind::BrokenPipe), "connection_lost", false),
            (io(io::ErrorKind::HostUnreachable), "unreachable", false),
            (
                RedisError::from(io::Error::other(rustls::Error::DecryptError)),
                "tls",
                false,
            ),
            (
                server("LOADING Redis is loading the dataset in memory"),
                "loading",
                false,
            ),
            (
                server("MISCONF Redis is configured to save RDB snapshots"),
                "disk_full",
                true,
            ),
            (
                server("OOM command not allowed when used memory > 'maxmemory'."),
                "out_of_memory",
                true,
            ),
            (server("NOPERM this user has no permissions"), "permission", true),
            (
                server("ERR max number of clients reached"),
                "out_of_connections",
                true,
            ),
            (server("WRONGTYPE Operation against a key"), "refused", true),
        ] {
            let text = error.to_string();
            let error = Error::from(error);
            assert_eq!((error.class(), error.is_refusal()), (class, refusal), "{text}");
        }
    }
}
