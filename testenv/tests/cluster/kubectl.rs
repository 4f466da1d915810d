//! `kubectl`, as a person uses it.

use std::time::Duration;

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines},
    net::TcpStream,
    process::{Child, ChildStdout, Command},
    time::timeout,
};
use ultra_testenv::{Cluster, Namespace};

use crate::pod;

const DEADLINE: Duration = Duration::from_secs(180);

/// Runs `kubectl` in a namespace and gives its output; fails the test when it fails.
pub(crate) async fn kubectl(cluster: &Cluster, namespace: &Namespace, arguments: &[&str]) -> String {
    let mut command = Command::from(cluster.kubectl());
    command
        .args(["--namespace", namespace.name()])
        .args(arguments)
        .kill_on_drop(true);
    let output = timeout(DEADLINE, command.output()).await.unwrap().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "kubectl {arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// A forwarded port, as long as it is kept.
pub(crate) struct PortForward {
    pub(crate) address: String,
    _kubectl: Child,
    /// Kept open: kubectl tells of every connection there, and ends when it cannot.
    _output: Lines<BufReader<ChildStdout>>,
}

impl PortForward {
    /// `kubectl port-forward TARGET :PORT`.
    pub(crate) async fn to(cluster: &Cluster, namespace: &Namespace, target: &str, port: u16) -> Self {
        let mut command = Command::from(cluster.kubectl());
        command.args([
            "--namespace",
            namespace.name(),
            "port-forward",
            target,
            &format!(":{port}"),
        ]);
        let mut kubectl = command
            .stdout(std::process::Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(kubectl.stdout.take().unwrap()).lines();
        let line = timeout(DEADLINE, lines.next_line())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        // Forwarding from 127.0.0.1:40123 -> 8080
        let address = line
            .strip_prefix("Forwarding from ")
            .and_then(|rest| rest.split(' ').next())
            .unwrap();
        Self {
            address: address.to_owned(),
            _kubectl: kubectl,
            _output: lines,
        }
    }
}

#[tokio::test]
async fn kubectl_reads_logs_executes_and_forwards_ports() {
    let cluster = pod::cluster(1).await;
    let namespace = cluster.namespace().await.unwrap();
    pod::run(&namespace, pod::redis("server"), &["Running"]).await;

    kubectl(
        &cluster,
        &namespace,
        &["wait", "--for=condition=Ready", "pod/server", "--timeout=60s"],
    )
    .await;
    let said = kubectl(
        &cluster,
        &namespace,
        &["exec", "server", "--", "redis-cli", "set", "colour", "blue"],
    )
    .await;
    assert_eq!(said, "OK\n");
    let log = kubectl(&cluster, &namespace, &["logs", "server"]).await;
    assert!(log.contains("Ready to accept connections"), "{log}");

    let forward = PortForward::to(&cluster, &namespace, "pod/server", 6379).await;
    let mut stream = TcpStream::connect(&forward.address).await.unwrap();
    stream.write_all(b"GET colour\r\n").await.unwrap();
    let mut answer = [0; 10];
    timeout(DEADLINE, stream.read_exact(&mut answer))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(&answer, b"$4\r\nblue\r\n");
}
