//! How a request can have the panel otherwise than it is configured.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::{QUESTION, Service, answer_to, events, json_of};

const PRICED: &str = "prices:
  mock/analyst: {inputPerMillion: \"1000\", outputPerMillion: \"1000\"}
  mock/skeptic: {inputPerMillion: \"1000\", outputPerMillion: \"1000\"}
  mock/pragmatist: {inputPerMillion: \"1000\", outputPerMillion: \"1000\"}
  mock/editor: {inputPerMillion: \"1000\", outputPerMillion: \"1000\"}";

async fn ask(service: &Service, options: Value) -> (u16, Value) {
    let body = json!({"prompt": QUESTION, "options": options});
    let response = service.post("/api/v1/analyses", &body).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

async fn answer(service: &Service, options: Value) -> Value {
    let (status, answer) = ask(service, options).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

#[tokio::test]
async fn a_request_chooses_members_writer_stages_and_bounds() {
    let service = Service::alone().await;
    let options = json!({
        "models": ["skeptic", "mock/pragmatist"],
        "synthesizer": "analyst",
        "stages": ["initial_response", "ultra_synthesis"],
        "min_models": 1,
        "deadline": "30s",
        "stage_deadlines": {"initial_response": 10, "ultra_synthesis": "5s"},
        "max_output_tokens": 16,
        "details": true,
    });
    let answer = answer(&service, options).await;
    assert_eq!(answer["models"], json!(["mock/skeptic", "mock/pragmatist"]));
    assert_eq!(answer["synthesizer"], "mock/analyst");
    let stages = answer["stages"].as_array().unwrap();
    let names: Vec<_> = stages.iter().map(|stage| &stage["stage"]).collect();
    assert_eq!(names, ["initial_response", "ultra_synthesis"]);
    for answer in stages
        .iter()
        .flat_map(|stage| stage["answers"].as_array().unwrap())
    {
        assert!(answer["usage"]["output_tokens"].as_u64().unwrap() <= 16);
    }
    assert_eq!(answer["truncated"], true);
    assert_eq!(answer["members"][0]["label"], "Response A");
}

#[tokio::test]
async fn without_a_synthesis_the_most_agreed_answer_is_marked_as_whose_it_is() {
    let service = Service::alone().await;
    let answer = answer(&service, json!({"stages": ["initial_response"], "details": true})).await;
    assert_eq!(
        (&answer["synthesizer"], &answer["degraded"]),
        (&Value::Null, &json!(false))
    );
    let first = answer["stages"][0]["answers"].as_array().unwrap();
    let theirs = first
        .iter()
        .find(|one| one["label"] == answer["chosen"]["label"])
        .unwrap();
    assert_eq!(theirs["text"], answer["answer"]);
}

#[tokio::test]
async fn what_cannot_be_is_refused_all_at_once_and_by_name() {
    let service = Service::alone().await;
    let (status, problem) = ask(
        &service,
        json!({
            "models": ["analyst", "gpt-nonsense"],
            "synthesizer": "nobody",
            "stages": ["ultra_synthesis", "ultra_synthesis"],
            "min_models": 3,
            "deadline": "10m",
            "stage_deadlines": {"peer_review_and_revision": "5s", "ultra_synthesis": 0},
            "max_output_tokens": 4_000_000,
        }),
    )
    .await;
    assert_eq!(status, 422);
    assert!(
        problem["detail"].as_str().unwrap().contains("`gpt-nonsense`"),
        "{problem}"
    );
    let pointers: BTreeSet<_> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["pointer"].as_str().unwrap())
        .collect();
    let expected = [
        "/options/deadline",
        "/options/max_output_tokens",
        "/options/min_models",
        "/options/models/1",
        "/options/stage_deadlines/peer_review_and_revision",
        "/options/stage_deadlines/ultra_synthesis",
        "/options/stages",
        "/options/synthesizer",
    ];
    assert_eq!(pointers, BTreeSet::from(expected));

    for (options, pointer) in [
        (json!({"models": []}), "/options/models"),
        (json!({"models": vec!["analyst"; 27]}), "/options/models"),
        (
            json!({"stages": ["initial_response"], "verdict": true}),
            "/options/verdict",
        ),
        (json!({"resumable": true}), "/options/resumable"),
        (json!({"deadline": "soon"}), "/options/deadline"),
        (json!({"budget": "-1"}), "/options/budget"),
        (json!({"stage_deadlines": [1]}), "/options/stage_deadlines"),
    ] {
        let (status, problem) = ask(&service, options).await;
        assert_eq!(
            (status, &problem["errors"][0]["pointer"]),
            (422, &json!(pointer)),
            "{problem}"
        );
    }
    for body in [
        json!({}),
        json!({"prompt": QUESTION, "messages": []}),
        json!({"messages": [{"role": "assistant", "content": "Hello!"}]}),
        json!({"messages": [{"role": "tool", "content": "42"}]}),
    ] {
        let response = service.post("/api/v1/analyses", &body).send().await.unwrap();
        assert_eq!(response.status(), 422, "{body}");
    }
}

#[tokio::test]
async fn a_budget_bounds_what_a_panel_costs_and_the_result_says_what_it_did_without() {
    let service = Service::start(&[], Some(PRICED)).await;
    let whole = answer(&service, json!({"max_output_tokens": 100, "cache": false})).await;
    let cost = |value: &Value| value.as_str().unwrap().parse::<f64>().unwrap();
    let total: f64 = whole["stages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|stage| cost(&stage["cost"]))
        .sum();
    assert!(
        total > 0.0 && (total - cost(&whole["cost"])).abs() < 1e-9,
        "{whole}"
    );
    assert_eq!(whole["skipped"], json!([]));

    // A token costs a thousandth, and no token is shorter than a byte: the first answers can cost some 1.20, their
    // review some 4, and the final answer 1.30.
    let part = answer(&service, json!({"max_output_tokens": 100, "budget": "3.00"})).await;
    assert!(cost(&part["cost"]) <= 3.0, "{part}");
    let skipped = &part["skipped"][0];
    assert_eq!(
        (&skipped["stage"], &skipped["reason"]),
        (&json!("peer_review_and_revision"), &json!("budget"))
    );
    let again = answer(&service, json!({"max_output_tokens": 100, "budget": "3.00"})).await;
    assert_eq!(again["cached"], false, "what lacks a part is not remembered");

    let (status, problem) = ask(&service, json!({"max_output_tokens": 100, "budget": 0.01})).await;
    assert_eq!(
        (status, &problem["errors"][0]["pointer"]),
        (422, &json!("/options/budget"))
    );
    assert!(problem["type"].as_str().unwrap().ends_with("/budget-too-small"));
}

#[tokio::test]
async fn each_choice_has_an_answer_of_its_own_in_the_cache() {
    let service = Service::alone().await;
    let choices = [
        json!({}),
        json!({"models": ["analyst", "skeptic"]}),
        json!({"synthesizer": "analyst"}),
        json!({"stages": ["initial_response", "ultra_synthesis"]}),
        json!({"max_output_tokens": 100}),
        json!({"verdict": true}),
    ];
    for cached in [false, true] {
        for options in &choices {
            let answer = answer(&service, options.clone()).await;
            assert_eq!(answer["cached"], cached, "{options}");
            assert_eq!(answer["verdict"].is_object(), options["verdict"] == true);
        }
    }
}

#[tokio::test]
async fn the_same_model_several_times_gives_several_answers() {
    let service = Service::alone().await;
    let answer = answer(
        &service,
        json!({"models": ["analyst", "analyst", "analyst"], "details": true}),
    )
    .await;
    let first = answer["stages"][0]["answers"].as_array().unwrap();
    let texts: BTreeSet<_> = first
        .iter()
        .map(|answer| answer["text"].as_str().unwrap())
        .collect();
    assert_eq!(texts.len(), 3, "{texts:#?}");
}

#[tokio::test]
async fn a_verdict_names_what_the_members_share_and_stays_with_the_analysis() {
    let service = Service::alone().await;
    let created = answer(&service, json!({"verdict": true})).await;
    insta::assert_json_snapshot!(created["verdict"]);
    let path = format!("/api/v1/analyses/{}", created["id"].as_str().unwrap());
    let read = answer_to(service.get(&path)).await;
    assert_eq!(read["verdict"], created["verdict"]);
    assert_eq!(read["members"], created["members"]);
    assert_eq!(read["cost"], created["cost"]);
}

#[tokio::test]
async fn a_conversation_is_asked_as_it_is_by_both_apis() {
    let service = Service::alone().await;
    let messages = json!([
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What is a database?"},
        {"role": "assistant", "content": "A place for data."},
        {"role": "user", "content": QUESTION},
    ]);
    let body = json!({"messages": messages, "options": {"details": true}});
    let created = answer_to(service.post("/api/v1/analyses", &body)).await;
    assert_eq!(
        (&created["prompt"], &created["messages"]),
        (&json!(QUESTION), &messages)
    );
    // Ten more words than the question alone has.
    let alone = answer(&service, json!({"details": true})).await;
    let read = |answer: &Value| {
        let tokens = &answer["stages"][0]["answers"][0]["usage"]["input_tokens"];
        tokens.as_u64().unwrap()
    };
    assert_eq!(read(&created), read(&alone) + 10);
    assert!(alone.get("messages").is_none());

    let path = format!("/api/v1/analyses/{}", created["id"].as_str().unwrap());
    assert_eq!(answer_to(service.get(&path)).await, created);

    let chat = json!({"model": "ultra", "messages": messages});
    let chat = answer_to(service.post("/v1/chat/completions", &chat)).await;
    assert_eq!(chat["choices"][0]["message"]["content"], created["answer"]);
    assert_eq!(
        chat["usage"]["total_tokens"], 0,
        "it is the same question, and remembered"
    );
}

#[tokio::test]
async fn a_stream_tells_what_is_skipped_and_what_is_compared() {
    let service = Service::start(&[], Some(PRICED)).await;
    let names = async |options: Value| -> BTreeSet<String> {
        let body = json!({"prompt": QUESTION, "options": options});
        let request = service
            .post("/api/v1/analyses", &body)
            .header("accept", "text/event-stream");
        let events = events(request.send().await.unwrap()).await;
        let last = json_of(&events.last().unwrap().2);
        assert!(
            last["stages"][0].get("answers").is_none(),
            "nobody asked for details"
        );
        events.into_iter().map(|(_, name, _)| name).collect()
    };
    assert!(
        names(json!({"max_output_tokens": 100, "budget": "3.00"}))
            .await
            .contains("stage.skipped")
    );
    assert!(
        names(json!({"verdict": true}))
            .await
            .contains("verdict.completed")
    );
}
