//! What holds for every plan.

use super::fixtures::{examples, fixtures};
use serde_json::Value;

/// Every pod template of every fixture, with the name of its workload.
fn pods() -> Vec<(String, Value)> {
    let all = fixtures()
        .into_iter()
        .chain(examples())
        .filter(|fixture| fixture.validated().is_ok());
    all.flat_map(|fixture| {
        let workloads = fixture
            .children()
            .into_iter()
            .filter(|child| child["spec"]["template"].is_object());
        workloads
            .map(|workload| {
                let title = format!(
                    "{}: {} {}",
                    fixture.name, workload["kind"], workload["metadata"]["name"]
                );
                (title, workload["spec"]["template"].clone())
            })
            .collect::<Vec<_>>()
    })
    .collect()
}

fn containers(pod: &Value) -> Vec<Value> {
    ["initContainers", "containers"]
        .iter()
        .flat_map(|kind| pod["spec"][*kind].as_array().cloned().unwrap_or_default())
        .collect()
}

#[test]
fn every_container_asks_for_little_and_may_use_no_more_than_is_said() {
    for (title, pod) in pods() {
        for container in containers(&pod) {
            for amount in ["requests", "limits"] {
                for resource in ["cpu", "memory"] {
                    let value = &container["resources"][amount][resource];
                    assert!(
                        value.is_string(),
                        "{title}: {} has no {amount} of {resource}",
                        container["name"]
                    );
                }
            }
        }
    }
}

#[test]
fn no_container_can_write_to_its_image_and_every_one_leaves_its_last_words() {
    for (title, pod) in pods() {
        for container in containers(&pod) {
            assert_eq!(
                container["securityContext"]["readOnlyRootFilesystem"], true,
                "{title}"
            );
            assert_eq!(
                container["terminationMessagePolicy"], "FallbackToLogsOnError",
                "{title}"
            );
        }
    }
}

#[test]
fn no_pod_gets_a_token_or_variables_of_other_services() {
    for (title, pod) in pods() {
        assert_eq!(pod["spec"]["automountServiceAccountToken"], false, "{title}");
        assert_eq!(pod["spec"]["enableServiceLinks"], false, "{title}");
    }
}

#[test]
fn the_grace_period_fits_the_drain() {
    for (title, pod) in pods() {
        let spec = &pod["spec"];
        let Some(leave) = spec["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"].as_i64() else {
            continue;
        };
        let grace = spec["terminationGracePeriodSeconds"].as_i64().unwrap();
        assert!(grace > leave, "{title}: {grace} s of grace, {leave} s of leave");
    }
}

#[test]
fn only_the_pods_own_group_reads_a_secret() {
    for (title, pod) in pods() {
        let spec = &pod["spec"];
        for volume in spec["volumes"].as_array().unwrap() {
            let Some(secret) = volume["secret"].as_object() else {
                continue;
            };
            assert_eq!(secret["defaultMode"], 0o440, "{title}: {}", volume["name"]);
            assert_eq!(
                spec["securityContext"]["fsGroup"], spec["securityContext"]["runAsGroup"],
                "{title}"
            );
        }
    }
}
