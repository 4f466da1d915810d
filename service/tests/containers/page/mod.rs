//! The page at `/`, in a real browser. Each program in this folder is one visit, and ends with an error where it saw
//! something else than it should have.

use std::{path::Path, time::Duration};

use serde_json::json;
use ultra_testenv::{Llm, clients};

use crate::{
    auth::people,
    harness::{QUESTION, Service, json_of},
};

const DEADLINE: Duration = Duration::from_secs(120);

/// One member takes its time, and so does who writes the answer: a person, and a test on a busy machine, can look on.
async fn unhurried() -> (Service, Llm) {
    let script = Llm::scripted()
        .for_model("slow")
        .delay(Duration::from_secs(4))
        .for_model("editor")
        .pace(Duration::from_millis(100))
        .always_answer("word by word, ".repeat(10));
    let llm = script.start().await.unwrap();
    let file = format!(
        "providers:\n  - {{name: openai, kind: openai, baseUrl: '{}', apiKeyVariable: STAND_IN_KEY}}\n\
         panel: {{models: [openai/quick, openai/slow, openai/third], synthesizer: openai/editor}}\n",
        llm.openai_base_url()
    );
    let vars = [("ULTRA_MODE", "real"), ("STAND_IN_KEY", "sk-stand-in")];
    (Service::start(&vars, Some(&file)).await, llm)
}

/// Visits the page, with further variables for the program, and returns what that printed.
async fn visit_with(service: &Service, program: &str, variables: &[(&str, &str)]) -> String {
    let browser = clients::browser().await.unwrap();
    let node = clients::node(clients::NODE_PACKAGES).await.unwrap();
    let program = format!(
        "{}\ntry {{\n{program}\n}} finally {{\n  await browser.close();\n}}\n",
        include_str!("open.mjs")
    );
    let common = [
        ("URL", service.url.as_str()),
        ("BROWSER", browser.to_str().unwrap()),
        ("PATH", "/usr/bin:/bin"),
        ("QUESTION", QUESTION),
    ];
    let output = node.run(&program, &[&common, variables].concat(), DEADLINE).await;
    output.unwrap().success().unwrap()
}

async fn visit(service: &Service, program: &str) -> String {
    visit_with(service, program, &[]).await
}

#[tokio::test]
async fn health_is_shown_at_a_glance_and_is_watched() {
    visit(&Service::alone().await, include_str!("health.mjs")).await;
}

#[tokio::test]
async fn the_stages_of_an_answer_appear_as_they_happen() {
    let (service, _llm) = unhurried().await;
    let shown = json_of(visit(&service, include_str!("stages.mjs")).await.trim());
    assert_eq!(shown, service.ask(QUESTION).await["answer"]);
}

#[tokio::test]
async fn whoever_fails_is_shown_to_be_left_out_and_what_is_wrong_with_an_answer_beside_it() {
    let panel =
        "panel: {models: [mock/analyst, mock/unavailable, mock/skeptic], synthesizer: mock/unavailable}";
    visit(
        &Service::start(&[], Some(panel)).await,
        include_str!("left_out.mjs"),
    )
    .await;
}

#[tokio::test]
async fn an_error_is_shown_with_what_it_says() {
    let panel = "panel: {models: [mock/analyst, mock/unavailable, mock/stalled], deadline: 500ms}";
    visit(
        &Service::start(&[], Some(panel)).await,
        include_str!("no_answer.mjs"),
    )
    .await;
}

#[tokio::test]
async fn who_has_reached_a_limit_sees_when_to_come_back() {
    let tiers = "tiers: {free: {panelsPerMinute: 1}}";
    visit(
        &Service::start(&[], Some(tiers)).await,
        include_str!("limited.mjs"),
    )
    .await;
}

#[tokio::test]
async fn a_key_is_asked_for_where_one_is_needed_and_kept_for_the_tab_alone() {
    let service = people::service().await;
    let user = service.user("ada@example.com").await;
    let (_, key) = service.new_key(&user.access, &json!({"name": "page"})).await;
    visit_with(&service, include_str!("key.mjs"), &[("KEY", &key)]).await;
}

#[tokio::test]
async fn a_stream_that_is_cut_says_so_and_can_be_asked_for_again() {
    visit(&Service::alone().await, include_str!("cut.mjs")).await;
}

#[tokio::test]
async fn all_of_it_can_be_done_by_keyboard_and_who_cancels_ends_the_models_work() {
    let (service, llm) = unhurried().await;
    visit(&service, include_str!("keyboard.mjs")).await;
    let both = llm.wait_until("two cancelled panels", DEADLINE, |seen| seen.cancelled == 2);
    both.await.unwrap();
}

#[tokio::test]
async fn a_phone_shows_all_of_it_without_scrolling_sideways() {
    visit(&Service::alone().await, include_str!("phone.mjs")).await;
}

#[tokio::test]
async fn it_is_light_or_dark_as_the_system_or_the_reader_says_and_can_be_read_in_both() {
    visit(&Service::alone().await, include_str!("colours.mjs")).await;
}

#[tokio::test]
async fn nothing_but_its_own_files_may_run() {
    let service = Service::alone().await;
    let page = service.get("/").send().await.unwrap();
    let policy = page.headers()["content-security-policy"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        policy.starts_with("default-src 'none'") && !policy.contains("unsafe"),
        "{policy}"
    );
    let page = page.text().await.unwrap();
    assert!(
        !page.contains("style=") && !page.contains("<style") && !page.contains("://"),
        "{page}"
    );
    for (path, media_type) in [
        ("/page.css", "text/css; charset=utf-8"),
        ("/page.js", "text/javascript; charset=utf-8"),
        ("/icon.svg", "image/svg+xml"),
    ] {
        let file = service.get(path).send().await.unwrap();
        assert_eq!(
            (file.status().as_u16(), &file.headers()["content-type"]),
            (200, &media_type.parse().unwrap())
        );
        assert!(page.contains(path), "{path} is not asked for");
    }
}

/// `cargo test -p ultra-service --test containers -- --ignored page::pictures` renews them.
#[tokio::test]
#[ignore = "draws the documentation's pictures"]
async fn pictures() {
    let images = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/images");
    std::fs::create_dir_all(&images).unwrap();
    let service = Service::alone().await;
    let program = include_str!("pictures.mjs");
    visit_with(&service, program, &[("IMAGES", images.to_str().unwrap())]).await;
}
