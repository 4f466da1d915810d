use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use secrecy::SecretString;
use sqlx::postgres::PgConnectOptions;

use super::{
    Default, Errors, Production, Profile, Shape, Variable,
    server::{self, Login, Remedy, Server},
    source::{Source, nearest},
};

pub(super) const URL: Variable = Variable {
    name: "DATABASE_URL",
    concern: "database",
    secret: true,
    shape: Shape::Url(&["postgres", "postgresql"]),
    default: Default::Unset("SQLite, embedded, in `ULTRA_DATA_DIR`"),
    production: Production::Requires("the embedded database serves one replica only"),
    example: "postgres://ultra:password@localhost:5432/ultra",
    description: "The PostgreSQL database that keeps accounts and analyses. `sslmode` and `sslrootcert` say how it is \
                  encrypted; in production other hosts need `sslmode=require`, `verify-ca` or `verify-full`. A file of \
                  it is watched: another user or password is taken over without a restart, another database is not.",
};

pub(super) const MIGRATE: Variable = Variable {
    name: "ULTRA_DATABASE_MIGRATE",
    concern: "database",
    secret: false,
    shape: Shape::Choice(&["auto", "check"]),
    default: Default::Profiles {
        development: "auto",
        testing: "auto",
        production: "check",
    },
    production: Production::AsElsewhere,
    example: "auto",
    description: "auto: bring the schema up to date at the start. check: only look, and stay unready while the \
                  schema is too old.",
};

pub(super) const MAX_CONNECTIONS: Variable = Variable {
    name: "ULTRA_DATABASE_MAX_CONNECTIONS",
    concern: "database",
    secret: false,
    shape: Shape::Number(1, 1_000),
    default: Default::Value("10"),
    production: Production::AsElsewhere,
    example: "20",
    description: "The most connections that one replica holds.",
};

pub(super) const ACQUIRE_TIMEOUT: Variable = Variable {
    name: "ULTRA_DATABASE_ACQUIRE_TIMEOUT",
    concern: "database",
    secret: false,
    shape: Shape::Duration(Duration::from_millis(10), Duration::from_secs(60)),
    default: Default::Value("5s"),
    production: Production::AsElsewhere,
    example: "5s",
    description: "How long a request waits for the database: for a connection, and for all that it asks on it.",
};

pub(super) const MIN_CONNECTIONS: Variable = Variable {
    name: "ULTRA_DATABASE_MIN_CONNECTIONS",
    concern: "database",
    secret: false,
    shape: Shape::Number(0, 1_000),
    default: Default::Value("1"),
    production: Production::AsElsewhere,
    example: "2",
    description: "The connections to PostgreSQL that one replica keeps open while it needs none.",
};

pub(super) const IDLE_TIMEOUT: Variable = Variable {
    name: "ULTRA_DATABASE_IDLE_TIMEOUT",
    concern: "database",
    secret: false,
    shape: Shape::Duration(Duration::from_secs(1), Duration::from_secs(24 * 3_600)),
    default: Default::Value("10m"),
    production: Production::AsElsewhere,
    example: "10m",
    description: "How long a connection to PostgreSQL that nobody uses stays open.",
};

pub(super) const MAX_LIFETIME: Variable = Variable {
    name: "ULTRA_DATABASE_MAX_LIFETIME",
    concern: "database",
    secret: false,
    shape: Shape::Duration(Duration::from_secs(1), Duration::from_secs(7 * 24 * 3_600)),
    default: Default::Value("30m"),
    production: Production::AsElsewhere,
    example: "30m",
    description: "How long a connection to PostgreSQL lives at most. Those that were opened together end at different \
                  times, in the last fifth of it.",
};

pub(super) const STATEMENT_TIMEOUT: Variable = Variable {
    name: "ULTRA_DATABASE_STATEMENT_TIMEOUT",
    concern: "database",
    secret: false,
    shape: Shape::Duration(Duration::from_millis(10), Duration::from_secs(60)),
    default: Default::Value("4s"),
    production: Production::AsElsewhere,
    example: "4s",
    description: "When PostgreSQL gives a statement up. Where that is longer than nine tenths of \
                  `ULTRA_DATABASE_ACQUIRE_TIMEOUT`, it is that much. Migrations take as long as they need.",
};

