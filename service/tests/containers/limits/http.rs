//! Limits as a client meets them.

use futures::future::join_all;
use reqwest::Response;
use serde_json::{Value, json};
use ultra_service::{
    domain::{Conversation, Prompt},
    panel::{self, Plan},
};
use ultra_testenv::Stack;

use crate::{
    auth::people::{problem, service_of, service_with},
    harness::{QUESTION, Service, answer_to, until},
};

/// The tiers as they are built in.
const AS_USERS_GET_THEM: &str = "tiers: {}";

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response
        .headers()
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

async fn ask(service: &Service, prompt: &str) -> Response {
    let request = service.post("/api/v1/analyses", &json!({"prompt": prompt}));
    request.send().await.unwrap()
}

#[tokio::test]
async fn a_newcomer_sees_limits_that_are_far_and_a_remembered_answer_is_no_panel() {
    let service = Service::start(&[], Some(AS_USERS_GET_THEM)).await;
    let first = ask(&service, QUESTION).await;
    assert_eq!(first.status(), 200);
    assert_eq!(
        header(&first, "ratelimit-policy"),
        r#""requests";q=60;w=60, "panels";q=10;w=60"#
    );
    assert_eq!(
        header(&first, "ratelimit"),
        r#""requests";r=59;t=1, "panels";r=9;t=6"#
    );
    assert_eq!(header(&first, "x-ultra-limits"), "");
    for _ in 0..20 {
        let again = ask(&service, QUESTION).await;
        assert_eq!(again.status(), 200);
        assert_eq!(header(&again, "ratelimit-policy"), r#""requests";q=60;w=60"#);
    }
}

#[tokio::test]
async fn too_many_panels_are_a_429_that_says_when_to_come_back_in_json_streams_and_openais_format() {
    let service = Service::start(&[], Some("tiers: {free: {panelsPerMinute: 2}}")).await;
    for prompt in ["One?", "Two?"] {
        assert_eq!(ask(&service, prompt).await.status(), 200);
    }
    let refused = ask(&service, "Three?").await;
    assert_eq!(refused.status(), 429);
    let seconds: u64 = header(&refused, "retry-after").parse().unwrap();
    assert!((20..=30).contains(&seconds), "{seconds}");
    assert!(
        header(&refused, "ratelimit").contains(r#""panels";r=0;t="#),
        "{refused:?}"
    );
    let body: Value = refused.json().await.unwrap();
    assert_eq!(body["type"], "https://ultra.dev/problems/rate-limit-exceeded");
    assert!(
        body["detail"]
            .as_str()
            .unwrap()
            .starts_with("2 panels a minute are admitted"),
        "{body}"
    );

    let stream = service
        .post("/api/v1/analyses", &json!({"prompt": "Three?"}))
        .header("accept", "text/event-stream");
    assert_eq!(problem(stream).await, (429, "rate-limit-exceeded".to_owned()));

    for stream in [false, true] {
        let chat = |model: &str| {
            let body = json!({"model": model, "stream": stream, "messages": [{"role": "user", "content": "Three?"}]});
            service.post("/v1/chat/completions", &body).send()
        };
        let refused = chat("ultra").await.unwrap();
        assert_eq!(refused.status(), 429);
        assert!(refused.headers().contains_key("retry-after"));
        let error: Value = refused.json().await.unwrap();
        assert_eq!(error["error"]["code"], "rate_limit_exceeded");
        assert_eq!(error["error"]["type"], "requests");
        assert_eq!(
            chat("mock/analyst").await.unwrap().status(),
            200,
            "a model is no panel"
        );
    }
}

/// Every gated route takes from the same bucket, and refuses once it is empty.
#[tokio::test]
async fn every_route_that_needs_a_principal_is_limited() {
    let service = Service::start(
        &[],
        Some("tiers: {free: {requestsPerMinute: 1, panelsPerMinute: 1}}"),
    )
    .await;
    let document = answer_to(service.get("/openapi.json")).await;
    let first = service.get("/api/v1/models").send().await.unwrap();
    assert_eq!(first.status(), 200);
    let mut limited = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let public = operation["security"].as_array().unwrap().is_empty();
            let path = path
                .replace("{id}", "01936b2e-7c1a-7cc3-9d5b-0f3a5c1e8a42")
                .replace("{provider}", "openai");
            let method: reqwest::Method = method.to_uppercase().parse().unwrap();
            let request = service
                .client
                .request(method.clone(), format!("{}{path}", service.url));
            let response = request.send().await.unwrap();
            assert_eq!(response.status() == 429, !public, "{method} {path}");
            let throttled = ["/login", "/refresh", "/register", "/health"]
                .iter()
                .any(|end| path.ends_with(end));
            assert_eq!(
                operation["responses"]["429"].is_object(),
                !public || throttled,
                "{method} {path}"
            );
            if !public {
                limited += 1;
                assert!(response.headers().contains_key("retry-after"), "{method} {path}");
                assert_eq!(
                    header(&response, "ratelimit-policy"),
                    r#""requests";q=1;w=60"#,
                    "{method} {path}"
                );
            }
        }
    }
    assert!(limited > 15, "{limited}");
}

