//! Every fault of a server that runs, seen as its client sees it, and its end.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::net::UnixStream,
    process::Command,
    time::{Duration, Instant},
};

use redis::{AsyncConnectionConfig, Client, aio::MultiplexedConnection};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tokio::task::JoinSet;
use ultra_testenv::{Fault, Redis, Stack};

use super::killing::PrivateHost;

/// Well above the time of an answer, well below that of a test.
const PATIENCE: Duration = Duration::from_secs(2);

const LATENCY: Duration = Duration::from_millis(200);

/// A new connection, and a write over it.
async fn write_redis(redis: &Redis) -> redis::RedisResult<()> {
    let mut connection = connect(redis).await?;
    redis::cmd("SET")
        .arg("key")
        .arg("1")
        .exec_async(&mut connection)
        .await
}

async fn connect(redis: &Redis) -> redis::RedisResult<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(PATIENCE))
        .set_response_timeout(Some(PATIENCE));
    Client::open(redis.url())?
        .get_multiplexed_async_connection_with_config(&config)
        .await
}

/// A new connection, and a table that grows over it; what went wrong, as Postgres or the network tells it.
async fn write_postgres(url: &str) -> Result<(), String> {
    let write = async {
        let mut connection = PgConnection::connect(url).await?;
        sqlx::query("INSERT INTO kept SELECT md5(random()::text) FROM generate_series(1, 10000)")
            .execute(&mut connection)
            .await?;
        Ok::<_, sqlx::Error>(())
    };
    match tokio::time::timeout(PATIENCE, write).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(sqlx::Error::Database(error))) => Err(error.code().unwrap_or_default().into_owned()),
        Ok(Err(sqlx::Error::Io(error))) => Err(format!("{:?}", error.kind())),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("late".to_owned()),
    }
}

#[tokio::test]
async fn a_redis_in_each_kind_of_trouble_fails_as_one_in_that_trouble_does_and_heals() {
    let stack = Stack::builder().redis().dedicated().start().await.unwrap();
    let redis = stack.redis();
    for (fault, expected) in [
        (Fault::Partition, "timed out"),
        (Fault::Refuse, "Connection refused"),
        (Fault::DiskFull, "MISCONF"),
        (Fault::SlowQueries, "timed out"),
        // It says why, and hangs up: who is still talking by then does not hear it.
        (
            Fault::OutOfConnections,
            "max number of clients reached|broken pipe",
        ),
        (Fault::WrongPassword, "Authentication required"),
    ] {
        write_redis(redis).await.unwrap();
        redis.disturb(fault).await.unwrap();
        let error = write_redis(redis).await.unwrap_err();
        let told = format!("{error} {:?}", error.code());
        assert!(
            expected.split('|').any(|expected| told.contains(expected)),
            "{fault}: {told}"
        );
        redis.heal().await.unwrap();
    }
    write_redis(redis).await.unwrap();
    redis.delay(LATENCY).await.unwrap();
    let asked = Instant::now();
    write_redis(redis).await.unwrap();
    assert!(asked.elapsed() >= LATENCY, "{:?}", asked.elapsed());
    redis.heal().await.unwrap();
}

#[tokio::test]
async fn connections_to_redis_are_cut_by_a_reset_and_outlive_a_partition() {
    let stack = Stack::builder().redis().dedicated().start().await.unwrap();
    let mut connection = connect(stack.redis()).await.unwrap();
    let ping = async |connection: &mut MultiplexedConnection| redis::cmd("PING").exec_async(connection).await;
    stack.redis().partition().await.unwrap();
    assert!(ping(&mut connection).await.unwrap_err().is_timeout());
    stack.redis().heal().await.unwrap();
    ping(&mut connection).await.unwrap();

    stack.redis().reset().await.unwrap();
    let error = ping(&mut connection).await.unwrap_err();
    assert!(error.is_connection_dropped(), "{error}");
    ping(&mut connect(stack.redis()).await.unwrap()).await.unwrap();
}

