//! Events, on transitions only: what `kubectl describe ud` shows of how it came to be.

use crate::{
    apply::Change,
    crd::{ConditionType, UltraDeployment, UltraDeploymentStatus},
    error::Error,
    status::{ROLLS_OUT, WAITS_FOR_CACHE, WAITS_FOR_DATABASE, WAITS_FOR_PARTS},
};
use kube::{
    Resource,
    runtime::events::{Event, EventType, Recorder},
};

/// Reasons for which a resource is not ready while all is well.
const ORDINARY_WAITS: &[&str] = &[WAITS_FOR_DATABASE, WAITS_FOR_CACHE, WAITS_FOR_PARTS, ROLLS_OUT];
/// Kubernetes keeps 1 kB of a note.
const NOTE_BYTES: usize = 1000;

/// Tells of what a reconcile has changed.
pub async fn publish(
    recorder: &Recorder,
    ud: &UltraDeployment,
    changes: &[Change],
    next: &UltraDeploymentStatus,
) -> Result<(), Error> {
    let reference = ud.object_ref(&());
    for event in changes_of(ud, changes).chain(transition(ud.status.as_ref(), next)) {
        recorder.publish(&event, &reference).await?;
    }
    Ok(())
}

/// A child that is made on the way to a new generation is no news; one that is made at rest was deleted by someone.
fn changes_of<'a>(ud: &'a UltraDeployment, changes: &'a [Change]) -> impl Iterator<Item = Event> + 'a {
    let at_rest = ud.status.as_ref().is_some_and(|status| {
        status.observed_generation == ud.metadata.generation && is(status, ConditionType::Ready, "True")
    });
    changes.iter().filter_map(move |change| match change {
        Change::Restored(child) => Some(event(
            EventType::Warning,
            "Restored",
            format!("{child} was changed by hand and is put back"),
        )),
        Change::Created(child) if at_rest => Some(event(
            EventType::Warning,
            "Recreated",
            format!("{child} was missing and is made again"),
        )),
        Change::Created(_) => None,
        Change::Pruned(child) => Some(event(
            EventType::Normal,
            "Pruned",
            format!("{child} is not needed any more and is deleted"),
        )),
    })
}

fn transition(previous: Option<&UltraDeploymentStatus>, next: &UltraDeploymentStatus) -> Option<Event> {
    let ready = next.condition(ConditionType::Ready)?;
    let before = previous.and_then(|status| status.condition(ConditionType::Ready));
    let is_news = before.is_none_or(|before| before.status != ready.status || before.reason != ready.reason);
    let (severity, reason) = match ready.status.as_str() {
        "True" => (EventType::Normal, "Ready"),
        _ if ORDINARY_WAITS.contains(&ready.reason.as_str()) => (EventType::Normal, ready.reason.as_str()),
        _ => (EventType::Warning, ready.reason.as_str()),
    };
    is_news.then(|| event(severity, reason, ready.message.clone()))
}

fn is(status: &UltraDeploymentStatus, kind: ConditionType, value: &str) -> bool {
    status
        .condition(kind)
        .is_some_and(|condition| condition.status == value)
}

fn event(severity: EventType, reason: &str, mut note: String) -> Event {
    note.truncate(note.floor_char_boundary(NOTE_BYTES));
    Event {
        type_: severity,
        reason: reason.to_owned(),
        note: Some(note),
        action: "Reconcile".to_owned(),
        secondary: None,
    }
}
