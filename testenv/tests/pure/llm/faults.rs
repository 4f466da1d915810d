use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use eventsource_stream::Eventsource as _;
use futures::StreamExt as _;
use serde_json::{Value, json};
use ultra_testenv::{Llm, llm::Fault};

use super::client::{Format, events, json_of};

async fn failing(fault: Fault) -> Llm {
    Llm::scripted().always_fail(fault).start().await.unwrap()
}

#[tokio::test]
async fn a_rate_limit_comes_first_and_the_answer_after_it() {
    let kind = |format, body: &Value| match format {
        Format::OpenAi => body["error"]["code"].clone(),
        Format::Anthropic => body["error"]["type"].clone(),
        Format::Gemini => body["error"]["status"].clone(),
    };
    let kinds = ["rate_limit_exceeded", "rate_limit_error", "RESOURCE_EXHAUSTED"];
    for (format, expected) in Format::ALL.into_iter().zip(kinds) {
        let llm = Llm::scripted()
            .fail(Fault::status(429).retry_after(2))
            .start()
            .await
            .unwrap();
        let refused = format.send(&llm, true).await;
        assert_eq!(refused.status(), 429);
        let header = refused.headers().get("retry-after").cloned();
        let body: Value = refused.json().await.unwrap();
        assert_eq!(kind(format, &body), expected);
        if format == Format::Gemini {
            assert_eq!(body["error"]["details"][0]["retryDelay"], "2s");
        } else {
            assert_eq!(header.unwrap(), "2");
        }
        assert_eq!(format.send(&llm, false).await.status(), 200);
    }
}

#[tokio::test]
async fn each_provider_says_overloaded_in_its_own_words() {
    let llm = failing(Fault::status(529)).await;
    let body: Value = Format::Anthropic.send(&llm, false).await.json().await.unwrap();
    assert_eq!(body["error"]["type"], "overloaded_error");
    let llm = failing(Fault::status(503)).await;
    let body: Value = Format::Gemini.send(&llm, false).await.json().await.unwrap();
    assert_eq!(body["error"]["status"], "UNAVAILABLE");
    let body: Value = Format::OpenAi.send(&llm, false).await.json().await.unwrap();
    assert_eq!(body["error"]["type"], "server_error");
}

#[tokio::test]
async fn an_error_mid_stream_is_an_event_after_some_of_the_text() {
    let llm = failing(Fault::StreamError { status: 503 }).await;
    for format in Format::ALL {
        let events = events(format.send(&llm, true).await).await;
        let (error, before) = events.split_last().unwrap();
        assert!(before.iter().all(|event| json_of(event).get("error").is_none()));
        assert!(json_of(error)["error"]["message"].is_string(), "{error:?}");
        assert_eq!(
            error.event,
            if format == Format::Anthropic {
                "error"
            } else {
                "message"
            }
        );
        assert_eq!(format.send(&llm, false).await.status(), 503);
    }
}

/// What a raw connection gets to read, and how it ended.
fn raw(llm: &Llm, stream: bool) -> (String, Option<ErrorKind>) {
    let body = json!({ "model": "m", "stream": stream, "messages": [{ "role": "user", "content": "why?" }] })
        .to_string();
    let address = llm.openai_base_url().replace("http://", "").replace("/v1", "");
    let mut connection = TcpStream::connect(&address).unwrap();
    connection
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    write!(
        connection,
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer k\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut received = Vec::new();
    let end = connection
        .read_to_end(&mut received)
        .err()
        .map(|error| error.kind());
    (String::from_utf8(received).unwrap(), end)
}

#[tokio::test]
async fn a_reset_arrives_as_a_reset_after_half_of_the_body() {
    let llm = failing(Fault::Reset).await;
    for stream in [true, false] {
        let (received, end) = raw(&llm, stream);
        assert_eq!(end, Some(ErrorKind::ConnectionReset), "{received}");
        assert!(
            received.contains("\"m\"") && !received.contains("total_tokens"),
            "{received}"
        );
    }
}

#[tokio::test]
async fn a_truncated_answer_ends_in_the_open() {
    let llm = failing(Fault::Truncate).await;
    for stream in [true, false] {
        let (received, end) = raw(&llm, stream);
        assert_eq!(end, None);
        assert!(
            received.contains("200 OK") && !received.ends_with("0\r\n\r\n"),
            "{received}"
        );
        let error = Format::OpenAi.send(&llm, stream).await.bytes().await.unwrap_err();
        assert!(error.is_body() || error.is_decode(), "{error:?}");
    }
}

#[tokio::test]
async fn a_stall_keeps_the_connection_open_after_half_of_the_body() {
    let llm = failing(Fault::Stall).await;
    for format in Format::ALL {
        for stream in [true, false] {
            let request = format
                .request(&llm, "m", stream)
                .timeout(Duration::from_millis(50));
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), 200);
            let error = response.bytes().await.unwrap_err();
            assert!(error.is_timeout(), "{error:?}");
        }
    }
}

