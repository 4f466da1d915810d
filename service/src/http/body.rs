use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::{StatusCode, header},
};
use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};

use super::Problem;

/// A JSON body. What is wrong with it becomes a problem that names the field.
#[derive(Debug)]
pub(super) struct JsonBody<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(&request) {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                "The body must be JSON, and say so: content-type: application/json.",
            ));
        }
        let bytes =
            Bytes::from_request(request, state)
                .await
                .map_err(|rejection| match rejection.status() {
                    StatusCode::PAYLOAD_TOO_LARGE => Problem::new(
                        StatusCode::PAYLOAD_TOO_LARGE,
                        "too-large",
                        "The body is larger than this service allows.",
                    ),
                    _ => Problem::bad_request("unreadable", "The body could not be read."),
                })?;
        parse(&bytes).map(Self)
    }
}

fn is_json(request: &Request) -> bool {
    let content_type = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = content_type
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .trim();
    essence.eq_ignore_ascii_case("application/json") || essence.to_ascii_lowercase().ends_with("+json")
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let detail = error.inner().to_string();
        if error.inner().is_data() {
            let summary = format!("The body does not fit: {detail}.");
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "validation", summary)
                .at(&pointer(error.path()), detail)
        } else {
            malformed(&detail)
        }
    })?;
    json.end().map_err(|error| malformed(&error.to_string()))?;
    Ok(value)
}

fn malformed(detail: &str) -> Problem {
    Problem::bad_request("malformed-json", format!("The body is no JSON: {detail}."))
}

/// RFC 6901.
fn pointer(path: &Path) -> String {
    path.iter()
        .filter_map(|segment| match segment {
            Segment::Seq { index } => Some(format!("/{index}")),
            Segment::Map { key } => Some(format!("/{}", key.replace('~', "~0").replace('/', "~1"))),
            Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Shape {
        #[expect(dead_code, reason = "only its parsing is tested")]
        items: Vec<u8>,
    }

    #[test]
    fn the_field_that_is_wrong_is_named() {
        let problem = parse::<Shape>(br#"{"items": [1, "two"]}"#)
            .unwrap_err()
            .to_value("id");
        assert_eq!(
            (&problem["status"], &problem["errors"][0]["pointer"]),
            (&422.into(), &"/items/1".into())
        );
    }

    #[test]
    fn what_is_no_json_is_told_apart_from_json_that_does_not_fit() {
        for body in [&b""[..], b"{", b"{\"items\": []} trailing", b"\xff"] {
            assert_eq!(
                parse::<Shape>(body).unwrap_err().to_value("id")["status"],
                400,
                "{body:?}"
            );
        }
        assert_eq!(parse::<Shape>(b"[]").unwrap_err().to_value("id")["status"], 422);
    }
}
