//! Last step: what was reached, as conditions. They speak of the generation that was reconciled and of no other.

use crate::{
    crd::{ConditionType, Mode, Profile, UltraDeployment, UltraDeploymentStatus},
    error::Error,
    names::Component,
    observe::Children,
    plan::{Applied, Objects},
    rollout::{self, Rollout},
    validate::{Cache, Database, Validated},
};
use k8s_openapi::{
    api::apps::v1::Deployment,
    apimachinery::pkg::apis::meta::v1::{Condition, Time},
    jiff::Timestamp,
};
use kube::{
    Api, Client, ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::json;

/// The database is on its way.
pub const WAITS_FOR_DATABASE: &str = "DatabaseNotReady";
/// The cache is on its way.
pub const WAITS_FOR_CACHE: &str = "CacheNotReady";
/// The service is held back until both are there.
pub const WAITS_FOR_PARTS: &str = "ServiceNotStarted";
/// The service is on its way.
pub const ROLLS_OUT: &str = "RollingOut";

/// A reconcile that came to its end.
pub struct Converged {
    /// What was asked for.
    pub ultra: Validated,
    /// What there is now.
    pub objects: Objects<Applied>,
}

/// What one condition says.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Verdict {
    status: &'static str,
    reason: String,
    message: String,
}

impl Verdict {
    fn yes(reason: &str, message: impl Into<String>) -> Self {
        Self {
            status: "True",
            reason: reason.to_owned(),
            message: message.into(),
        }
    }

    fn no(reason: &str, message: impl Into<String>) -> Self {
        Self {
            status: "False",
            reason: reason.to_owned(),
            message: message.into(),
        }
    }

    fn unknown(reason: &str, message: impl Into<String>) -> Self {
        Self {
            status: "Unknown",
            reason: reason.to_owned(),
            message: message.into(),
        }
    }

    fn of(rollout: &Rollout, waiting: &str) -> Self {
        match rollout {
            Rollout::Complete => Self::yes("Available", "all pods are up to date and available"),
            Rollout::Progressing(message) => Self::no(waiting, message),
            Rollout::Failed { reason, message } => Self::no(reason, message),
        }
    }

    fn is_no(&self) -> bool {
        self.status == "False"
    }
}

/// The status after a reconcile.
pub fn status(
    ud: &UltraDeployment,
    outcome: Result<&Converged, &Error>,
    children: &Children,
    now: Timestamp,
) -> UltraDeploymentStatus {
    let mut next = ud.status.clone().unwrap_or_default();
    next.observed_generation = ud.metadata.generation;
    let verdicts = match outcome {
        Ok(converged) => {
            let counts = counts(converged.objects.service.as_ref());
            (next.replicas, next.ready_replicas) = counts;
            next.version = Some(converged.ultra.image.version().to_owned());
            verdicts_of(converged, children)
        }
        Err(error) => verdicts_of_error(error),
    };
    let of_the_spec = [
        (ConditionType::Paused, paused(ud)),
        (ConditionType::MockInProduction, mock_in_production(ud)),
    ];
    for (kind, verdict) in verdicts.into_iter().chain(of_the_spec) {
        set(&mut next.conditions, kind, verdict, ud.metadata.generation, now);
    }
    next
}

fn verdicts_of(converged: &Converged, children: &Children) -> Vec<(ConditionType, Verdict)> {
    let database = database(converged, children);
    let cache = cache(converged, children);
    let service = service(converged, children);
    let available = available(converged.objects.service.as_ref());
    // A database that is missing explains why the service is, so it is named first.
    let missing = [&database, &cache, &service]
        .into_iter()
        .find(|verdict| verdict.is_no())
        .cloned();
    let (ready, reconciling) = match missing {
        None => (
            service,
            Verdict::no("Converged", "the cluster is as the spec asks"),
        ),
        Some(missing) => (
            missing.clone(),
            Verdict {
                status: "True",
                ..missing
            },
        ),
    };
    vec![
        (ConditionType::Ready, ready),
        (ConditionType::Reconciling, reconciling),
        (
            ConditionType::Stalled,
            Verdict::no("NotStalled", "nothing needs anyone's help"),
        ),
        (ConditionType::DatabaseReady, database),
        (ConditionType::CacheReady, cache),
        (ConditionType::Available, available),
    ]
}

/// What is known of the parts stays as it was, at the generation that it was known of.
fn verdicts_of_error(error: &Error) -> Vec<(ConditionType, Verdict)> {
    let (reason, message) = (error.reason(), error.to_string());
    let (stalled, reconciling) = if error.is_stalled() {
        (
            Verdict::yes(reason, &message),
            Verdict::no("Stalled", "waiting for a change"),
        )
    } else {
        (
            Verdict::no("NotStalled", "it is tried again"),
            Verdict::yes(reason, &message),
        )
    };
    vec![
        (ConditionType::Ready, Verdict::no(reason, &message)),
        (ConditionType::Reconciling, reconciling),
        (ConditionType::Stalled, stalled),
    ]
}

