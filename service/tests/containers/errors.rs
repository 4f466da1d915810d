use std::time::Duration;

use reqwest::{Method, Response};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::harness::{QUESTION, Service};

const JSON: &str = "application/json";

/// Method, path, content type, body; status, the end of `type`, the pointer of the first field error.
type Case = (
    Method,
    &'static str,
    &'static str,
    String,
    u16,
    &'static str,
    Option<&'static str>,
);

fn cases() -> Vec<Case> {
    let post = |body: &str, status, kind, pointer| {
        (
            Method::POST,
            "/api/v1/analyses",
            JSON,
            body.to_owned(),
            status,
            kind,
            pointer,
        )
    };
    vec![
        (Method::GET, "/nowhere", "", String::new(), 404, "not-found", None),
        (
            Method::GET,
            "/api/v1/analyses/no-id",
            "",
            String::new(),
            404,
            "not-found",
            None,
        ),
        (
            Method::GET,
            "/api/v1/analyses/01936b2e-7c1a-7cc3-9d5b-0f3a5c1e8a42",
            "",
            String::new(),
            404,
            "not-found",
            None,
        ),
        (
            Method::GET,
            "/api/v1/analyses?limit=0",
            "",
            String::new(),
            400,
            "malformed-query",
            None,
        ),
        (
            Method::GET,
            "/api/v1/analyses?limit=201",
            "",
            String::new(),
            400,
            "malformed-query",
            None,
        ),
        (
            Method::DELETE,
            "/api/v1/analyses",
            "",
            String::new(),
            405,
            "method-not-allowed",
            None,
        ),
        (
            Method::POST,
            "/health",
            "",
            String::new(),
            405,
            "method-not-allowed",
            None,
        ),
        (
            Method::POST,
            "/api/v1/analyses",
            "text/plain",
            "{}".to_owned(),
            415,
            "unsupported-media-type",
            None,
        ),
        post(
            &format!(r#"{{"prompt": "{}"}}"#, "a".repeat(2_000_000)),
            413,
            "too-large",
            None,
        ),
        post("{", 400, "malformed-json", None),
        post("", 400, "malformed-json", None),
        post("\u{0}", 400, "malformed-json", None),
        post("[]", 422, "validation", Some("")),
        post("{}", 422, "validation", Some("")),
        post(r#"["a question"]"#, 422, "validation", Some("")),
        post(r#"{"prompt": 7}"#, 422, "validation", Some("/prompt")),
        post(r#"{"prompt": " "}"#, 422, "validation", Some("/prompt")),
        post(
            r#"{"prompt": "a", "option": {}}"#,
            422,
            "validation",
            Some("/option"),
        ),
        post(
            r#"{"prompt": "a", "options": {"cache": "no"}}"#,
            422,
            "validation",
            Some("/options/cache"),
        ),
        post(
            &format!(r#"{{"prompt": "{}"}}"#, "a".repeat(140_000)),
            422,
            "validation",
            Some("/prompt"),
        ),
    ]
}

#[tokio::test]
async fn every_error_is_a_problem_that_says_what_is_wrong() {
    let service = Service::alone().await;
    for (method, path, content_type, body, status, kind, pointer) in cases() {
        let label = format!("{method} {path} {:.60}", body);
        let mut request = service
            .client
            .request(method, format!("{}{path}", service.url))
            .body(body);
        if !content_type.is_empty() {
            request = request.header("content-type", content_type);
        }
        let response = request.header("x-request-id", "my-request").send().await.unwrap();
        let problem = problem(response, status, &label).await;
        assert_eq!(
            problem["type"],
            format!("https://ultra.dev/problems/{kind}"),
            "{label}: {problem}"
        );
        assert_eq!(problem["request_id"], "my-request", "{label}");
        assert!(
            problem["detail"].as_str().is_some_and(|detail| detail.len() > 10),
            "{label}: {problem}"
        );
        if let Some(pointer) = pointer {
            assert_eq!(problem["errors"][0]["pointer"], pointer, "{label}: {problem}");
        }
    }
}

#[tokio::test]
async fn a_body_that_says_that_it_is_too_large_is_refused_before_it_is_sent() {
    let service = Service::alone().await;
    let mut stream = TcpStream::connect(service.url.trim_start_matches("http://"))
        .await
        .unwrap();
    let header = format!(
        "POST /api/v1/analyses HTTP/1.1\r\nhost: x\r\ncontent-type: {JSON}\r\ncontent-length: 10000000000\r\n\r\n{{"
    );
    stream.write_all(header.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let reading = stream.read_to_end(&mut answer);
    let _ = tokio::time::timeout(Duration::from_secs(10), reading)
        .await
        .expect("the body is waited for");
    let answer = String::from_utf8_lossy(&answer);
    assert!(
        answer.starts_with("HTTP/1.1 413 ") && answer.contains("/problems/too-large"),
        "{answer}"
    );
}

async fn problem(response: Response, status: u16, label: &str) -> Value {
    assert_eq!(response.status(), status, "{label}");
    assert_eq!(
        response.headers()["content-type"],
        "application/problem+json",
        "{label}"
    );
    assert_eq!(response.headers()["x-request-id"], "my-request", "{label}");
    if status == 405 {
        assert!(response.headers().contains_key("allow"), "{label}");
    }
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["status"], status, "{label}");
    problem
}

#[tokio::test]
async fn a_request_id_is_made_where_none_or_no_sane_one_is_given() {
    let service = Service::alone().await;
    let long = "a".repeat(129);
    for given in [None, Some("two words"), Some("a\"b"), Some(long.as_str())] {
        let mut request = service.get("/health/live");
        if let Some(given) = given {
            request = request.header("x-request-id", given);
        }
        let id = request.send().await.unwrap().headers()["x-request-id"]
            .to_str()
            .unwrap()
            .to_owned();
        assert_eq!(id.len(), 36, "{given:?} became {id}");
    }
}

#[tokio::test]
async fn an_answer_that_does_not_begin_in_time_is_a_504() {
    let panel = "panel: {models: [mock/stalled, mock/analyst], deadline: 100ms}";
    let service = Service::start(&[("ULTRA_HTTP_REQUEST_TIMEOUT", "150ms")], Some(panel)).await;
    let body = json!({"model": "mock/stalled", "messages": [{"role": "user", "content": QUESTION}]});
    let response = service.post("/v1/chat/completions", &body).send().await.unwrap();
    assert_eq!(response.status(), 504);
    let error: Value = response.json().await.unwrap();
    assert_eq!(error["error"]["code"], "timeout");
}
