use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use ultra_testenv::Stack;

use super::{killing::PrivateHost, session::Session};

/// Half of what is measured is faster than the second value, 95 in 100 than the third.
struct Figures {
    what: &'static str,
    p50: Duration,
    p95: Duration,
}

impl Figures {
    fn of(what: &'static str, mut times: Vec<Duration>) -> Self {
        times.sort();
        Self {
            what,
            p50: times[times.len() / 2],
            p95: times[times.len() * 95 / 100],
        }
    }

    fn print(&self) -> &Self {
        let milliseconds = |time: Duration| time.as_secs_f64() * 1000.0;
        println!(
            "{}: p50 {:.1} ms, p95 {:.1} ms",
            self.what,
            milliseconds(self.p50),
            milliseconds(self.p95)
        );
        self
    }
}

async fn timed<T>(times: &mut Vec<Duration>, work: impl Future<Output = T>) -> T {
    let start = Instant::now();
    let result = work.await;
    times.push(start.elapsed());
    result
}

#[tokio::test]
async fn a_fresh_database_takes_less_than_fifty_milliseconds() {
    const ROUNDS: usize = 50;
    let first = Instant::now();
    let stack = Stack::builder().postgres().redis().start().await.unwrap();
    println!("first stack of a run: {:.2} s", first.elapsed().as_secs_f64());
    let (mut stacks, mut empty, mut copied) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        timed(&mut stacks, Stack::builder().postgres().redis().start())
            .await
            .unwrap();
        timed(&mut empty, stack.postgres().fresh_database())
            .await
            .unwrap();
        let copy = stack
            .postgres()
            .fresh_database_from("figures", |url| async move { migrate(&url).await });
        timed(&mut copied, copy).await.unwrap();
    }
    Figures::of("a stack of a run that has its containers", stacks).print();
    let empty = Figures::of("fresh_database", empty);
    let copied = Figures::of("fresh_database_from a template of 20 tables", copied);
    for figures in [empty, copied] {
        let p50 = figures.print().p50;
        assert!(p50 < Duration::from_millis(50), "{} takes {p50:?}", figures.what);
    }
}

/// About the size of a service's schema.
async fn migrate(url: &str) -> sqlx::Result<()> {
    let mut connection = PgConnection::connect(url).await?;
    for table in 0..20 {
        let statement =
            format!("CREATE TABLE table_{table} (id uuid PRIMARY KEY, name text UNIQUE, at timestamptz)");
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement))
            .execute(&mut connection)
            .await?;
    }
    Ok(())
}

#[tokio::test]
async fn an_ultra_is_ready_soon_after_it_is_applied() {
    const ROUNDS: usize = 3;
    let host = PrivateHost::start();
    let mut session = Session::open(host.socket()).unwrap();
    let start = Instant::now();
    let cluster = session
        .ask(&json!({"cluster": {"level": "operator", "nodes": 1}}))
        .unwrap();
    println!(
        "API server, controllers, node and operator, from nothing: {:.1} s",
        start.elapsed().as_secs_f64()
    );
    let kubectl = Kubectl::of(&cluster["cluster"]);
    let mut times = Vec::new();
    for round in 1..=ROUNDS {
        let start = Instant::now();
        kubectl.run(&["apply", "--filename", MINIMAL]);
        kubectl.run(&["wait", "--for=condition=Ready", "ud/minimal", "--timeout=120s"]);
        times.push(start.elapsed());
        if round == ROUNDS {
            let node = node_of(&host).await;
            for program in ["ultra-operator", "ultra-service"] {
                println!(
                    "{program}, resident in its pod: {:.1} MiB",
                    resident(&node, program)
                );
            }
        }
        kubectl.run(&["delete", "ud/minimal", "--cascade=foreground", "--timeout=120s"]);
    }
    Figures::of(
        "kubectl apply to Ready, with a Postgres and a Redis of its own",
        times,
    )
    .print();
    drop(session);
    host.expect_nothing_left(Duration::from_secs(90)).await;
}

const MINIMAL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../manifests/examples/minimal.yaml");

struct Kubectl {
    program: String,
    kubeconfig: String,
}

impl Kubectl {
    fn of(cluster: &Value) -> Self {
        let text = |name: &str| cluster[name].as_str().unwrap().to_owned();
        Self {
            program: text("kubectl"),
            kubeconfig: text("kubeconfig"),
        }
    }

    fn run(&self, arguments: &[&str]) {
        let output = Command::new(&self.program)
            .env("KUBECONFIG", &self.kubeconfig)
            .args(arguments)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
    }
}

/// The engine's id of the only node of a host.
async fn node_of(host: &PrivateHost) -> String {
    let containers = host.containers().await;
    let name = containers.iter().find(|name| name.ends_with("-node-1")).unwrap();
    let engine = bollard::Docker::connect_with_defaults().unwrap();
    let container = engine.inspect_container(
        name.trim_start_matches('/'),
        None::<bollard::query_parameters::InspectContainerOptions>,
    );
    container.await.unwrap().id.unwrap()
}

/// Resident memory in MiB of the program that runs in a pod on this node, as this machine's kernel tells it.
fn resident(node: &str, program: &str) -> f64 {
    let read = |folder: &Path, file: &str| {
        String::from_utf8_lossy(&fs::read(folder.join(file)).unwrap_or_default()).into_owned()
    };
    let process = fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .map(|entry| entry.path())
        .find(|folder| {
            let command = read(folder, "cmdline");
            let name = command.split('\0').next().unwrap_or_default();
            name.ends_with(program) && read(folder, "cgroup").contains(node)
        })
        .unwrap_or_else(|| panic!("{program} does not run on {node}"));
    let status = read(&process, "status");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    let kibibytes: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kibibytes / 1024.0
}
