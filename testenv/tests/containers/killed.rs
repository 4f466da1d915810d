use std::{
    env, fs,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};

use ultra_testenv::Stack;

use super::killing::{PrivateHost, holds_before};

/// Tells a process of this test that it is the one to be killed.
const HOLD: &str = "ULTRA_TESTENV_TEST_HOLDS";

const DEADLINE: Duration = Duration::from_secs(60);

/// Holds a shared database and a dedicated Redis until it is killed.
async fn hold() {
    let shared = Stack::builder().postgres().start().await.unwrap();
    let _own = Stack::builder().redis().dedicated().start().await.unwrap();
    println!("holds {}", shared.postgres().url());
    std::future::pending::<()>().await;
}

async fn eventually(what: &str, condition: impl AsyncFnMut() -> bool) {
    assert!(
        holds_before(DEADLINE, condition).await,
        "not within {DEADLINE:?}: {what}"
    );
}

/// A process of the named test that holds a stack of this host.
fn holder(host: &PrivateHost, test: &str) -> (Child, String) {
    let mut child = Command::new(env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(HOLD, "")
        .env("ULTRA_TESTENV", host.socket())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let url = lines
        .find_map(|line| line.unwrap().split("holds ").nth(1).map(str::to_owned))
        .unwrap();
    (child, url)
}

#[tokio::test]
async fn a_client_that_is_killed_leaves_no_database_and_no_container_of_its_own() {
    if env::var_os(HOLD).is_some() {
        return hold().await;
    }
    let host = PrivateHost::start();
    let name = "killed::a_client_that_is_killed_leaves_no_database_and_no_container_of_its_own";
    // This one stays, so that the run does, too.
    let (mut other, url) = holder(&host, name);
    let (mut killed, _) = holder(&host, name);
    assert_eq!(
        host.containers().await.len(),
        3,
        "a shared Postgres and two dedicated Redis"
    );
    killed.kill().unwrap();
    killed.wait().unwrap();
    eventually("the killed client's Redis is gone", async || {
        host.containers().await.len() == 2
    })
    .await;
    let mut observer = <sqlx::PgConnection as sqlx::Connection>::connect(&url)
        .await
        .unwrap();
    eventually("the killed client's database is gone", async || {
        let databases: i64 =
            sqlx::query_scalar("SELECT count(*) FROM pg_database WHERE datname LIKE 'test%'")
                .fetch_one(&mut observer)
                .await
                .unwrap();
        databases == 1
    })
    .await;
    other.kill().unwrap();
    other.wait().unwrap();
    host.expect_nothing_left(DEADLINE).await;
}

#[tokio::test]
async fn a_host_that_is_killed_leaves_no_container_no_network_no_process_and_no_folder() {
    if env::var_os(HOLD).is_some() {
        return hold().await;
    }
    let mut host = PrivateHost::start();
    let (mut client, _) = holder(
        &host,
        "killed::a_host_that_is_killed_leaves_no_container_no_network_no_process_and_no_folder",
    );
    assert_eq!(
        host.containers().await.len(),
        2,
        "a shared Postgres and a dedicated Redis"
    );
    host.kill();
    host.expect_nothing_left(DEADLINE).await;
    client.kill().unwrap();
    client.wait().unwrap();
}

#[tokio::test]
async fn a_command_that_is_killed_while_it_builds_leaves_no_compiler_at_work() {
    // Where there is nothing yet, everything has to be built.
    let cache = tempfile::tempdir().unwrap();
    let mark = format!("XDG_CACHE_HOME={}", cache.path().display());
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-testenv"))
        .args(["test", "--only", "containers"])
        .env("XDG_CACHE_HOME", cache.path())
        .env("CARGO_TARGET_DIR", cache.path().join("target"))
        .env_remove("ULTRA_TESTENV")
        .env_remove("ULTRA_TESTENV_RUN")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let compiles = || {
        processes(&mark)
            .iter()
            .any(|line| line.contains("rustc --crate-name"))
    };
    eventually("a compiler is at work", async || compiles()).await;
    command.kill().unwrap();
    command.wait().unwrap();
    eventually("nothing of it runs", async || processes(&mark).is_empty()).await;
}

/// The command lines of all processes with this variable in their environment.
fn processes(variable: &str) -> Vec<String> {
    let text = |path: std::path::PathBuf| {
        String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).replace('\0', " ")
    };
    fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter(|entry| text(entry.path().join("environ")).contains(variable))
        .map(|entry| text(entry.path().join("cmdline")))
        .collect()
}
