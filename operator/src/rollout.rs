//! How far a workload has come, told from its own status and never from an older generation's.

use k8s_openapi::api::{
    apps::v1::{Deployment, DeploymentCondition, StatefulSet},
    core::v1::Pod,
};
use kube::ResourceExt;

/// How far a workload has come.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Rollout {
    /// Every replica is of the current generation and available.
    Complete,
    /// It is on its way.
    Progressing(String),
    /// It will not come to its end by itself.
    Failed {
        /// The failure in one word.
        reason: String,
        /// The failure in words for a person.
        message: String,
    },
}

impl Rollout {
    /// Whether it is complete.
    pub fn is_complete(&self) -> bool {
        *self == Self::Complete
    }
}

/// How far a Deployment has come.
pub fn deployment<'a>(deployment: &Deployment, pods: impl Iterator<Item = &'a Pod>) -> Rollout {
    let status = deployment.status.clone().unwrap_or_default();
    let counts = Counts {
        desired: deployment
            .spec
            .as_ref()
            .and_then(|spec| spec.replicas)
            .unwrap_or(1),
        current: status.observed_generation == deployment.metadata.generation,
        total: status.replicas.unwrap_or(0),
        updated: status.updated_replicas.unwrap_or(0),
        available: status.available_replicas.unwrap_or(0),
    };
    let conditions = status.conditions.unwrap_or_default();
    counts.judge(&format!("Deployment {}", deployment.name_any()), || {
        pod_failure(pods).or_else(|| deployment_failure(&conditions))
    })
}

/// How far a StatefulSet has come.
pub fn stateful_set<'a>(set: &StatefulSet, pods: impl Iterator<Item = &'a Pod>) -> Rollout {
    let status = set.status.clone().unwrap_or_default();
    let counts = Counts {
        desired: set.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1),
        current: status.observed_generation == set.metadata.generation,
        total: status.replicas,
        updated: status.updated_replicas.unwrap_or(0),
        available: status.available_replicas.unwrap_or(0),
    };
    counts.judge(&format!("StatefulSet {}", set.name_any()), || pod_failure(pods))
}

struct Counts {
    desired: i32,
    current: bool,
    total: i32,
    updated: i32,
    available: i32,
}

impl Counts {
    fn judge(&self, workload: &str, failure: impl FnOnce() -> Option<Rollout>) -> Rollout {
        let Self {
            desired,
            current,
            total,
            updated,
            available,
        } = *self;
        if current && total == desired && updated == desired && available == desired {
            return Rollout::Complete;
        }
        failure().unwrap_or_else(|| {
            let state = if !current {
                "has not been seen by its controller yet".to_owned()
            } else if total == 0 && desired > 0 {
                "has no pod yet; its events tell why if this stays".to_owned()
            } else {
                format!("{updated} of {desired} pods are up to date, {available} available, {total} in all")
            };
            Rollout::Progressing(format!("{workload}: {state}"))
        })
    }
}

/// What the Deployment's controller says went wrong: pods that could not be created (a quota, an admission rule), or a
/// deadline that has passed.
fn deployment_failure(conditions: &[DeploymentCondition]) -> Option<Rollout> {
    let failed = conditions.iter().find(|condition| {
        (condition.type_ == "ReplicaFailure" && condition.status == "True")
            || condition.reason.as_deref() == Some("ProgressDeadlineExceeded")
    })?;
    Some(Rollout::Failed {
        reason: failed.reason.clone().unwrap_or_else(|| failed.type_.clone()),
        message: failed.message.clone().unwrap_or_default(),
    })
}

fn pod_failure<'a>(mut pods: impl Iterator<Item = &'a Pod>) -> Option<Rollout> {
    pods.find_map(|pod| {
        let (reason, message) = container_failure(pod).or_else(|| unschedulable(pod))?;
        Some(Rollout::Failed {
            reason,
            message: format!("pod {}: {message}", pod.name_any()),
        })
    })
}

/// Reasons for which a container waits while all is well.
const ORDINARY_WAITS: &[&str] = &["ContainerCreating", "PodInitializing"];

