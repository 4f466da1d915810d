//! Applies manifests, as `kubectl apply --server-side` does.

use std::time::Duration;

use kube::{
    Api, Client,
    api::{DynamicObject, GroupVersionKind, Patch, PatchParams},
    discovery::{self, Scope},
};
use serde::Deserialize;

use crate::{Error, cluster::wait::wait_for};

/// Who owns the applied fields.
const FIELD_MANAGER: &str = "ultra-testenv";

/// The kinds of a CustomResourceDefinition that was just applied are there a moment later.
const KIND_DEADLINE: Duration = Duration::from_secs(10);

/// Applies every object of a manifest, in its order.
pub(super) async fn apply(client: &Client, manifest: &str) -> Result<(), Error> {
    for object in objects(manifest)? {
        apply_object(client, &object).await?;
    }
    Ok(())
}

fn objects(manifest: &str) -> Result<Vec<DynamicObject>, Error> {
    serde_yaml::Deserializer::from_str(manifest)
        .map(Option::<DynamicObject>::deserialize)
        // Between two separators may be nothing but a comment.
        .filter_map(Result::transpose)
        .collect::<Result<_, _>>()
        .map_err(|error| Error::io("read a manifest", std::io::Error::other(error)))
}

async fn apply_object(client: &Client, object: &DynamicObject) -> Result<(), Error> {
    let unnamed = || Error::Refused(String::from("a manifest has an object without kind or name"));
    let types = object.types.as_ref().ok_or_else(unnamed)?;
    let name = object.metadata.name.as_deref().ok_or_else(unnamed)?;
    let kind = GroupVersionKind::try_from(types)
        .map_err(|error| Error::io("read a manifest", std::io::Error::other(error)))?;
    let doing = format!("apply {} {name}", types.kind);
    let (resource, capabilities) = wait_for(
        &format!("the API server knows {}", types.kind),
        KIND_DEADLINE,
        async || discovery::pinned_kind(client, &kind).await,
    )
    .await?;
    let namespace = object.metadata.namespace.as_deref().unwrap_or("default");
    let api: Api<DynamicObject> = match capabilities.scope {
        Scope::Cluster => Api::all_with(client.clone(), &resource),
        Scope::Namespaced => Api::namespaced_with(client.clone(), namespace, &resource),
    };
    let parameters = PatchParams::apply(FIELD_MANAGER).force();
    api.patch(name, &parameters, &Patch::Apply(object))
        .await
        .map(drop)
        .map_err(Error::kubernetes(&doing))
}
