//! The whole product: one resource becomes a running, answering Ultra.

use std::{path::Path, time::Duration};

use serde_json::{Value, json};
use ultra_testenv::{Cluster, PodSecurity, wait_for};

use crate::{
    inventory,
    kubectl::{PortForward, kubectl},
};

const DEADLINE: Duration = Duration::from_secs(120);

async fn ask(address: &str) -> Value {
    let question = json!({
        "prompt": "Should a small team run its own Postgres?",
        "options": {"details": true}
    });
    let answer = reqwest::Client::new()
        .post(format!("http://{address}/api/v1/analyses"))
        .json(&question)
        .timeout(DEADLINE)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    answer.json().await.unwrap()
}

#[tokio::test]
async fn one_resource_becomes_a_running_ultra_and_leaves_nothing_behind() {
    let cluster = Cluster::with_operator().await.unwrap();
    let namespace = cluster.namespace_with(PodSecurity::Restricted).await.unwrap();
    // Controllers put something into every namespace; only then it is empty.
    kubectl(
        &cluster,
        &namespace,
        &["wait", "--for=create", "configmap/kube-root-ca.crt"],
    )
    .await;
    let before = inventory::of(&cluster, &namespace).await;

    let minimal = Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests/examples/minimal.yaml");
    kubectl(
        &cluster,
        &namespace,
        &["apply", "--filename", minimal.to_str().unwrap()],
    )
    .await;
    kubectl(
        &cluster,
        &namespace,
        &["wait", "--for=condition=Ready", "ud/minimal", "--timeout=120s"],
    )
    .await;

    let forward = PortForward::to(&cluster, &namespace, "service/minimal", 80).await;
    let first = ask(&forward.address).await;
    assert_came_from_the_panel(&first);
    let id = first["id"].as_str().unwrap();
    assert_eq!(
        stored_answer(&cluster, &namespace, id).await,
        first["answer"].as_str().unwrap()
    );

    let second = ask(&forward.address).await;
    assert_eq!(
        (&second["cached"], &second["cache"]),
        (&json!(true), &json!("redis")),
        "{second:#}"
    );
    assert_eq!(second["answer"], first["answer"]);

    drop(forward);
    kubectl(&cluster, &namespace, &["delete", "ud/minimal", "--timeout=60s"]).await;
    wait_for("nothing is left", DEADLINE, async || {
        let now = inventory::of(&cluster, &namespace).await;
        if now == before {
            Ok(())
        } else {
            Err(format!("{:?}", &now - &before))
        }
    })
    .await
    .unwrap();
}

fn assert_came_from_the_panel(analysis: &Value) {
    assert_eq!(analysis["cached"], false, "{analysis:#}");
    assert_eq!(analysis["degraded"], false, "{analysis:#}");
    assert_eq!(analysis["models"].as_array().unwrap().len(), 3, "{analysis:#}");
    let stages = analysis["stages"].as_array().unwrap();
    let stages: Vec<_> = stages
        .iter()
        .map(|stage| stage["stage"].as_str().unwrap())
        .collect();
    assert_eq!(
        stages,
        ["initial_response", "peer_review_and_revision", "ultra_synthesis"]
    );
}

/// Reads it from the Postgres that the operator made.
async fn stored_answer(cluster: &Cluster, namespace: &ultra_testenv::Namespace, id: &str) -> String {
    let query = format!("select answer from analyses where id = '{id}'");
    let psql = [
        "psql",
        "--username=ultra",
        "--dbname=ultra",
        "--no-align",
        "--tuples-only",
        "--command",
        &query,
    ];
    let exec = ["exec", "minimal-postgres-0", "--container=postgres", "--"];
    let output = kubectl(cluster, namespace, &[&exec[..], &psql[..]].concat()).await;
    output.strip_suffix('\n').unwrap_or(&output).to_owned()
}
