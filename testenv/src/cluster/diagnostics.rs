//! What a person would ask for when something in a namespace is not as it should be.

use std::fmt::Write;

use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, Event, Pod};
use kube::{
    Api, Client, Discovery, ResourceExt,
    api::{DynamicObject, ListParams, LogParams},
    discovery::{ApiResource, Scope, verbs},
};

/// How many lines of a container's log are told.
const LOG_LINES: i64 = 30;

/// Events, pods with the ends of their logs, and the conditions of every other object of `namespace`.
/// What cannot be read is told in its place.
pub(super) async fn describe(client: &Client, namespace: &str) -> String {
    let mut text = format!("---- namespace {namespace}: events ----\n");
    append(&mut text, events(client, namespace).await);
    text.push_str("---- pods ----\n");
    append(&mut text, pods(client, namespace).await);
    text.push_str("---- conditions ----\n");
    append(&mut text, conditions(client, namespace).await);
    text
}

fn append(text: &mut String, part: kube::Result<String>) {
    match part {
        Ok(part) if part.is_empty() => text.push_str("(none)\n"),
        Ok(part) => text.push_str(&part),
        Err(error) => {
            let _ = writeln!(text, "cannot be read: {error}");
        }
    }
}

async fn events(client: &Client, namespace: &str) -> kube::Result<String> {
    let mut events = Api::<Event>::namespaced(client.clone(), namespace)
        .list(&ListParams::default())
        .await?
        .items;
    events.sort_by_key(ResourceExt::creation_timestamp);
    Ok(events.iter().map(event_line).collect())
}

fn event_line(event: &Event) -> String {
    let object = &event.involved_object;
    let count = event
        .count
        .filter(|count| *count > 1)
        .map(|count| format!(" (×{count})"))
        .unwrap_or_default();
    format!(
        "{} {} {}/{}: {}{count}\n",
        event.type_.as_deref().unwrap_or("Normal"),
        event.reason.as_deref().unwrap_or_default(),
        object.kind.as_deref().unwrap_or_default(),
        object.name.as_deref().unwrap_or_default(),
        event.message.as_deref().unwrap_or_default(),
    )
}

async fn pods(client: &Client, namespace: &str) -> kube::Result<String> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let mut text = String::new();
    for pod in pods.list(&ListParams::default()).await? {
        let status = pod.status.clone().unwrap_or_default();
        let _ = writeln!(text, "{}: {}", pod.name_any(), status.phase.unwrap_or_default());
        for condition in status
            .conditions
            .unwrap_or_default()
            .iter()
            .filter(|it| it.status != "True")
        {
            let reason = condition.reason.as_deref().unwrap_or_default();
            let message = condition.message.as_deref().unwrap_or_default();
            let _ = writeln!(
                text,
                "  {}={} {reason} {message}",
                condition.type_, condition.status
            );
        }
        let containers = status.init_container_statuses.unwrap_or_default().into_iter();
        for container in containers.chain(status.container_statuses.unwrap_or_default()) {
            text.push_str(&container_state(&pods, &pod.name_any(), &container).await);
        }
    }
    Ok(text)
}

async fn container_state(pods: &Api<Pod>, pod: &str, container: &ContainerStatus) -> String {
    let state = container.state.as_ref().map_or_else(String::new, state);
    let mut text = format!(
        "  {}: {state}, {} restarts\n",
        container.name, container.restart_count
    );
    let previous = container.restart_count > 0;
    for previous in [true, false]
        .into_iter()
        .filter(|of_previous| previous || !of_previous)
    {
        let parameters = LogParams {
            container: Some(container.name.clone()),
            tail_lines: Some(LOG_LINES),
            previous,
            ..LogParams::default()
        };
        // A container that never started has no log, which its state tells better.
        if let Ok(log) = pods.logs(pod, &parameters).await {
            let which = if previous {
                "log of the previous run"
            } else {
                "log"
            };
            let _ = writeln!(text, "  {which}:");
            log.lines().for_each(|line| {
                let _ = writeln!(text, "    {line}");
            });
        }
    }
    text
}

fn state(state: &ContainerState) -> String {
    if let Some(waiting) = &state.waiting {
        let reason = waiting.reason.as_deref().unwrap_or_default();
        format!(
            "waiting {reason} {}",
            waiting.message.as_deref().unwrap_or_default()
        )
    } else if let Some(ended) = &state.terminated {
        let reason = ended.reason.as_deref().unwrap_or_default();
        format!(
            "ended with {} {reason} {}",
            ended.exit_code,
            ended.message.as_deref().unwrap_or_default()
        )
    } else {
        String::from("running")
    }
}

/// Custom resources are among them, so kinds are discovered.
async fn conditions(client: &Client, namespace: &str) -> kube::Result<String> {
    let discovery = Discovery::new(client.clone()).run_aggregated().await?;
    let mut text = String::new();
    for group in discovery.groups() {
        for (kind, capabilities) in group.recommended_resources() {
            let listed =
                capabilities.scope == Scope::Namespaced && capabilities.supports_operation(verbs::LIST);
            if listed && kind.kind != "Pod" {
                text.push_str(&conditions_of(client, namespace, &kind).await?);
            }
        }
    }
    Ok(text)
}

async fn conditions_of(client: &Client, namespace: &str, kind: &ApiResource) -> kube::Result<String> {
    let objects: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, kind);
    let list = objects.list(&ListParams::default()).await?;
    Ok(list
        .iter()
        .map(|object| object_state(&kind.kind, object))
        .collect())
}

fn object_state(kind: &str, object: &DynamicObject) -> String {
    let status = &object.data["status"];
    let phase = status["phase"].as_str().map(|phase| format!("phase {phase}"));
    let conditions = status["conditions"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|condition| {
            let field = |name: &str| condition[name].as_str().unwrap_or_default().to_owned();
            format!(
                "{}={} {} {}",
                field("type"),
                field("status"),
                field("reason"),
                field("message")
            )
        });
    phase
        .into_iter()
        .chain(conditions)
        .map(|line| format!("{kind}/{}: {line}\n", object.name_any()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_objects_conditions_are_told_with_reason_and_message() {
        let object: DynamicObject = serde_json::from_value(serde_json::json!({
            "metadata": {"name": "web"},
            "status": {"conditions": [
                {"type": "Available", "status": "False", "reason": "MinimumReplicasUnavailable", "message": "0 of 1"}
            ]}
        }))
        .unwrap();
        let told = object_state("Deployment", &object);
        assert_eq!(
            told,
            "Deployment/web: Available=False MinimumReplicasUnavailable 0 of 1\n"
        );
    }

    #[test]
    fn an_object_without_status_is_not_told() {
        let object: DynamicObject =
            serde_json::from_value(serde_json::json!({"metadata": {"name": "c"}})).unwrap();
        assert_eq!(object_state("ConfigMap", &object), "");
    }
}