/// Where analyses are kept.
#[derive(Debug, Clone)]
pub struct Database {
    /// The database itself.
    pub target: DatabaseTarget,
    /// `DATABASE_URL_FILE`, which the URL was read from.
    pub url_file: Option<PathBuf>,
    /// Who brings the schema up to date: `ULTRA_DATABASE_MIGRATE`.
    pub migrate: Migrate,
    /// `ULTRA_DATABASE_MAX_CONNECTIONS`.
    pub max_connections: u32,
    /// `ULTRA_DATABASE_MIN_CONNECTIONS`.
    pub min_connections: u32,
    /// `ULTRA_DATABASE_IDLE_TIMEOUT`.
    pub idle_timeout: Duration,
    /// `ULTRA_DATABASE_MAX_LIFETIME`.
    pub max_lifetime: Duration,
    /// `ULTRA_DATABASE_ACQUIRE_TIMEOUT`.
    pub acquire_timeout: Duration,
    /// `ULTRA_DATABASE_STATEMENT_TIMEOUT`.
    pub statement_timeout: Duration,
}

/// Which database.
#[derive(Debug, Clone)]
pub enum DatabaseTarget {
    /// A server: `DATABASE_URL`.
    Postgres(SecretString),
    /// A file in `ULTRA_DATA_DIR`.
    Sqlite(PathBuf),
}

/// What to do about the schema at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Migrate {
    /// Bring it up to date.
    Auto,
    /// Only look whether it is new enough.
    Check,
}

impl Database {
    pub(super) fn read(source: &mut Source, data_dir: Option<&Path>) -> Option<Self> {
        let url_given = source.is_set(&URL);
        let server = read_server(source);
        let migrate = source.choice(&MIGRATE, |text| match text {
            "auto" => Some(Migrate::Auto),
            "check" => Some(Migrate::Check),
            _ => None,
        });
        let max_connections = source.number(&MAX_CONNECTIONS);
        let min_connections = source.number(&MIN_CONNECTIONS);
        if let (Some(least), Some(most)) = (min_connections, max_connections)
            && least > most
        {
            source.invalid(
                &MIN_CONNECTIONS,
                &format!("exceeds {}, which is {most}", MAX_CONNECTIONS.name),
            );
        }
        let idle_timeout = source.duration(&IDLE_TIMEOUT);
        let max_lifetime = source.duration(&MAX_LIFETIME);
        let acquire_timeout = source.duration(&ACQUIRE_TIMEOUT);
        let statement_timeout = source.duration(&STATEMENT_TIMEOUT);
        let target = match server {
            Some(server) => DatabaseTarget::Postgres(server.url),
            None if url_given => return None,
            None => DatabaseTarget::Sqlite(data_dir?.join("ultra.db")),
        };
        Some(Self {
            target,
            url_file: source.file(&URL),
            migrate: migrate?,
            max_connections: max_connections?,
            min_connections: min_connections?,
            idle_timeout: idle_timeout?,
            max_lifetime: max_lifetime?,
            acquire_timeout: acquire_timeout?,
            statement_timeout: statement_timeout?,
        })
    }
}

/// The URL that a file of it holds by now, under the rules that held at the start.
pub fn database_url_in(file: &Path, profile: Profile) -> Result<SecretString, Errors> {
    Server::url_in(file, &URL, profile, read_server)
}

fn read_server(source: &mut Source) -> Option<Server> {
    Server::read(&URL, parse, &REMEDY, source)
}

const REMEDY: Remedy = Remedy {
    words: "end it with ?sslmode=verify-full and, where the CA is your own, &sslrootcert=/path/to/ca.pem",
    example: "postgres://ultra:long-random-password@db.example.com:5432/ultra?sslmode=verify-full",
};

/// The parameters that the driver knows; it would ignore others, and log them with their values.
const PARAMETERS: [&str; 18] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];

const SSL_MODES: [&str; 6] = [
    "disable",
    "allow",
    "prefer",
    "require",
    "verify-ca",
    "verify-full",
];

