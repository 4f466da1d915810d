use serde_json::{Value, json};

use crate::{
    auth,
    harness::{QUESTION, Service, answer_to, events, json_of},
};

#[tokio::test]
async fn the_panel_answers_and_the_answer_can_be_read_again() {
    let service = Service::alone().await;
    let body = json!({"prompt": QUESTION, "options": {"details": true}});
    let created = answer_to(service.post("/api/v1/analyses", &body)).await;
    insta::assert_json_snapshot!(created, {
        ".id" => "[id]", ".created_at" => "[time]", ".duration_ms" => "[ms]", ".stages[].duration_ms" => "[ms]",
        ".stages[].answers[].duration_ms" => "[ms]",
    });

    let path = format!("/api/v1/analyses/{}", created["id"].as_str().unwrap());
    let read = answer_to(service.get(&path)).await;
    assert_eq!(read, created);
}

#[tokio::test]
async fn a_stream_tells_each_step_in_order_and_ends_with_the_answer() {
    let service = Service::alone().await;
    let request = service
        .post("/api/v1/analyses", &json!({"prompt": QUESTION}))
        .header("accept", "text/event-stream");
    let events = events(request.send().await.unwrap()).await;

    let ids: Vec<_> = events
        .iter()
        .map(|(id, ..)| id.parse::<usize>().unwrap())
        .collect();
    assert_eq!(ids, (0..events.len()).collect::<Vec<_>>());

    let mut names: Vec<_> = events.iter().map(|(_, name, _)| name.as_str()).collect();
    names.dedup();
    insta::assert_json_snapshot!(names);

    let streamed: String = events
        .iter()
        .filter(|(_, name, _)| name == "synthesis.delta")
        .map(|(.., data)| json_of(data)["text"].as_str().unwrap().to_owned())
        .collect();
    let last = json_of(&events.last().unwrap().2);
    assert_eq!(last["answer"], streamed);
    assert_eq!(json_of(&events[0].2)["id"], last["id"]);
}

const ONE_FAILS: &str = "panel: {models: [mock/analyst, mock/unavailable, mock/skeptic]}";
const TWO_FAIL: &str = "panel: {models: [mock/analyst, mock/unavailable, mock/stalled], deadline: 500ms}";

#[tokio::test]
async fn a_member_that_fails_is_left_out_and_named_and_the_answer_is_not_remembered() {
    let service = Service::start(&[], Some(ONE_FAILS)).await;
    let first = service.ask(QUESTION).await;
    assert_eq!(first["left_out"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&first["left_out"][0]["model"], &first["left_out"][0]["reason"]),
        (&json!("mock/unavailable"), &json!("failed"))
    );
    assert_eq!(service.ask(QUESTION).await["cached"], false);
}

#[tokio::test]
async fn too_few_models_are_a_503_that_says_which_and_why() {
    let service = Service::start(&[], Some(TWO_FAIL)).await;
    let response = service
        .post("/api/v1/analyses", &json!({"prompt": QUESTION}))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 503);
    assert!(response.headers().contains_key("retry-after"));
    let problem: Value = response.json().await.unwrap();
    insta::assert_json_snapshot!(problem, {".request_id" => "[id]"});

    let request = service
        .post("/api/v1/analyses", &json!({"prompt": QUESTION}))
        .header("accept", "text/event-stream");
    let events = events(request.send().await.unwrap()).await;
    let (_, name, data) = events.last().unwrap();
    assert_eq!(
        (name.as_str(), &json_of(data)["type"]),
        ("analysis.failed", &problem["type"])
    );
}

#[tokio::test]
async fn a_synthesizer_that_fails_is_replaced_by_another_model() {
    let panel = "panel: {models: [mock/analyst, mock/skeptic], synthesizer: mock/unavailable}";
    let service = Service::start(&[], Some(panel)).await;
    let answer = service.ask(QUESTION).await;
    assert_eq!(
        (&answer["synthesizer"], &answer["degraded"]),
        (&json!("mock/analyst"), &json!(false))
    );
    assert_eq!(answer["left_out"][0]["stage"], "ultra_synthesis");
}

#[tokio::test]
async fn a_users_history_is_read_page_by_page_and_what_is_deleted_is_gone_from_it() {
    let service = auth::people::service().await;
    let (ada, bob) = (
        service.user("ada@example.com").await.access,
        service.user("bob@example.com").await.access,
    );
    let mut asked = Vec::new();
    for prompt in ["One?", "Two?", "Three?"] {
        let request = service
            .post("/api/v1/analyses", &json!({"prompt": prompt}))
            .bearer_auth(&ada);
        let answer = answer_to(request).await;
        asked.push(answer["id"].clone());
    }
    let page = async |token: &str, query: &str| -> (Vec<Value>, Value) {
        let request = service
            .get(&format!("/api/v1/analyses{query}"))
            .bearer_auth(token);
        let page = answer_to(request).await;
        let ids = page["analyses"].as_array().unwrap().iter();
        (
            ids.map(|analysis| analysis["id"].clone()).collect(),
            page["next"].clone(),
        )
    };
    let (first, next) = page(&ada, "?limit=2").await;
    assert_eq!(first, [asked[2].clone(), asked[1].clone()]);
    let rest = format!("?limit=2&after={}", next.as_str().unwrap());
    assert_eq!(page(&ada, &rest).await, (vec![asked[0].clone()], Value::Null));
    assert_eq!(page(&bob, "").await, (vec![], Value::Null));

    let path = format!("/api/v1/analyses/{}", asked[1].as_str().unwrap());
    let delete = async |token: &str| {
        let request = service
            .client
            .delete(format!("{}{path}", service.url))
            .bearer_auth(token);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(delete(&bob).await, 404);
    assert_eq!(delete(&ada).await, 204);
    assert_eq!(delete(&ada).await, 404);
    assert_eq!(page(&ada, "").await.0, [asked[2].clone(), asked[0].clone()]);
}

#[tokio::test]
async fn what_nobody_in_particular_asked_is_in_no_list() {
    let service = Service::alone().await;
    let asked = service.ask(QUESTION).await;
    let list = service.get("/api/v1/analyses").send().await.unwrap();
    assert_eq!(list.status(), 401);
    let path = format!("/api/v1/analyses/{}", asked["id"].as_str().unwrap());
    assert_eq!(service.get(&path).send().await.unwrap().status(), 200);
}