fn database(converged: &Converged, children: &Children) -> Verdict {
    match (&converged.ultra.database, converged.objects.postgres.as_ref()) {
        (Database::External(_), _) => elsewhere("database"),
        (Database::Builtin(_), Some(Some(postgres))) => {
            let rollout = rollout::stateful_set(postgres, children.pods_of(Component::Database));
            Verdict::of(&rollout, WAITS_FOR_DATABASE)
        }
        (Database::Builtin(_), _) => {
            Verdict::no(WAITS_FOR_DATABASE, "the database's StatefulSet does not exist")
        }
    }
}

fn cache(converged: &Converged, children: &Children) -> Verdict {
    match (&converged.ultra.cache, converged.objects.redis.as_ref()) {
        (Cache::External(_), _) => elsewhere("cache"),
        (Cache::Memory, _) => Verdict::yes("InMemory", "each pod caches for itself"),
        (Cache::Builtin(_), Some(Some(redis))) => {
            let rollout = rollout::deployment(redis, children.pods_of(Component::Cache));
            Verdict::of(&rollout, WAITS_FOR_CACHE)
        }
        (Cache::Builtin(_), _) => Verdict::no(WAITS_FOR_CACHE, "the cache's Deployment does not exist"),
    }
}

fn elsewhere(part: &str) -> Verdict {
    Verdict::unknown(
        "External",
        format!("the {part} is run elsewhere; the service's own health tells of it"),
    )
}

fn service(converged: &Converged, children: &Children) -> Verdict {
    match &converged.objects.service {
        Some(service) => {
            let rollout = rollout::deployment(service, children.pods_of(Component::Service));
            Verdict::of(&rollout, ROLLS_OUT)
        }
        None => Verdict::no(WAITS_FOR_PARTS, "the service waits for its database and cache"),
    }
}

fn available(service: Option<&Deployment>) -> Verdict {
    match counts(service) {
        (_, 0) => Verdict::no("NoReadyPod", "no pod of the service is ready"),
        (all, ready) => Verdict::yes(
            "Serving",
            format!("{ready} of {all} pods of the service are ready"),
        ),
    }
}

fn paused(ud: &UltraDeployment) -> Verdict {
    if ud.spec.paused {
        Verdict::yes(
            "Paused",
            "spec.paused is set: nothing is changed until it is taken away",
        )
    } else {
        Verdict::no("NotPaused", "changes are applied")
    }
}

/// Whoever runs production on the mock is told for as long as it lasts.
fn mock_in_production(ud: &UltraDeployment) -> Verdict {
    let profile = ud.spec.profile.unwrap_or_default();
    match (profile, ud.spec.mode) {
        (Profile::Production, Some(Mode::Mock)) => Verdict::yes(
            "MockMode",
            "spec.mode is mock: every answer comes from the built-in mock, and no LLM provider is asked",
        ),
        (Profile::Production, _) => Verdict::no("RealMode", "the panel asks LLM providers"),
        (Profile::Development | Profile::Testing, _) => {
            Verdict::no("NotProduction", format!("the profile is {profile}"))
        }
    }
}

/// How many pods the service has, and how many are ready.
fn counts(service: Option<&Deployment>) -> (i32, i32) {
    let status = service.and_then(|service| service.status.as_ref());
    let count = |number: Option<i32>| number.unwrap_or(0);
    status.map_or((0, 0), |status| {
        (count(status.replicas), count(status.ready_replicas))
    })
}

fn set(
    conditions: &mut Vec<Condition>,
    kind: ConditionType,
    verdict: Verdict,
    generation: Option<i64>,
    now: Timestamp,
) {
    let previous = conditions
        .iter()
        .position(|condition| condition.type_ == kind.as_str());
    let since = previous
        .map(|at| &conditions[at])
        .filter(|condition| condition.status == verdict.status)
        .map_or(Time(now), |condition| condition.last_transition_time.clone());
    let condition = Condition {
        type_: kind.as_str().to_owned(),
        status: verdict.status.to_owned(),
        reason: verdict.reason,
        message: verdict.message,
        observed_generation: generation,
        last_transition_time: since,
    };
    match previous {
        Some(at) => conditions[at] = condition,
        None => conditions.push(condition),
    }
}

/// Writes the status where it says something new. The version that was read goes along, so that a status computed from
/// an old one is refused and not written over a newer one.
pub async fn write(
    client: &Client,
    ud: &UltraDeployment,
    next: &UltraDeploymentStatus,
) -> Result<bool, Error> {
    if ud.status.as_ref() == Some(next) {
        return Ok(false);
    }
    let api: Api<UltraDeployment> = Api::namespaced(client.clone(), &ud.namespace().unwrap_or_default());
    let patch = json!({ "metadata": { "resourceVersion": ud.resource_version() }, "status": next });
    match api
        .patch_status(&ud.name_any(), &PatchParams::default(), &Patch::Merge(patch))
        .await
    {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.is_conflict() => Err(Error::Stale),
        // It was deleted meanwhile: there is nobody left to tell.
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(false),
        Err(error) => Err(error.into()),
    }
}
