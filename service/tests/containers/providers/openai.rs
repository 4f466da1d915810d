use std::time::Duration;

use serde_json::{Value, json};
use ultra_testenv::llm::{Fault, Llm};

use super::{Behind, user};
use crate::harness::{QUESTION, json_of, until};

#[tokio::test]
async fn a_request_goes_on_and_its_answer_comes_back_as_they_are() {
    let behind = Behind::of("openai", Llm::scripted().always_answer("Yes."), "").await;
    let body =
        json!({"model": "openai/gpt-x", "messages": user(QUESTION), "logit_bias": {"5": 1}, "odd": [1, 2]});
    let (status, answer) = behind.complete(body.clone()).await;
    assert_eq!(
        (status, &answer["choices"][0]["message"]["content"]),
        (200, &json!("Yes."))
    );
    assert_eq!(answer["model"], "gpt-x", "the provider's own answer");
    let requests = behind.llm.requests();
    let [seen] = &requests[..] else {
        panic!("{requests:?}")
    };
    let mut expected = body;
    expected["model"] = json!("gpt-x");
    let mut sent = seen.body.clone();
    // A caller with a quota gets a bound, because that much of it is set aside.
    let bound = sent.as_object_mut().unwrap().remove("max_completion_tokens");
    assert!(bound.is_none_or(|bound| bound.is_u64()));
    assert_eq!(sent, expected);
}

#[tokio::test]
async fn a_stream_comes_back_event_for_event_and_tells_the_tokens_only_to_who_asks() {
    let behind = Behind::of("openai", Llm::scripted().always_answer("Yes, they should."), "").await;
    let mut body = json!({"model": "openai/gpt-x", "messages": user(QUESTION)});
    let silent = behind.stream(body.clone()).await;
    body["stream_options"] = json!({"include_usage": true});
    let told = behind.stream(body).await;
    for (events, tells) in [(&silent, false), (&told, true)] {
        let (end, chunks) = events.split_last().unwrap();
        assert_eq!(end, "[DONE]");
        let chunks: Vec<Value> = chunks.iter().map(|data| json_of(data)).collect();
        let text: String = chunks
            .iter()
            .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str())
            .collect();
        assert_eq!(text, "Yes, they should.");
        assert_eq!(chunks.last().unwrap()["usage"].is_object(), tells, "{chunks:?}");
    }
}

#[tokio::test]
async fn the_panel_asks_providers_in_their_own_language() {
    let script = Llm::scripted()
        .for_model("editor")
        .always_answer("All in all: yes.");
    let behind = Behind::of("openai", script, "").await;
    let analysis = behind.service.ask(QUESTION).await;
    assert_eq!(analysis["answer"], "All in all: yes.");
    assert_eq!(analysis["left_out"], json!([]));
    assert!(
        analysis["usage"]["output_tokens"].as_u64().unwrap() > 0,
        "{analysis}"
    );
    assert_eq!(behind.llm.requests().len(), 7);
}

#[tokio::test]
async fn a_call_that_fails_on_its_way_is_tried_anew() {
    let script = Llm::scripted()
        .fail(Fault::status(503))
        .fail(Fault::status(429).retry_after(0))
        .always_answer("At last.");
    let behind = Behind::of("openai", script, "").await;
    let (status, answer) = behind
        .complete(json!({"model": "openai/gpt-x", "messages": user(QUESTION)}))
        .await;
    assert_eq!(
        (status, &answer["choices"][0]["message"]["content"]),
        (200, &json!("At last."))
    );
    assert_eq!(behind.llm.requests().len(), 3);
}

#[tokio::test]
async fn each_failure_of_a_provider_has_its_own_answer() {
    for (fault, status, code) in [
        (Fault::status(400), 400, "provider_refused"),
        (Fault::status(401), 502, "provider_unauthorized"),
        (Fault::status(429), 429, "provider_rate_limited"),
        (Fault::status(500), 503, "provider_unavailable"),
        (Fault::status(529), 503, "provider_unavailable"),
        (Fault::Reset, 503, "provider_unavailable"),
        (Fault::MalformedJson, 502, "provider_malformed"),
        (Fault::WrongContentType, 502, "provider_malformed"),
        (Fault::Slow(Duration::from_secs(30)), 504, "provider_timeout"),
        (Fault::Stall, 504, "provider_timeout"),
    ] {
        let script = Llm::scripted().always_fail(fault.clone());
        let behind = Behind::of("openai", script, ", retries: 0, timeout: 500ms").await;
        let body = json!({"model": "openai/gpt-x", "messages": user(QUESTION)});
        let response = behind.service.chat(&body).await;
        let retry_after = response.headers().contains_key("retry-after");
        assert_eq!(response.status(), status, "{fault:?}");
        assert_eq!(retry_after, matches!(status, 429 | 503), "{fault:?}");
        let error: Value = response.json().await.unwrap();
        assert_eq!(error["error"]["code"], code, "{fault:?}: {error}");
    }
}

