//! ServiceAccounts.

use super::metadata::{metadata, sealed};
use crate::{names::Component, validate::Validated};
use k8s_openapi::api::core::v1::ServiceAccount;

/// The identity of all pods. Nothing is granted to it, and no token is mounted.
pub(super) fn service_account(ultra: &Validated) -> ServiceAccount {
    sealed(ServiceAccount {
        metadata: metadata(
            ultra,
            ultra.name.clone(),
            Component::Service,
            ultra.image.version(),
        ),
        automount_service_account_token: Some(false),
        ..Default::default()
    })
}
