mod words;

use std::{fmt, marker::PhantomData, time::Duration};

use axum::{
    body::Bytes,
    extract::{FromRequest, Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use futures::StreamExt as _;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor, value::MapAccessDeserializer},
};
use serde_path_to_error::{Path, Segment};

use super::{Api, Problem};
use words::words;

/// The longest that a field's name is shown: no field of ours is longer, but secrets are.
const MAX_NAME_BYTES: usize = 32;

/// How long a client that sends too much is still listened to, once it has its answer.
const LINGER: Duration = Duration::from_secs(1);

/// A JSON body. What is wrong with it becomes a problem that names the field.
#[derive(Debug)]
pub(super) struct JsonBody<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let JsonBytes(bytes) = JsonBytes::from_request(request, state).await?;
        parse(&bytes).map(Self)
    }
}

/// A body that says that it is JSON, and that nobody has read yet.
#[derive(Debug)]
pub(super) struct JsonBytes(pub(super) Bytes);

impl<S: Send + Sync> FromRequest<S> for JsonBytes {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        if !is_json(&request) {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                "The body must be JSON, and say so: content-type: application/json.",
            ));
        }
        bytes(request).await.map(Self)
    }
}

/// The whole body, within its bound.
pub(super) async fn bytes(request: Request) -> Result<Bytes, Problem> {
    Bytes::from_request(request, &())
        .await
        .map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => too_large(),
            _ => Problem::bad_request("unreadable", "The body could not be read."),
        })
}

/// Refuses a body that says itself that it is too large, before any of it is read.
pub(super) async fn refuse_too_large(State(api): State<Api>, request: Request, next: Next) -> Response {
    let length = request.headers().get(header::CONTENT_LENGTH);
    // What is no number, or too large a one, hyper has refused already.
    let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if length.is_none_or(|length| length <= api.max_body_bytes as u64) {
        return next.run(request).await;
    }
    // A connection that is closed on what is still coming in may lose the answer on its way: most clients stop when
    // they have read it, and until then they are listened to.
    let mut rest = request.into_body().into_data_stream();
    tokio::spawn(tokio::time::timeout(LINGER, async move {
        while let Some(Ok(_)) = rest.next().await {}
    }));
    (
        [(header::CONNECTION, HeaderValue::from_static("close"))],
        too_large(),
    )
        .into_response()
}

fn too_large() -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "too-large",
        "The body is larger than this service allows.",
    )
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

/// Whether it is an object, if it is JSON at all.
pub(super) fn is_object(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().first() == Some(&b'{')
}

/// Reads a body. What is wrong with it becomes a problem that names the field.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // serde would fill a struct from a list too, by position: an object is what was documented.
    if !is_object(bytes) {
        return Err(match serde_json::from_slice::<IgnoredAny>(bytes) {
            Ok(_) => misfit("", "the type is wrong; expected an object".to_owned()),
            Err(error) => malformed(&error),
        });
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        if error.inner().is_data() {
            misfit(&pointer(error.path()), words(error.inner()))
        } else {
            malformed(error.inner())
        }
    })?;
    json.end().map_err(|error| malformed(&error))?;
    Ok(value)
}

/// For a field that is an object, and nothing else: serde would fill a struct from a list too, by position.
pub(super) fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_map(Object(PhantomData))
}

/// The same for one that may be absent or null.
pub(super) fn optional_object<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_option(Optional(Object(PhantomData)))
}

struct Object<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}

struct Optional<T>(Object<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Optional<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    fn visit_unit<E>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_none<E>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<T>, D::Error> {
        deserializer.deserialize_map(self.0).map(Some)
    }

    // What was buffered on its way, as by a struct with a flattened field, comes without the word that it is there.
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Option<T>, A::Error> {
        self.0.visit_map(map).map(Some)
    }
}

/// JSON of another shape than was documented, at this place of it.
pub(super) fn misfit(pointer: &str, detail: String) -> Problem {
    unfit(&detail).at(pointer, detail)
}

/// The same, in these words.
pub(super) fn unfit(what: &str) -> Problem {
    let summary = format!("The body does not fit: {what}.");
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "validation", summary)
}

fn malformed(error: &serde_json::Error) -> Problem {
    Problem::bad_request("malformed-json", format!("The body is no JSON: {error}."))
}

/// RFC 6901. It ends before a name that cannot be a field's: that might be a value in the wrong place.
fn pointer(path: &Path) -> String {
    path.iter()
        .map_while(|segment| match segment {
            Segment::Seq { index } => Some(format!("/{index}")),
            Segment::Map { key } => is_name(key).then(|| format!("/{key}")),
            Segment::Enum { .. } | Segment::Unknown => Some(String::new()),
        })
        .collect()
}

fn is_name(key: &str) -> bool {
    key.len() <= MAX_NAME_BYTES
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

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

    #[test]
    fn only_an_object_is_read() {
        for body in ["[[1]]", " \n[[1]]", "null", "7", "\"items\"", "[]"] {
            let problem = parse::<Shape>(body.as_bytes()).unwrap_err().to_value("id");
            assert_eq!(problem["status"], 422, "{body}: {problem}");
            assert_eq!(problem["errors"][0]["pointer"], "", "{body}");
        }
        parse::<Shape>(b" \r\n\t{\"items\": [1]} ").unwrap();
    }

    #[derive(Debug, Deserialize)]
    struct Nested {
        #[expect(dead_code, reason = "only its parsing is tested")]
        #[serde(deserialize_with = "object")]
        inner: Shape,
        #[serde(default, deserialize_with = "optional_object")]
        perhaps: Option<Shape>,
        #[expect(dead_code, reason = "it makes serde keep the rest back and read it later")]
        #[serde(flatten)]
        rest: BTreeMap<String, serde_json::Value>,
    }

    #[test]
    fn an_object_in_an_object_is_no_list_either() {
        let shape = r#"{"items": [1]}"#;
        for (perhaps, there) in [
            ("", false),
            (r#", "perhaps": null"#, false),
            (r#", "perhaps": {"items": [1]}"#, true),
        ] {
            let nested = parse::<Nested>(format!("{{\"inner\": {shape}{perhaps}}}").as_bytes()).unwrap();
            assert_eq!(nested.perhaps.is_some(), there);
        }
        for body in [
            r#"{"inner": [[1]]}"#.to_owned(),
            format!("{{\"inner\": {shape}, \"perhaps\": [[1]]}}"),
            r#"{"inner": null}"#.to_owned(),
        ] {
            let problem = parse::<Nested>(body.as_bytes()).unwrap_err().to_value("id");
            assert_eq!(problem["status"], 422, "{body}");
            assert!(
                problem["detail"].as_str().unwrap().contains("expected an object"),
                "{problem}"
            );
        }
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Named {
        #[expect(dead_code, reason = "only its parsing is tested")]
        items: Option<BTreeMap<String, u8>>,
    }

    #[test]
    fn neither_a_value_nor_a_name_that_may_be_one_comes_back() {
        for (body, pointer) in [
            (r#"{"item": 1}"#, "/item"),
            (r#"{"correct horse battery staple": 1}"#, ""),
            (
                r#"{"items": {"uk_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa": "x"}}"#,
                "/items",
            ),
            (r#"{"items": {"a/b": "correct horse battery staple"}}"#, "/items"),
        ] {
            let problem = parse::<Named>(body.as_bytes()).unwrap_err().to_value("id");
            assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
            let problem = problem.to_string();
            assert!(
                !problem.contains("horse") && !problem.contains("aaaa"),
                "{problem}"
            );
        }
    }
}