fn container_failure(pod: &Pod) -> Option<(String, String)> {
    let status = pod.status.as_ref()?;
    let init = status.init_container_statuses.iter().flatten();
    init.chain(status.container_statuses.iter().flatten())
        .find_map(|container| {
            let waiting = container.state.as_ref()?.waiting.as_ref()?;
            let reason = waiting
                .reason
                .clone()
                .filter(|reason| !ORDINARY_WAITS.contains(&reason.as_str()))?;
            let last = container
                .last_state
                .as_ref()
                .and_then(|state| state.terminated.as_ref());
            let said = last
                .and_then(|last| {
                    last.message
                        .as_deref()
                        .map(|text| format!("exit code {}: {}", last.exit_code, text.trim()))
                })
                .or_else(|| waiting.message.clone())
                .unwrap_or_default();
            let message = format!(
                "container {} ({}): {reason}: {said}",
                container.name, container.image
            );
            Some((reason, message))
        })
}

fn unschedulable(pod: &Pod) -> Option<(String, String)> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let scheduled = conditions
        .iter()
        .find(|condition| condition.type_ == "PodScheduled" && condition.status == "False")?;
    let reason = scheduled
        .reason
        .clone()
        .filter(|reason| reason == "Unschedulable")?;
    Some((reason, scheduled.message.clone().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn from<K: serde::de::DeserializeOwned>(value: Value) -> K {
        serde_json::from_value(value).unwrap()
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "`json!` at the call reads better without a borrow"
    )]
    fn deployment_with(status: Value) -> Deployment {
        from(
            json!({"metadata": {"name": "demo", "generation": 2}, "spec": {"replicas": 2, "selector": {}, "template": {}}, "status": status}),
        )
    }

    fn judge(status: Value, pods: &[Pod]) -> Rollout {
        deployment(&deployment_with(status), pods.iter())
    }

    #[test]
    fn a_rollout_is_complete_when_every_replica_of_this_generation_is_available() {
        let done =
            json!({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2});
        assert_eq!(judge(done, &[]), Rollout::Complete);
    }

    #[test]
    fn a_status_of_an_older_generation_completes_nothing() {
        let stale =
            json!({"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2});
        assert!(matches!(judge(stale, &[]), Rollout::Progressing(_)));
    }

    #[test]
    fn an_old_pod_that_still_runs_keeps_the_rollout_open() {
        let surge =
            json!({"observedGeneration": 2, "replicas": 3, "updatedReplicas": 2, "availableReplicas": 2});
        assert!(matches!(judge(surge, &[]), Rollout::Progressing(_)));
    }

    #[test]
    fn a_container_that_crashes_is_told_by_its_last_words() {
        let pod: Pod = from(
            json!({"metadata": {"name": "demo-1"}, "status": {"containerStatuses": [{
            "name": "ultra-service", "image": "ultra-service:1", "imageID": "", "ready": false, "restartCount": 3,
            "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}},
            "lastState": {"terminated": {"exitCode": 2, "message": "DATABASE_URL is wrong\n"}}}]}}),
        );
        let Rollout::Failed { reason, message } =
            judge(json!({"observedGeneration": 2, "replicas": 2}), &[pod])
        else {
            panic!("not failed")
        };
        assert_eq!(reason, "CrashLoopBackOff");
        assert_eq!(
            message,
            "pod demo-1: container ultra-service (ultra-service:1): CrashLoopBackOff: exit code 2: DATABASE_URL is wrong"
        );
    }

    #[test]
    fn a_container_that_is_being_created_is_no_failure() {
        let pod: Pod = from(
            json!({"metadata": {"name": "demo-1"}, "status": {"containerStatuses": [{
            "name": "ultra-service", "image": "", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"waiting": {"reason": "ContainerCreating"}}}]}}),
        );
        assert!(matches!(
            judge(json!({"observedGeneration": 2, "replicas": 2}), &[pod]),
            Rollout::Progressing(_)
        ));
    }

    #[test]
    fn a_pod_that_fits_nowhere_and_a_quota_are_told() {
        let pod: Pod = from(json!({"metadata": {"name": "demo-1"}, "status": {"conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes are available"}]}}));
        let told = judge(json!({"observedGeneration": 2, "replicas": 2}), &[pod]);
        assert!(matches!(told, Rollout::Failed { reason, .. } if reason == "Unschedulable"));
        let quota = json!({"observedGeneration": 2, "conditions": [
            {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota"}]});
        let told = judge(quota, &[]);
        assert!(
            matches!(told, Rollout::Failed { reason, message } if reason == "FailedCreate" && message == "exceeded quota")
        );
    }
}
