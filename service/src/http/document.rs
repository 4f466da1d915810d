//! What the OpenAPI document says of all routes alike: names that are unique, and the answers that come from around the
//! handlers. So no handler has to say it, and none can forget it.

use utoipa::openapi::{
    ContentBuilder, OpenApi, Ref, RefOr, Response, ResponseBuilder, ServerBuilder,
    path::{Operation, ParameterIn},
};

use super::gate::operations;

/// What can become of any request.
const EVERYWHERE: [(&str, &str); 3] = [
    ("413", "The body is larger than this service allows."),
    ("500", "Something went wrong here."),
    ("504", "The answer did not begin in the time allowed."),
];

/// What can be wrong with a body.
const OF_BODIES: [(&str, &str); 3] = [
    ("400", "The request makes no sense."),
    ("415", "The body is not JSON, or does not say so."),
    ("422", "A field is wrong; `errors` says which."),
];

/// What can be wrong with a query.
const OF_QUERIES: [(&str, &str); 1] = [("400", "The query cannot be read.")];

/// What can be wrong with a name in a path.
const OF_PATHS: [(&str, &str); 2] = [
    ("400", "The path cannot be read."),
    ("404", "There is nothing of this name."),
];

/// The document, completed by what is true of all its routes.
pub(super) fn complete(mut document: OpenApi) -> OpenApi {
    let here = ServerBuilder::new().url("/").description(Some("This service."));
    document.servers = Some(vec![here.build()]);
    let paths = std::mem::take(&mut document.paths.paths);
    for (path, mut item) in paths {
        for operation in operations(&mut item) {
            name(&path, operation);
            add_answers(&path, operation);
        }
        // What takes slashes too is written so for the router alone.
        document.paths.paths.insert(path.replace("{*", "{"), item);
    }
    document
}

/// Handlers are named within their file, and operations within the document: `list` of `/api/v1/keys` is `keys_list`.
fn name(path: &str, operation: &mut Operation) {
    let Some(id) = &operation.operation_id else {
        return;
    };
    let resource = path.trim_start_matches("/api").trim_start_matches("/v1");
    let words: Vec<String> = resource
        .split('/')
        .filter(|part| !part.is_empty() && !part.starts_with('{'))
        .map(|part| part.trim_start_matches('.').replace(['-', '.'], "_"))
        .collect();
    let resource = words.join("_");
    if id.contains('_') {
        return;
    }
    operation.operation_id = Some(match resource.contains(id.as_str()) {
        true => resource,
        false => format!("{resource}_{id}"),
    });
}

fn add_answers(path: &str, operation: &mut Operation) {
    let has = |place: ParameterIn| {
        let mut parameters = operation.parameters.iter().flatten();
        parameters.any(|one| matches!(one, RefOr::T(parameter) if parameter.parameter_in == place))
    };
    let mut all = EVERYWHERE.to_vec();
    if operation.request_body.is_some() {
        all.extend(OF_BODIES);
    }
    if has(ParameterIn::Query) {
        all.extend(OF_QUERIES);
    }
    if has(ParameterIn::Path) {
        all.extend(OF_PATHS);
    }
    for (status, description) in all {
        answers(path, operation, status, description);
    }
}

/// Adds an error to what an operation can answer, where it does not say more of it itself.
pub(super) fn answers(path: &str, operation: &mut Operation, status: &str, description: &str) {
    operation
        .responses
        .responses
        .entry(status.to_owned())
        .or_insert_with(|| RefOr::T(error(path, description)));
}

/// An error in the shape that its path has.
fn error(path: &str, description: &str) -> Response {
    let (media_type, schema) = if path.starts_with("/v1/") {
        ("application/json", "ErrorBody")
    } else {
        ("application/problem+json", "ProblemBody")
    };
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(schema)))
        .build();
    ResponseBuilder::new()
        .description(description)
        .content(media_type, content)
        .build()
}