/// Reads the URL as the driver does, where a parameter outdoes what stands before it.
fn parse(text: &str) -> Result<Server, String> {
    let url = server::parse_url(text, &["postgres", "postgresql"])?;
    let mut host =
        server::decode(url.host_str().unwrap_or_default()).ok_or("has a host that is not UTF-8")?;
    let mut login = server::login(&url)?;
    let mut is_encrypted = false;
    for (name, value) in url.query_pairs() {
        if !PARAMETERS.contains(&&*name) && !name.starts_with("options[") {
            let known: Vec<String> = PARAMETERS.map(str::to_owned).into();
            let hint = nearest(&name, &known).map_or_else(
                || format!("there are {}", PARAMETERS.join(", ")),
                |known| format!("did you mean {known}?"),
            );
            return Err(format!("has a parameter that is unknown; {hint}"));
        }
        match &*name {
            "sslmode" | "ssl-mode" => {
                let mode = value.to_ascii_lowercase();
                if !SSL_MODES.contains(&&*mode) {
                    return Err(format!("has another sslmode than {}", SSL_MODES.join(", ")));
                }
                is_encrypted = matches!(&*mode, "require" | "verify-ca" | "verify-full");
            }
            "sslrootcert" | "ssl-root-cert" | "ssl-ca" | "sslcert" | "ssl-cert" | "sslkey" | "ssl-key" => {
                if std::fs::File::open(&*value).is_err() {
                    return Err(format!(
                        "has the parameter {name} with a file that cannot be read"
                    ));
                }
                if name.ends_with("cert") && !name.contains("root") {
                    login = Login::Certificate;
                }
            }
            "host" | "hostaddr" => host = value.into_owned(),
            "password" if !value.is_empty() => login = Login::Password(SecretString::from(&*value)),
            _ => {}
        }
    }
    if host.is_empty() {
        return Err("names no host".to_owned());
    }
    if text.parse::<PgConnectOptions>().is_err() {
        return Err("has a parameter with a value that the driver refuses".to_owned());
    }
    Ok(Server {
        url: SecretString::from(text),
        is_remote: !host.starts_with('/') && !server::is_loopback(&host),
        is_encrypted,
        login,
    })
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn server(text: &str) -> Server {
        parse(text).unwrap_or_else(|problem| panic!("{text}: {problem}"))
    }

    #[test]
    fn a_parameter_cannot_hide_another_host() {
        assert!(!server("postgres://u:p@localhost/db").is_remote);
        assert!(server("postgres://u:p@localhost/db?host=db.example.com").is_remote);
        assert!(server("postgres://u:p@localhost/db?hostaddr=10.0.0.1").is_remote);
        assert!(!server("postgres://u:p@%2Fvar%2Frun%2Fpostgresql/db").is_remote);
        assert!(!server("postgres:///db?host=/var/run/postgresql").is_remote);
    }

    #[test]
    fn only_a_mode_that_insists_on_tls_is_encrypted() {
        for mode in SSL_MODES {
            let insists = matches!(mode, "require" | "verify-ca" | "verify-full");
            assert_eq!(
                server(&format!("postgres://u:p@db/x?sslmode={mode}")).is_encrypted,
                insists,
                "{mode}"
            );
        }
        assert!(!server("postgres://u:p@db/x").is_encrypted);
        assert!(!server("postgres://u:p@db/x?sslmode=require&sslmode=disable").is_encrypted);
    }

    #[test]
    fn a_file_that_changes_is_read_under_the_rules_of_the_start_and_never_shown() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let read = |content: &str, profile| {
            std::fs::write(file.path(), content).unwrap();
            database_url_in(file.path(), profile)
        };
        let safe = "postgres://u:long-random-canary@db.example.com/x?sslmode=require\n";
        let url = read(safe, Profile::Production).unwrap();
        assert_eq!(url.expose_secret(), safe.trim_end());
        for (content, words) in [
            ("postgres://u:long-random-canary@db.example.com/x", "plain text"),
            (
                "postgres://u:canary@db.example.com/x?sslmode=require",
                "short password",
            ),
            ("canary", "is no URL"),
            ("", "DATABASE_URL_FILE"),
        ] {
            let errors = read(content, Profile::Production).unwrap_err().to_string();
            assert!(
                errors.contains(words) && !errors.contains("canary"),
                "{content}: {errors}"
            );
        }
        read("postgres://u:p@db.example.com/x", Profile::Testing).unwrap();
    }

    #[test]
    fn what_the_driver_would_ignore_or_refuse_is_an_error_without_its_text() {
        for (url, words) in [
            ("postgres://u:p@db/x?ssl_mode=require", "did you mean ssl-mode?"),
            ("postgres://u:p@db/x?canary=canary", "there are sslmode"),
            ("postgres://u:p@db/x?sslmode=canary", "verify-full"),
            ("postgres://u:p@db/x?sslrootcert=/canary", "cannot be read"),
            ("postgres://u:p@db/x?port=canary", "driver refuses"),
            ("canary:x", "another scheme"),
            ("postgres:///x", "names no host"),
        ] {
            let problem = parse(url).unwrap_err();
            assert!(
                problem.contains(words) && !problem.contains("canary"),
                "{url}: {problem}"
            );
        }
    }
}
