//! What can be the matter with a Postgres that runs and is reached.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, PgConnection, postgres::PgConnectOptions};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout, timeout_at},
};

use super::postgres::{PASSWORD, USER};
use crate::{Error, stack::Fault};

const ANSWER_DEADLINE: Duration = Duration::from_secs(20);

/// Ends all connections but our own.
const PART_WITH_OTHERS: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
     WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND application_name <> 'ultra-testenv fault'";

/// Locks every table of a database, as a migration does that takes long.
const LOCK_EVERYTHING: &str = "DO $$ DECLARE t regclass; BEGIN \
     FOR t IN SELECT oid FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace NOT IN \
       ('pg_catalog'::regnamespace, 'information_schema'::regnamespace) \
     LOOP EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', t); END LOOP; END $$";

/// The faults of one server.
#[derive(Debug)]
pub(super) struct PostgresFaults {
    options: PgConnectOptions,
    /// Where its data lie on a disk that can be filled.
    small_disk: Option<&'static str>,
    under_way: Mutex<Option<UnderWay>>,
}

/// A fault, and the connections that it is made of, or that can undo it: none might be made while it lasts.
#[derive(Debug)]
struct UnderWay {
    fault: Fault,
    connections: Vec<PgConnection>,
}

impl PostgresFaults {
    pub(super) fn new(options: PgConnectOptions, small_disk: Option<&'static str>) -> Self {
        Self {
            options: options.application_name("ultra-testenv fault"),
            small_disk,
            under_way: Mutex::default(),
        }
    }

    /// Begins a fault, in place of the one that is under way.
    pub(super) async fn begin(&self, fault: Fault) -> Result<(), Error> {
        let mut under_way = self.under_way.lock().await;
        if let Some(former) = under_way.take() {
            self.end(former).await?;
        }
        *under_way = Some(UnderWay {
            fault,
            connections: self.start(fault).await?,
        });
        Ok(())
    }

    /// Ends the fault that is under way.
    pub(super) async fn heal(&self) -> Result<(), Error> {
        match self.under_way.lock().await.take() {
            Some(fault) => self.end(fault).await,
            None => Ok(()),
        }
    }

    async fn start(&self, fault: Fault) -> Result<Vec<PgConnection>, Error> {
        match fault {
            Fault::DiskFull => self.fill_disk().await,
            Fault::SlowQueries => self.lock_tables().await,
            Fault::OutOfConnections => self.take_connections().await,
            Fault::WrongPassword => {
                let mut connection = self.connect().await?;
                execute(
                    &mut connection,
                    format!("ALTER ROLE {USER} PASSWORD 'another-password'"),
                )
                .await?;
                execute(&mut connection, PART_WITH_OTHERS.to_owned()).await?;
                Ok(vec![connection])
            }
            other => Err(Error::Refused(format!(
                "{other} is nothing that happens within Postgres"
            ))),
        }
    }

    async fn end(&self, fault: UnderWay) -> Result<(), Error> {
        let UnderWay {
            fault,
            mut connections,
        } = fault;
        if let (Some(connection), Some(statement)) = (connections.first_mut(), self.undoing(fault)) {
            execute(connection, statement).await?;
        }
        for connection in connections {
            // With its connection a lock goes, and a place for somebody else becomes free.
            bounded(connection.close()).await?;
        }
        Ok(())
    }

    fn undoing(&self, fault: Fault) -> Option<String> {
        match fault {
            Fault::DiskFull => Some(format!("COPY (SELECT WHERE false) TO '{}'", self.filler()?)),
            Fault::WrongPassword => Some(format!("ALTER ROLE {USER} PASSWORD '{PASSWORD}'")),
            _ => None,
        }
    }

    fn filler(&self) -> Option<String> {
        Some(format!("{}/filler", self.small_disk?))
    }

    /// The server itself writes a file until nothing more goes in.
    async fn fill_disk(&self) -> Result<Vec<PgConnection>, Error> {
        let Some(filler) = self.filler() else {
            return Err(Error::Refused(
                "this Postgres' data lie on a disk that must not be filled: start the stack with `small_disk()`, \
                 or `up --small-disk`"
                    .to_owned(),
            ));
        };
        let mut connection = self.connect().await?;
        // In the list of columns, the series is made as it is written, and takes no disk of its own.
        let lines = format!("COPY (SELECT repeat('x', 1000), generate_series(1, 10000000)) TO '{filler}'");
        match bounded(sqlx::raw_sql(AssertSqlSafe(lines)).execute(&mut connection)).await {
            Err(Error::Refused(reason)) if reason.contains("No space left on device") => Ok(vec![connection]),
            Err(error) => Err(error),
            Ok(_) => Err(Error::Refused("the disk is larger than it should be".to_owned())),
        }
    }

    async fn lock_tables(&self) -> Result<Vec<PgConnection>, Error> {
        let mut administration = self.connect().await?;
        let databases = sqlx::query_scalar::<_, String>(
            "SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate AND datname <> 'postgres'",
        );
        let databases = bounded(databases.fetch_all(&mut administration)).await?;
        let mut connections = Vec::new();
        for database in databases {
            let options = self.options.clone().database(&database);
            let mut connection = bounded(PgConnection::connect_with(&options)).await?;
            execute(&mut connection, "BEGIN".to_owned()).await?;
            execute(&mut connection, LOCK_EVERYTHING.to_owned()).await?;
            connections.push(connection);
        }
        Ok(connections)
    }

    /// Ends everybody's connections and takes them itself: all that there may be, since one that was ended a moment ago
    /// can be in the way still, without being seen.
    async fn take_connections(&self) -> Result<Vec<PgConnection>, Error> {
        let mut first = self.connect().await?;
        let most = sqlx::query_scalar("SELECT current_setting('max_connections')::bigint");
        let most: i64 = bounded(most.fetch_one(&mut first)).await?;
        let mut connections = vec![first];
        let deadline = Instant::now() + ANSWER_DEADLINE;
        while connections.len() < usize::try_from(most).unwrap_or(usize::MAX) {
            match timeout_at(deadline, PgConnection::connect_with(&self.options)).await {
                Ok(Ok(connection)) => connections.push(connection),
                Ok(Err(error)) if is_exhausted(&error) && Instant::now() < deadline => {
                    if let Some(connection) = connections.first_mut() {
                        execute(connection, PART_WITH_OTHERS.to_owned()).await?;
                    }
                }
                Ok(Err(error)) => return Err(Error::refusal(error)),
                Err(_) => return Err(late()),
            }
        }
        Ok(connections)
    }

    async fn connect(&self) -> Result<PgConnection, Error> {
        bounded(PgConnection::connect_with(&self.options)).await
    }
}

fn is_exhausted(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.as_deref() == Some("53300")
}

async fn execute(connection: &mut PgConnection, statement: String) -> Result<(), Error> {
    let execution = sqlx::raw_sql(AssertSqlSafe(statement));
    bounded(execution.execute(connection)).await.map(drop)
}

async fn bounded<T>(call: impl Future<Output = sqlx::Result<T>>) -> Result<T, Error> {
    match timeout(ANSWER_DEADLINE, call).await {
        Ok(result) => result.map_err(Error::refusal),
        Err(_) => Err(late()),
    }
}

fn late() -> Error {
    Error::Refused("Postgres does not answer: is it paused?".to_owned())
}
