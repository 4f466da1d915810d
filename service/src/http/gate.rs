//! Whether a group of routes is public, or what it needs; and what its documentation says of that.

use utoipa::openapi::{
    OpenApi, PathItem,
    path::Operation,
    security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
};
use utoipa_axum::router::OpenApiRouter;

use super::{Api, document};
use crate::auth::Access;

const SCHEME: &str = "bearer";

/// What a group of routes asks of its callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    /// Nothing.
    Public,
    /// A principal with this access.
    Needs(Access),
}

impl Gate {
    /// The same routes, with the gate in their documentation.
    pub(super) fn document(self, mut routes: OpenApiRouter<Api>) -> (Self, OpenApiRouter<Api>) {
        for (path, item) in &mut routes.get_openapi_mut().paths.paths {
            for operation in operations(item) {
                self.mark(path, operation);
            }
        }
        (self, routes)
    }

    fn mark(self, path: &str, operation: &mut Operation) {
        let Self::Needs(access) = self else {
            operation.security = Some(Vec::new());
            return;
        };
        operation.security = Some(vec![SecurityRequirement::new(SCHEME, scopes(access))]);
        for (status, description) in [
            ("401", "There is no valid credential."),
            ("403", "The credential does not reach so far."),
            ("429", "A limit is reached; `Retry-After` says until when."),
            (
                "503",
                "It cannot be told who asks; `Retry-After` says when to ask again.",
            ),
        ] {
            document::answers(path, operation, status, description);
        }
    }

    /// The whole document, with the scheme that the gates name.
    pub(super) fn describe(mut document: OpenApi) -> OpenApi {
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(
                "An API key (`uk_…`), or an access token from `/api/v1/auth/login`. Where `ULTRA_AUTH_ANONYMOUS` is \
                 true, as in development, using the service needs neither.",
            ))
            .build();
        document
            .components
            .get_or_insert_default()
            .add_security_scheme(SCHEME, SecurityScheme::Http(bearer));
        document
    }
}

/// What a key needs for it; nothing where keys are of no use.
fn scopes(access: Access) -> Vec<String> {
    match access {
        Access::Scope(scope) => vec![scope.to_string()],
        Access::Account => Vec::new(),
        Access::Admin => vec!["admin".to_owned()],
    }
}

/// All operations of a path.
pub(super) fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem {
        get,
        put,
        post,
        delete,
        patch,
        ..
    } = item;
    [get, put, post, delete, patch].into_iter().flatten()
}