#[tokio::test]
async fn a_slow_answer_is_late_and_right() {
    let llm = Llm::scripted()
        .fail(Fault::Slow(Duration::from_millis(50)))
        .start()
        .await
        .unwrap();
    let start = Instant::now();
    let answer: Value = Format::OpenAi.send(&llm, false).await.json().await.unwrap();
    assert!(start.elapsed() >= Duration::from_millis(50));
    assert!(Format::OpenAi.text(&answer).starts_with("m answers"));
}

#[tokio::test]
async fn malformed_json_comes_whole_with_status_200() {
    let llm = failing(Fault::MalformedJson).await;
    for format in Format::ALL {
        let response = format.send(&llm, false).await;
        assert_eq!(response.headers()["content-type"], "application/json");
        let body = response.bytes().await.unwrap();
        assert!(serde_json::from_slice::<Value>(&body).unwrap_err().is_eof());

        let events = events(format.send(&llm, true).await).await;
        let (malformed, before) = events.split_last().unwrap();
        before.iter().for_each(|event| drop(json_of(event)));
        assert!(
            serde_json::from_str::<Value>(&malformed.data)
                .unwrap_err()
                .is_eof()
        );
    }
}

#[tokio::test]
async fn malformed_events_make_a_strict_parser_fail() {
    let llm = failing(Fault::MalformedSse).await;
    for format in Format::ALL {
        let response = format.send(&llm, true).await;
        let events: Vec<_> = response.bytes_stream().eventsource().collect().await;
        let (bad, good) = events.split_last().unwrap();
        assert!(bad.is_err() && good.iter().all(Result::is_ok), "{events:?}");
    }
}

#[tokio::test]
async fn a_page_of_html_comes_with_status_200() {
    let llm = failing(Fault::WrongContentType).await;
    for stream in [true, false] {
        let response = Format::Anthropic.send(&llm, stream).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
        assert!(response.text().await.unwrap().starts_with("<!doctype html>"));
    }
}

#[tokio::test]
async fn an_oversized_answer_is_valid_and_huge() {
    let bytes = 1 << 20;
    let llm = failing(Fault::Oversized(bytes)).await;
    for format in Format::ALL {
        let answer: Value = format.send(&llm, false).await.json().await.unwrap();
        assert_eq!(format.text(&answer).len(), bytes);
        let stream = format.send(&llm, true).await.text().await.unwrap();
        let huge = stream
            .lines()
            .find(|line| line.len() > bytes)
            .expect("no huge line");
        let data: Value = serde_json::from_str(huge.strip_prefix("data: ").unwrap()).unwrap();
        assert!(data.is_object());
    }
}

#[tokio::test]
async fn silence_is_without_headers_and_a_silent_body_is_all_headers() {
    let deadline = Duration::from_millis(50);
    for format in Format::ALL {
        for stream in [true, false] {
            let llm = failing(Fault::Silence).await;
            let request = format.request(&llm, "m", stream).timeout(deadline);
            assert!(request.send().await.unwrap_err().is_timeout());

            llm.set_script(Llm::scripted().always_fail(Fault::SilentBody));
            let request = format.request(&llm, "m", stream).timeout(Duration::from_secs(1));
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), 200);
            assert!(response.bytes().await.unwrap_err().is_timeout());
        }
    }
}

#[tokio::test]
async fn a_proxy_without_its_provider_sends_a_page() {
    let llm = failing(Fault::Page { status: 502 }).await;
    for format in Format::ALL {
        let response = format.send(&llm, true).await;
        assert_eq!(response.status(), 502);
        assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
    }
}
