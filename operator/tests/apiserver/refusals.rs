//! What the API server refuses by the CRD's rules, and what it accepts once the resource is mended as the message says.

use super::harness::{install_crd, named};
use k8s_openapi::api::{
    apps::v1::{Deployment, StatefulSet},
    core::v1::{Pod, PodTemplateSpec, ServiceAccount},
};
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use ultra_operator::crd::UltraDeployment;
use ultra_testenv::{Cluster, Namespace, PodSecurity};

struct Refusal {
    wrong: Value,
    message: &'static str,
    mended: Value,
}

fn refusals() -> Vec<Refusal> {
    let url = json!({ "urlSecretRef": { "name": "a", "key": "b" } });
    let refusal = |wrong, message, mended| Refusal {
        wrong,
        message,
        mended,
    };
    vec![
        refusal(
            json!({ "database": {} }),
            "exactly one of `builtin: {}`",
            json!({ "database": { "builtin": {} } }),
        ),
        refusal(
            json!({ "database": { "builtin": {}, "external": url } }),
            "exactly one of",
            json!({ "database": { "external": url } }),
        ),
        refusal(
            json!({ "cache": { "builtin": {}, "memory": {} } }),
            "exactly one of",
            json!({ "cache": { "memory": {} } }),
        ),
        refusal(
            json!({ "cache": {} }),
            "exactly one of",
            json!({ "cache": { "external": url } }),
        ),
        refusal(
            json!({ "env": [{ "name": "ULTRA_MODE", "value": "mock" }] }),
            "ULTRA_MODE (spec.mode)",
            json!({ "mode": "mock", "env": [{ "name": "RUST_LOG", "value": "debug" }] }),
        ),
        refusal(
            json!({ "env": [{ "name": "A" }] }),
            "exactly one of `value",
            json!({ "env": [{ "name": "A", "value": "" }] }),
        ),
        refusal(
            json!({ "env": [{ "name": "A", "valueFrom": {} }] }),
            "exactly one of `secretKeyRef",
            json!({ "env": [{ "name": "A", "valueFrom": { "secretKeyRef": { "name": "a", "key": "b" } } }] }),
        ),
        refusal(
            json!({ "panel": { "deadline": "90us" } }),
            "such as 90s",
            json!({ "panel": { "deadline": "90s" } }),
        ),
        refusal(
            json!({ "panel": { "deadline": "1h" } }),
            "to 30m",
            json!({ "panel": { "deadline": "1m30s" } }),
        ),
        refusal(
            json!({ "panel": { "models": ["a"], "minModels": 2 } }),
            "at most the number of panel.models",
            json!({ "panel": { "models": ["a", "b"], "minModels": 2 } }),
        ),
        refusal(
            json!({ "database": { "builtin": { "storage": "20GB" } } }),
            "such as 20Gi",
            json!({ "database": { "builtin": { "storage": "20Gi" } } }),
        ),
        refusal(
            json!({ "database": { "builtin": { "version": "17.2" } } }),
            "major version",
            json!({ "database": { "builtin": { "version": "17" } } }),
        ),
        refusal(
            json!({ "cache": { "builtin": { "memory": "1Mi" } } }),
            "8Mi or more",
            json!({ "cache": { "builtin": { "memory": "8Mi" } } }),
        ),
        refusal(
            json!({ "profile": "production", "mode": "mock", "cache": { "memory": {} } }),
            "in production write `external",
            json!({ "profile": "production", "mode": "mock", "cache": { "memory": {} }, "database": { "external": url } }),
        ),
        refusal(
            json!({ "profile": "production", "database": { "builtin": {} }, "cache": { "memory": {} } }),
            "?sslmode=verify-full",
            json!({ "profile": "production", "database": { "external": url }, "cache": { "memory": {} } }),
        ),
        refusal(
            json!({ "profile": "production", "database": { "external": url } }),
            "in production write `memory: {}`",
            json!({ "profile": "production", "database": { "external": url }, "cache": { "external": url } }),
        ),
        refusal(
            json!({ "profile": "production", "database": { "external": url }, "cache": { "builtin": {} } }),
            "rediss://",
            json!({ "profile": "testing", "database": { "external": url }, "cache": { "builtin": {} } }),
        ),
        refusal(
            json!({ "profile": "production", "database": { "external": url }, "cache": { "memory": {} },
                "env": [{ "name": "ULTRA_AUTH_ANONYMOUS", "value": "true" }] }),
            "leave out ULTRA_AUTH_ANONYMOUS",
            json!({ "profile": "production", "database": { "external": url }, "cache": { "memory": {} },
                "env": [{ "name": "ULTRA_AUTH_ANONYMOUS", "value": "false" }] }),
        ),
        refusal(
            json!({ "env": [{ "name": "ULTRA_MASTER_KEY", "value": "a" }] }),
            "Secret <name>-master-key",
            json!({ "env": [{ "name": "ULTRA_AUTH_ANONYMOUS", "value": "false" }] }),
        ),
        refusal(
            json!({ "auth": { "accessTokenTTL": "15us" } }),
            "such as 15m",
            json!({ "auth": { "accessTokenTTL": "15m" } }),
        ),
        refusal(
            json!({ "auth": { "accessTokenTTL": "25h" } }),
            "1s to 24h",
            json!({ "auth": { "accessTokenTTL": "24h" } }),
        ),
        refusal(
            json!({ "auth": { "refreshTokenTTL": "8785h" } }),
            "2s to 8784h",
            json!({ "auth": { "refreshTokenTTL": "8784h" } }),
        ),
        refusal(
            json!({ "auth": { "accessTokenTTL": "1h", "refreshTokenTTL": "60m" } }),
            "longer duration than auth.accessTokenTTL",
            json!({ "auth": { "accessTokenTTL": "1h", "refreshTokenTTL": "61m" } }),
        ),
        refusal(
            json!({ "auth": { "refreshTokenTTL": "10m" } }),
            "without a value they are 720h and 15m",
            json!({ "auth": { "refreshTokenTTL": "16m" } }),
        ),
        refusal(
            json!({ "auth": { "issuer": "an issuer" } }),
            "auth.issuer",
            json!({ "auth": { "issuer": "https://ultra.example.com" } }),
        ),
        refusal(
            json!({ "auth": { "audience": "" } }),
            "auth.audience",
            json!({ "auth": { "audience": "ultra" } }),
        ),
        refusal(
            json!({ "replicas": -1 }),
            "from 0 to 1000",
            json!({ "replicas": 0 }),
        ),
        refusal(
            json!({ "image": { "tag": "a b" } }),
            "image.tag",
            json!({ "image": { "tag": "1.2.0" } }),
        ),
        refusal(
            json!({ "shutdown": { "drainSeconds": 0 } }),
            "1 to 3600",
            json!({ "shutdown": { "drainSeconds": 1 } }),
        ),
        refusal(
            json!({ "probes": { "startup": { "periodSeconds": 0 } } }),
            "1 to 3600",
            json!({ "probes": { "startup": { "periodSeconds": 1 } } }),
        ),
    ]
}