#[tokio::test]
async fn a_postgres_in_each_kind_of_trouble_fails_as_one_in_that_trouble_does_and_heals() {
    let stack = Stack::builder().postgres().small_disk().start().await.unwrap();
    let database = stack.postgres().fresh_database().await.unwrap();
    let mut connection = PgConnection::connect(database.url()).await.unwrap();
    sqlx::raw_sql("CREATE TABLE kept (text text)")
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    for (fault, expected) in [
        (Fault::Partition, "late"),
        (Fault::Refuse, "ConnectionRefused"),
        (Fault::DiskFull, "53100"),
        (Fault::SlowQueries, "late"),
        (Fault::OutOfConnections, "53300"),
        (Fault::WrongPassword, "28P01"),
    ] {
        write_postgres(database.url()).await.unwrap();
        stack.postgres().disturb(fault).await.unwrap();
        assert_eq!(
            write_postgres(database.url()).await,
            Err(expected.to_owned()),
            "{fault}"
        );
        stack.postgres().heal().await.unwrap();
    }
    write_postgres(database.url()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_slips_in_while_all_connections_are_taken_or_the_password_changes() {
    let stack = Stack::builder().postgres().dedicated().start().await.unwrap();
    let url = stack.postgres().url().to_owned();
    let mut pool = JoinSet::new();
    for _ in 0..10 {
        let url = url.clone();
        // Connects again and again, and stays for as long as it may.
        pool.spawn(async move {
            loop {
                if let Ok(mut connection) = PgConnection::connect(&url).await {
                    while connection.ping().await.is_ok() {}
                }
            }
        });
    }
    for (fault, code) in [
        (Fault::OutOfConnections, "53300"),
        (Fault::WrongPassword, "28P01"),
    ] {
        stack.postgres().disturb(fault).await.unwrap();
        for _ in 0..50 {
            let error = PgConnection::connect(&url).await.unwrap_err();
            let told = error.as_database_error().and_then(|error| error.code());
            assert_eq!(told.as_deref(), Some(code), "{fault}: {error}");
        }
        stack.postgres().heal().await.unwrap();
        PgConnection::connect(&url).await.unwrap().close().await.unwrap();
    }
}

#[tokio::test]
async fn a_disk_that_must_not_be_filled_is_not() {
    let stack = Stack::builder().postgres().dedicated().start().await.unwrap();
    let error = stack.postgres().fill_disk().await.unwrap_err();
    assert!(error.to_string().contains("small_disk()"), "{error}");
}

/// The stack that belongs to a host's run, without the service, whose image this test does not need.
struct Kept {
    host: PrivateHost,
    /// Where the commands look for the host.
    cache: tempfile::TempDir,
    redis: String,
    /// The host ends with its last client.
    _client: UnixStream,
}

impl Kept {
    fn start() -> Self {
        let host = PrivateHost::start();
        let cache = tempfile::tempdir().unwrap();
        let up = cache.path().join("ultra/testenv/up");
        fs::create_dir_all(&up).unwrap();
        fs::write(up.join("socket"), host.socket().to_str().unwrap()).unwrap();
        let mut stream = UnixStream::connect(host.socket()).unwrap();
        let request = json!({"stack": {
            "postgres": false, "redis": true, "service": null, "dedicated": true, "small_disk": false, "kept": true,
        }});
        writeln!(stream, "{request}").unwrap();
        let mut answer = String::new();
        BufReader::new(&stream).read_line(&mut answer).unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        let redis = answer["stack"]["redis"]
            .as_str()
            .unwrap_or_else(|| panic!("{answer}"));
        Self {
            redis: redis.to_owned(),
            host,
            cache,
            _client: stream,
        }
    }

    /// What `cargo testenv chaos` says.
    fn chaos(&self, arguments: &[&str]) -> (bool, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_cargo-testenv"))
            .arg("chaos")
            .args(arguments)
            .env("XDG_CACHE_HOME", self.cache.path())
            .output()
            .unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    }

    async fn ping(&self) -> redis::RedisResult<()> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE));
        let client = Client::open(self.redis.as_str())?;
        let mut connection = client
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        redis::cmd("PING").exec_async(&mut connection).await
    }
}

#[tokio::test]
async fn the_command_disturbs_what_is_up_and_says_how_to_end_it() {
    let kept = Kept::start();
    kept.ping().await.unwrap();
    for (fault, remedy) in [("partition", "heal"), ("kill", "start"), ("pause", "unpause")] {
        let (done, said) = kept.chaos(&[fault, "redis"]);
        assert!(done && said.contains(&format!("chaos {remedy} redis")), "{said}");
        kept.ping().await.unwrap_err();
        let (done, said) = kept.chaos(&[remedy, "redis"]);
        assert!(done, "{said}");
        kept.ping().await.unwrap();
    }
    let (done, said) = kept.chaos(&["pause", "postgres"]);
    assert!(!done && said.contains("no postgres in this stack"), "{said}");
    assert_eq!(kept.host.containers().await.len(), 1);
}