#[tokio::test]
async fn guesses_at_the_details_of_the_health_report_count_as_others_do() {
    let service = service_with(&[("ULTRA_LIMITS_REFUSED_PER_ADDRESS", "5")]).await;
    for guess in 0..10 {
        let asked = service.get("/health?detailed");
        let refused = asked.bearer_auth(format!("uk_{guess:040}")).send().await.unwrap();
        assert_eq!(refused.status(), if guess < 5 { 401 } else { 429 }, "{guess}");
    }
    assert_eq!(service.get("/health").send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn guesses_bar_an_address_but_not_who_is_known_there() {
    let service = service_with(&[("ULTRA_LIMITS_REFUSED_PER_ADDRESS", "5")]).await;
    let user = service.user("ada@example.com").await;
    let (_, known) = service.new_key(&user.access, &json!({"name": "known"})).await;
    let (_, unknown) = service
        .new_key(&user.access, &json!({"name": "not seen yet"}))
        .await;
    assert_eq!(service.asks(&known).await, 200);
    for guess in 0..5 {
        assert_eq!(service.asks(&format!("uk_{guess:040}")).await, 401);
    }
    for guess in 5..10 {
        let request = service
            .get("/api/v1/models")
            .bearer_auth(format!("uk_{guess:040}"));
        let refused = request.send().await.unwrap();
        assert_eq!(refused.status(), 429);
        let seconds: u64 = header(&refused, "retry-after").parse().unwrap();
        assert!((1..=12).contains(&seconds), "{seconds}");
    }
    assert_eq!(service.asks(&known).await, 200, "a key that is known");
    assert_eq!(
        service.me(&user.access).await,
        200,
        "a token that its signature proves"
    );
    assert_eq!(
        service.asks(&unknown).await,
        429,
        "a key that would have to be looked up"
    );
}

const STALLED: &str = "panel: {models: [mock/stalled, mock/stalled], deadline: 60s, maxOutputTokens: 16}";

/// What a panel of the stalled can take at most.
fn worst_case(prompt: &str) -> u64 {
    let plan = Plan {
        max_output_tokens: 16,
        max_answer_tokens: 16,
        ..Plan::new(
            Conversation::from(&Prompt::parse(prompt).unwrap()),
            vec!["mock/stalled".parse().unwrap(); 2],
            "mock/editor".parse().unwrap(),
        )
    };
    panel::worst_case(&plan)
        .iter()
        .map(|(_, usage)| usage.total())
        .sum()
}

#[tokio::test]
async fn of_200_parallel_panels_on_three_replicas_against_a_quota_for_50_exactly_50_begin() {
    let stack = Stack::builder().redis().start().await.unwrap();
    let quota = worst_case(QUESTION) * 51 - 1;
    let file = format!(
        "{STALLED}\ntiers: {{free: {{requestsPerMinute: 100000, panelsPerMinute: 100000, tokensPerDay: {quota}}}}}"
    );
    let vars = [
        ("REDIS_URL", stack.redis().url()),
        ("ULTRA_LIMITS_REPLICAS", "3"),
        // A busy machine is no outage.
        ("ULTRA_CACHE_RESPONSE_TIMEOUT", "10s"),
    ];
    let replicas = join_all((0..3).map(|_| Service::start(&vars, Some(&file)))).await;
    let ask = async |request: usize| {
        let body = json!({"prompt": QUESTION});
        let request = replicas[request % 3].post("/api/v1/analyses", &body);
        request
            .header("accept", "text/event-stream")
            .send()
            .await
            .unwrap()
    };
    // None of them ends by itself: those that began are under way until the last is refused.
    let answers = join_all((0..200).map(ask)).await;
    let (begun, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status() == 200);
    assert_eq!((begun.len(), refused.len()), (50, 150));
    assert!(
        refused
            .iter()
            .all(|answer| answer.status() == 429 && header(answer, "retry-after") == "5")
    );

    assert!(
        begun
            .iter()
            .all(|answer| header(answer, "x-ultra-limits").is_empty())
    );

    // Their clients go away, and pay for the question alone.
    drop(begun);
    until("what they had set aside is free again", async || {
        let answer = ask(0).await;
        if answer.status() == 200 {
            Ok(())
        } else {
            Err(answer.status())
        }
    })
    .await;
}

#[tokio::test]
async fn a_used_up_quota_is_a_429_until_the_day_ends_and_a_request_beyond_it_a_403() {
    let service = Service::start(&[], Some("tiers: {free: {tokensPerDay: 100}}")).await;
    let chat = async |max_tokens: u32| {
        let body = json!({"model": "mock/analyst", "max_tokens": max_tokens, "messages": [{"role": "user", "content": "Why?"}]});
        service.post("/v1/chat/completions", &body).send().await.unwrap()
    };
    let beyond = chat(81).await;
    assert_eq!(beyond.status(), 403);
    assert!(!beyond.headers().contains_key("retry-after"));
    let error: Value = beyond.json().await.unwrap();
    assert_eq!(error["error"]["code"], "request_exceeds_quota");
    assert!(
        error["error"]["message"].as_str().unwrap().contains("101 tokens"),
        "{error}"
    );
    let panel = service.post("/api/v1/analyses", &json!({"prompt": "Why?"}));
    assert_eq!(problem(panel).await, (403, "request-exceeds-quota".to_owned()));

    let first = chat(80).await;
    assert_eq!(first.status(), 200);
    assert!(
        header(&first, "ratelimit-policy").contains(r#""tokens";q=100;w=86400;qu="tokens""#),
        "{first:?}"
    );
    assert!(
        header(&first, "ratelimit").contains(r#""tokens";r=0;t="#),
        "{first:?}"
    );
    let used: Value = first.json().await.unwrap();
    let used = used["usage"]["total_tokens"].as_u64().unwrap();
    let spent = chat(u32::try_from(80 - used + 1).unwrap()).await;
    assert_eq!(spent.status(), 429);
    let seconds: u64 = header(&spent, "retry-after").parse().unwrap();
    let now = time::OffsetDateTime::now_utc();
    let midnight =
        86_400 - u64::from(now.hour()) * 3_600 - u64::from(now.minute()) * 60 - u64::from(now.second());
    assert!(
        (midnight..=midnight + 5).contains(&seconds),
        "{seconds} of {midnight}"
    );
    let error: Value = spent.json().await.unwrap();
    assert_eq!(
        (&error["error"]["code"], &error["error"]["type"]),
        (&json!("insufficient_quota"), &json!("insufficient_quota"))
    );
    assert_eq!(
        chat(u32::try_from(80 - used).unwrap()).await.status(),
        200,
        "what is left can be used"
    );
}

#[tokio::test]
async fn a_stream_is_settled_with_what_it_took() {
    let service = Service::start(&[], Some("tiers: {free: {tokensPerDay: 6000}}")).await;
    let body = json!({"model": "mock/analyst", "stream": true, "max_tokens": 4900, "messages": [{"role": "user", "content": "Why?"}]});
    for _ in 0..3 {
        let answer = service.post("/v1/chat/completions", &body).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert!(answer.text().await.unwrap().ends_with("data: [DONE]\n\n"));
    }
}

#[tokio::test]
async fn an_admin_gives_a_user_another_tier_and_the_quota_that_is_left_is_told() {
    let tiers = "tiers: {free: {tokensPerDay: 100}, premium: {tokensPerDay: 1000000, moneyPerDay: \"1.50\"}}";
    let service = service_of(&[], Some(tiers)).await;
    let (admin, user) = (service.admin().await, service.user("ada@example.com").await);
    let quota = async || {
        let usage = service.get("/api/v1/usage").bearer_auth(&user.access);
        let usage = answer_to(usage).await;
        usage["quota"].clone()
    };
    let me = service.get("/api/v1/auth/me").bearer_auth(&user.access);
    let me = answer_to(me).await;
    assert_eq!(me["tier"], "free");
    assert_eq!(quota().await["tokens"], json!({"limit": 100, "remaining": 100}));

    let path = format!(
        "{}/api/v1/admin/users/{}",
        service.url,
        me["id"].as_str().unwrap()
    );
    let give = async |tier: &str, by: &str| {
        let body = json!({"tier": tier});
        let request = service.client.patch(&path).bearer_auth(by).json(&body);
        request.send().await.unwrap()
    };
    let unknown = give("platinum", &admin.access).await;
    assert_eq!(unknown.status(), 422);
    let problem: Value = unknown.json().await.unwrap();
    assert!(
        problem["detail"].as_str().unwrap().contains("premium"),
        "{problem}"
    );
    assert_eq!(give("premium", &user.access).await.status(), 403);

    let given = give("premium", &admin.access).await;
    assert_eq!(given.status(), 200);
    assert_eq!(given.json::<Value>().await.unwrap()["tier"], "premium");
    // No session ended, and the very next request has the new tier.
    let body = json!({"model": "mock/analyst", "max_tokens": 900, "messages": [{"role": "user", "content": "Why?"}]});
    let chat = service
        .post("/v1/chat/completions", &body)
        .bearer_auth(&user.access);
    let chat = answer_to(chat).await;
    let used = chat["usage"]["total_tokens"].as_u64().unwrap();
    let left = quota().await;
    assert_eq!(
        left["tokens"],
        json!({"limit": 1_000_000, "remaining": 1_000_000 - used})
    );
    assert_eq!(left["cost"], json!({"limit": "1.50", "remaining": "1.50"}));
    assert!(left["resets_in_seconds"].as_u64().unwrap() <= 86_400, "{left}");
    let audit = service.get("/api/v1/admin/audit").bearer_auth(&admin.access);
    let audit = audit.send().await.unwrap().text().await.unwrap();
    assert!(audit.contains("user.tier_changed"), "{audit}");
}