#[tokio::test]
async fn a_stream_that_breaks_on_its_way_ends_with_an_error_and_not_as_if_it_were_whole() {
    for fault in [
        Fault::Reset,
        Fault::Truncate,
        Fault::Stall,
        Fault::MalformedJson,
        Fault::MalformedSse,
        Fault::StreamError { status: 500 },
    ] {
        let script = Llm::scripted().always_fail(fault.clone());
        let behind = Behind::of("openai", script, ", retries: 0, chunkTimeout: 300ms").await;
        let body = json!({"model": "openai/gpt-x", "messages": user(QUESTION)});
        let events = behind.stream(body).await;
        let last = json_of(events.last().unwrap());
        assert!(
            last["error"]["code"].as_str().unwrap().starts_with("provider_"),
            "{fault:?}: {last}"
        );
        assert!(!events.iter().any(|data| data == "[DONE]"), "{fault:?}");
    }
}

#[tokio::test]
async fn who_goes_away_ends_the_providers_work_and_pays_for_what_came() {
    let script = Llm::scripted()
        .pace(Duration::from_millis(20))
        .always_answer("word ".repeat(500));
    let behind = Behind::of("openai", script, "").await;
    let body = json!({"model": "openai/gpt-x", "messages": user(QUESTION), "stream": true});
    let mut response = behind.service.chat(&body).await;
    response.chunk().await.unwrap().unwrap();
    assert_eq!(behind.llm.cancelled(), 0);
    drop(response);
    behind
        .llm
        .wait_until("the provider is told", Duration::from_millis(500), |seen| {
            seen.cancelled == 1
        })
        .await
        .unwrap();
    let usage = behind.service.usage("/api/v1/usage", None, 1).await;
    let written = usage["total"]["output_tokens"].as_u64().unwrap();
    assert!((1..100).contains(&written), "{usage}");
}

#[tokio::test]
async fn a_provider_that_fails_again_and_again_is_left_alone_for_a_moment() {
    let script = Llm::scripted().always_fail(Fault::status(500));
    let behind = Behind::of("openai", script, ", retries: 0").await;
    let body = json!({"model": "openai/gpt-x", "messages": user(QUESTION)});
    for _ in 0..5 {
        assert_eq!(behind.complete(body.clone()).await.0, 503);
    }
    let asked = behind.llm.requests().len();
    assert_eq!(behind.complete(body.clone()).await.0, 503);
    assert_eq!(behind.llm.requests().len(), asked, "it was asked all the same");
    behind.llm.set_script(Llm::scripted().always_answer("Back."));
    until("the provider is asked again", async || {
        match behind.complete(body.clone()).await {
            (200, _) => Ok(()),
            (status, error) => Err(format!("{status}: {error}")),
        }
    })
    .await;
}

#[tokio::test]
async fn where_a_model_cannot_answer_the_next_one_does_and_real_traffic_tells_how_all_do() {
    let script = Llm::scripted()
        .for_model("one")
        .always_fail(Fault::status(500))
        .for_model("two")
        .always_fail(Fault::status(401))
        .for_model("three")
        .always_answer("From the third.");
    let fallbacks = "fallbacks: {openai/one: [openai/two, openai/three]}";
    let behind = Behind::with("openai", script, ", retries: 0", fallbacks).await;
    for stream in [false, true] {
        let body = json!({"model": "openai/one", "messages": user(QUESTION), "stream": stream});
        let answer = behind.service.chat(&body).await;
        assert_eq!(answer.status(), 200);
        let text = answer.text().await.unwrap();
        assert!(
            text.contains("three") && (stream || text.contains("From the third.")),
            "{text}"
        );
    }
    let health = crate::harness::answer_to(behind.service.get("/api/v1/models/health")).await;
    let told: Vec<_> = health["models"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| {
            (
                model["model"].as_str().unwrap(),
                model["status"].as_str().unwrap(),
                model["calls"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("openai/one", "down", 2),
            ("openai/three", "up", 2),
            ("openai/two", "down", 2)
        ],
        "{health}"
    );

    // What is wrong stays wrong, whoever is asked.
    behind
        .llm
        .set_script(Llm::scripted().always_fail(Fault::status(400)));
    let asked = behind.llm.requests().len();
    let body = json!({"model": "openai/one", "messages": user(QUESTION)});
    assert_eq!(behind.complete(body).await.0, 400);
    assert_eq!(behind.llm.requests().len(), asked + 1);
}
