use std::time::Duration;

use futures::StreamExt as _;
use serde_json::{Value, json};
use ultra_service::llm::{
    Delta, Error, FinishReason, Format, Image, ImageSource, Message, Part, Request, complete,
};
use ultra_testenv::{Llm, llm::Finish};

use super::{Language, QUESTION, asking, question};

#[tokio::test]
async fn a_question_is_answered_and_its_tokens_are_counted() {
    let llm = Llm::scripted().start().await.unwrap();
    for language in Language::ALL {
        let completion = complete(&language.of(&llm), question()).await.unwrap();
        assert_eq!(completion.text, format!("m answers: {QUESTION}"));
        assert_eq!(completion.finish, FinishReason::Stop);
        assert_eq!(
            (completion.usage.input_tokens, completion.usage.output_tokens),
            (5, 7)
        );
    }
    let [anthropic, gemini] = &llm.requests()[..] else {
        panic!("{:?}", llm.requests())
    };
    assert_eq!(anthropic.headers["anthropic-version"], "2023-06-01");
    assert_eq!(anthropic.headers["x-api-key"], "sk-test-0123456789");
    assert_eq!(gemini.headers["x-goog-api-key"], "sk-test-0123456789");
}

#[tokio::test]
async fn an_answer_comes_piece_by_piece_and_a_caller_who_goes_away_ends_it() {
    for language in Language::ALL {
        let llm = Llm::scripted()
            .pace(Duration::from_millis(20))
            .always_answer("word ".repeat(10_000))
            .start()
            .await
            .unwrap();
        let mut deltas = language.of(&llm).stream(question()).await.unwrap();
        for _ in 0..2 {
            let delta = deltas.next().await.unwrap().unwrap();
            assert_eq!(delta, Delta::Text("word ".to_owned()));
        }
        drop(deltas);
        llm.wait_until("the call is cancelled", Duration::from_secs(10), |seen| {
            seen.cancelled == 1
        })
        .await
        .unwrap();
    }
}

#[tokio::test]
async fn a_conversation_with_instructions_keeps_its_order() {
    let llm = Llm::scripted().start().await.unwrap();
    let messages = vec![
        Message::system("Be brief."),
        Message::user("One?"),
        Message::assistant("Two."),
        Message::user("Three?"),
        Message::user("Four?"),
    ];
    for language in Language::ALL {
        let completion = complete(&language.of(&llm), asking(messages.clone()))
            .await
            .unwrap();
        assert_eq!(completion.text, "m answers: Three?\nFour?");
        assert_eq!(completion.usage.input_tokens, 6);
    }
}

#[tokio::test]
async fn a_schema_is_kept_and_a_bound_cuts_the_answer_short() {
    let llm = Llm::scripted().start().await.unwrap();
    let schema = json!({
        "type": "object",
        "properties": {"answer": {"type": "string"}, "sure": {"type": "boolean"}},
        "required": ["answer", "sure"],
        "additionalProperties": false,
    });
    let request = Request {
        format: Format::Schema {
            name: "said".to_owned(),
            description: None,
            schema,
            strict: Some(true),
        },
        ..question()
    };
    let bounded = Request {
        max_output_tokens: Some(3),
        ..question()
    };
    for language in Language::ALL {
        let provider = language.of(&llm);
        let said = complete(&provider, request.clone()).await.unwrap();
        let said: Value = serde_json::from_str(&said.text).unwrap();
        assert_eq!(
            said,
            json!({"answer": format!("m answers: {QUESTION}"), "sure": true})
        );
        let cut = complete(&provider, bounded.clone()).await.unwrap();
        assert_eq!(
            (cut.text.as_str(), cut.finish),
            ("m answers: Why ", FinishReason::Length)
        );
    }
}

#[tokio::test]
async fn an_image_is_shown() {
    let llm = Llm::scripted().start().await.unwrap();
    let image = Part::Image(Image {
        source: ImageSource::Data {
            media_type: "image/png".to_owned(),
            base64: "iVBORw0KGgo=".to_owned(),
        },
        detail: None,
    });
    let parts = vec![image, Part::Text("What is it?".to_owned())];
    let request = asking(vec![Message::User(parts)]);
    for (language, at, expected) in [
        (
            Language::Anthropic,
            "/messages/0/content/0/source",
            json!({"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}),
        ),
        (
            Language::Gemini,
            "/contents/0/parts/0/inlineData",
            json!({"mimeType": "image/png", "data": "iVBORw0KGgo="}),
        ),
    ] {
        let completion = complete(&language.of(&llm), request.clone()).await.unwrap();
        assert_eq!(completion.text, "m answers: What is it?");
        let asked = llm.requests().pop().unwrap();
        assert_eq!(asked.body.pointer(at), Some(&expected));
    }
}

#[tokio::test]
async fn likelihoods_are_told_by_gemini_and_refused_by_anthropic() {
    let llm = Llm::scripted().always_answer("very blue").start().await.unwrap();
    let request = Request {
        top_logprobs: Some(2),
        ..question()
    };
    let completion = complete(&Language::Gemini.of(&llm), request.clone())
        .await
        .unwrap();
    let tokens: Vec<_> = completion.logprobs.iter().map(|token| &token["token"]).collect();
    assert_eq!(tokens, ["very ", "blue"]);
    assert_eq!(completion.logprobs[0]["top_logprobs"][1]["token"], "other1");
    let refused = complete(&Language::Anthropic.of(&llm), request)
        .await
        .unwrap_err();
    assert!(
        matches!(
            refused,
            Error::Unsupported {
                parameter: "logprobs",
                ..
            }
        ),
        "{refused}"
    );
    assert_eq!(llm.requests().len(), 1, "a refusal costs no call");
}

#[tokio::test]
async fn what_is_held_back_says_so() {
    for language in Language::ALL {
        for finish in [Finish::Filtered, Finish::Refused] {
            let llm = Llm::scripted()
                .answer_ending("some", finish.clone())
                .start()
                .await
                .unwrap();
            let completion = complete(&language.of(&llm), question()).await.unwrap();
            let text = if finish == Finish::Refused { "" } else { "some" };
            assert_eq!(
                (completion.text.as_str(), completion.finish),
                (text, FinishReason::ContentFilter)
            );
        }
    }
}
