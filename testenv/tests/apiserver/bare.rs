//! The API server alone.

use k8s_openapi::{
    api::core::v1::{ConfigMap, Pod},
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api,
    api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, PostParams},
};
use serde_json::json;
use std::time::Duration;
use ultra_testenv::{Cluster, PodSecurity, wait_for};

#[tokio::test]
async fn the_api_server_answers_with_its_version() {
    let cluster = Cluster::api_server().await.unwrap();
    let version = cluster.client().apiserver_version().await.unwrap();
    assert_eq!(version.major, "1");
    assert!(version.git_version.starts_with("v1."), "{version:?}");
}

#[tokio::test]
async fn a_custom_resource_comes_back_as_it_was_created_and_its_schema_is_enforced() {
    let cluster = Cluster::api_server().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    // Kinds are the cluster's, not the namespace's, so tests that run at once need one each.
    let group = format!("{}.testenv.example", namespace.name());
    let definitions: Api<CustomResourceDefinition> = Api::all(cluster.client());
    definitions
        .create(&PostParams::default(), &definition(&group))
        .await
        .unwrap();
    let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(&group, "v1", "Spoon"), "spoons");
    let spoons: Api<DynamicObject> = Api::default_namespaced_with(namespace.client(), &resource);
    let spoon = DynamicObject::new("one", &resource).data(json!({"spec": {"length": 12}}));
    let created = wait_for("the new kind is served", Duration::from_secs(10), async || {
        spoons.create(&PostParams::default(), &spoon).await
    })
    .await
    .unwrap();
    assert_eq!(created.data["spec"]["length"], 12);
    assert_eq!(spoons.get("one").await.unwrap().data, created.data);

    let too_short = DynamicObject::new("two", &resource).data(json!({"spec": {"length": 0}}));
    let refusal = spoons
        .create(&PostParams::default(), &too_short)
        .await
        .unwrap_err();
    assert!(
        refusal.to_string().contains("greater than or equal to 1"),
        "{refusal}"
    );
    definitions
        .delete(&format!("spoons.{group}"), &DeleteParams::default())
        .await
        .unwrap();
}

fn definition(group: &str) -> CustomResourceDefinition {
    serde_json::from_value(json!({
        "metadata": {"name": format!("spoons.{group}")},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": "Spoon", "plural": "spoons", "singular": "spoon"},
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": {
                    "type": "object",
                    "properties": {"length": {"type": "integer", "minimum": 1}}
                }}}}
            }]
        }
    }))
    .unwrap()
}

#[tokio::test]
async fn namespaces_do_not_see_each_others_objects() {
    let cluster = Cluster::api_server().await.unwrap();
    let (one, other) = (
        cluster.namespace().await.unwrap(),
        cluster.namespace().await.unwrap(),
    );
    assert_ne!(one.name(), other.name());
    let created: Api<ConfigMap> = Api::default_namespaced(one.client());
    created
        .create(&PostParams::default(), &config_map("settings"))
        .await
        .unwrap();
    assert!(created.get_opt("settings").await.unwrap().is_some());
    let elsewhere: Api<ConfigMap> = Api::default_namespaced(other.client());
    assert_eq!(elsewhere.get_opt("settings").await.unwrap(), None);
}

#[tokio::test]
async fn a_namespace_that_is_dropped_is_closed() {
    let cluster = Cluster::api_server().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    let config_maps: Api<ConfigMap> = Api::namespaced(cluster.client(), namespace.name());
    drop(namespace);
    let refusal = config_maps
        .create(&PostParams::default(), &config_map("late"))
        .await
        .unwrap_err();
    assert!(
        refusal.to_string().contains("because it is being terminated"),
        "{refusal}"
    );
}

#[tokio::test]
async fn a_restricted_namespace_refuses_a_pod_that_may_become_root() {
    let cluster = Cluster::api_server().await.unwrap();
    let namespace = cluster.namespace_with(PodSecurity::Restricted).await.unwrap();
    let pods: Api<Pod> = Api::default_namespaced(namespace.client());
    let pod = serde_json::from_value(json!({
        "metadata": {"name": "root"},
        "spec": {"containers": [{"name": "root", "image": "any"}]}
    }))
    .unwrap();
    let refusal = pods.create(&PostParams::default(), &pod).await.unwrap_err();
    assert!(
        refusal.to_string().contains("violates PodSecurity \"restricted"),
        "{refusal}"
    );
}

#[tokio::test]
async fn who_acts_as_a_service_account_has_its_rights_only() {
    let cluster = Cluster::api_server().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    let client = cluster
        .client_as_service_account(namespace.name(), "default")
        .unwrap();
    let secrets: Api<ConfigMap> = Api::namespaced(client, namespace.name());
    let refusal = secrets.list(&ListParams::default()).await.unwrap_err();
    let name = format!("system:serviceaccount:{}:default", namespace.name());
    assert!(refusal.to_string().contains(&name), "{refusal}");
}

fn config_map(name: &str) -> ConfigMap {
    serde_json::from_value(json!({"metadata": {"name": name}})).unwrap()
}
