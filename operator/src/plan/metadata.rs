//! What every object carries: name, labels, owner, and the fingerprint of the plan that it came from.

use super::checksum::fingerprint;
use crate::{
    crd::DeletionPolicy,
    names::{self, Component},
    validate::Validated,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Resource, ResourceExt};
use serde::Serialize;

/// Holds the fingerprint of the plan that an object came from: fields that a new plan no longer names show as a
/// difference, and an object that differs under an equal fingerprint was changed by someone else.
pub const PLAN_ANNOTATION: &str = "ultra.dev/plan";

/// The metadata of a child.
pub(super) fn metadata(ultra: &Validated, name: String, component: Component, version: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name),
        namespace: Some(ultra.namespace.clone()),
        labels: Some(names::labels(&ultra.name, component, version)),
        owner_references: Some(vec![ultra.owner.clone()]),
        ..Default::default()
    }
}

/// The metadata of a child that goes with the resource, or that outlives it and has no owner.
pub(super) fn owned(ultra: &Validated, policy: DeletionPolicy, metadata: ObjectMeta) -> ObjectMeta {
    let others = metadata.owner_references.into_iter().flatten();
    let others = others.filter(|owner| owner.uid != ultra.owner.uid);
    let own = match policy {
        DeletionPolicy::Delete => Some(ultra.owner.clone()),
        DeletionPolicy::Retain => None,
    };
    let owners: Vec<_> = others.chain(own).collect();
    ObjectMeta {
        owner_references: (!owners.is_empty()).then_some(owners),
        ..metadata
    }
}

/// Adds the fingerprint, once the object is whole.
pub(super) fn sealed<K: Resource + Serialize>(mut object: K) -> K {
    let fingerprint = fingerprint(&object);
    object
        .annotations_mut()
        .insert(PLAN_ANNOTATION.to_owned(), fingerprint);
    object
}