async fn namespace(cluster: &Cluster) -> (Namespace, Api<UltraDeployment>) {
    install_crd(&cluster.client()).await;
    let namespace = cluster.namespace().await.unwrap();
    let api = Api::namespaced(cluster.client(), namespace.name());
    (namespace, api)
}

#[tokio::test]
async fn a_spec_that_cannot_be_is_refused_with_what_to_write_instead() {
    let cluster = Cluster::api_server().await.unwrap();
    let (_namespace, api) = namespace(&cluster).await;
    let dry_run = PostParams {
        dry_run: true,
        ..Default::default()
    };
    for Refusal {
        wrong,
        message,
        mended,
    } in refusals()
    {
        let refused = api
            .create(&dry_run, &named("demo", wrong.clone()))
            .await
            .expect_err(&wrong.to_string());
        assert!(refused.to_string().contains(message), "{wrong}: {refused}");
        api.create(&dry_run, &named("demo", mended)).await.unwrap();
    }
}

#[tokio::test]
async fn a_name_that_no_child_could_take_is_refused() {
    let cluster = Cluster::api_server().await.unwrap();
    let (_namespace, api) = namespace(&cluster).await;
    let dry_run = PostParams {
        dry_run: true,
        ..Default::default()
    };
    for name in ["a".repeat(41), "a.b".into(), "1a".into()] {
        let refused = api
            .create(&dry_run, &named(&name, json!({})))
            .await
            .expect_err(&name);
        assert!(refused.to_string().contains("metadata.name: write"), "{refused}");
    }
    api.create(&dry_run, &named(&"a".repeat(40), json!({})))
        .await
        .unwrap();
}

#[tokio::test]
async fn the_volume_of_a_database_stays_as_it_was_made() {
    let cluster = Cluster::api_server().await.unwrap();
    let (_namespace, api) = namespace(&cluster).await;
    let spec = json!({ "database": { "builtin": { "storage": "1Gi" } } });
    api.create(&PostParams::default(), &named("demo", spec))
        .await
        .unwrap();
    for builtin in [
        json!({ "storage": "2Gi" }),
        json!({ "version": "16" }),
        json!({ "storageClassName": "fast" }),
    ] {
        let patch = Patch::Merge(json!({ "spec": { "database": { "builtin": builtin } } }));
        let refused = api
            .patch("demo", &PatchParams::default(), &patch)
            .await
            .expect_err(&builtin.to_string());
        assert!(
            refused.to_string().contains("write the old value again"),
            "{refused}"
        );
    }
}

/// The pods of a workload, as its controller would create them.
fn pod(workload: &str, template: PodTemplateSpec) -> Pod {
    let mut pod = Pod {
        metadata: template.metadata.unwrap_or_default(),
        spec: template.spec,
        status: None,
    };
    pod.metadata.name = Some(workload.to_owned());
    let volumes = pod.spec.as_mut().unwrap().volumes.get_or_insert_default();
    if volumes.iter().all(|volume| volume.name != "data") {
        volumes.push(super::harness::from(json!({ "name": "data", "emptyDir": {} })));
    }
    pod
}

#[tokio::test]
async fn every_pod_is_admitted_where_only_restricted_pods_are() {
    let cluster = Cluster::api_server().await.unwrap();
    let namespace = cluster.namespace_with(PodSecurity::Restricted).await.unwrap();
    let operator = super::harness::Operator::start_in(cluster, namespace).await;
    let admin = json!({ "email": "a@example.com", "password": "only looked at" });
    operator.create_secret("admin", admin).await;
    let auth = json!({ "adminSecretRef": { "name": "admin" } });
    operator
        .create(json!({ "panel": { "deadline": "90s" }, "auth": auth }))
        .await;
    operator.become_ready().await;
    operator.get::<ServiceAccount>("demo").await;
    let mut pods = Vec::new();
    for deployment in operator
        .api::<Deployment>()
        .list(&Default::default())
        .await
        .unwrap()
    {
        pods.push(pod(&deployment.name_any(), deployment.spec.unwrap().template));
    }
    for set in operator
        .api::<StatefulSet>()
        .list(&Default::default())
        .await
        .unwrap()
    {
        pods.push(pod(&set.name_any(), set.spec.unwrap().template));
    }
    assert_eq!(pods.len(), 3);
    let dry_run = PostParams {
        dry_run: true,
        ..Default::default()
    };
    for pod in pods {
        operator.api::<Pod>().create(&dry_run, &pod).await.unwrap();
    }
}
