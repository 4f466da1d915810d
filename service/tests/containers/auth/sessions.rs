use std::time::{Duration, Instant};

use serde_json::json;

use super::people::{PASSWORD, Tokens, problem, service, service_with};
use crate::harness::answer_to;

#[tokio::test]
async fn a_person_registers_logs_in_and_out() {
    let service = service().await;
    let response = service.register("Ada@Example.com").await;
    assert_eq!(
        (response.status(), response.text().await.unwrap().as_str()),
        (202.try_into().unwrap(), "")
    );
    let tokens = service.login("ada@example.COM").await;
    let me = service
        .get("/api/v1/auth/me")
        .bearer_auth(&tokens.access)
        .send()
        .await
        .unwrap();
    let me: serde_json::Value = me.json().await.unwrap();
    assert_eq!(
        (&me["email"], &me["role"]),
        (&json!("ada@example.com"), &json!("user"))
    );
    assert_eq!(me.as_object().unwrap().len(), 5, "{me}");

    let logout = service
        .post("/api/v1/auth/logout", &json!(null))
        .bearer_auth(&tokens.access);
    assert_eq!(logout.send().await.unwrap().status(), 204);
    assert_eq!(
        service.me(&tokens.access).await,
        401,
        "the access token outlives its session"
    );
    assert_eq!(service.refresh(&tokens.refresh).await.status(), 401);
}

#[tokio::test]
async fn a_refresh_token_works_once_and_a_second_use_ends_the_session() {
    let service = service().await;
    let first = service.user("ada@example.com").await;
    let other = service.login("ada@example.com").await;
    let second = Tokens::of(&service.refresh(&first.refresh).await.json().await.unwrap());
    assert_eq!(service.me(&second.access).await, 200);
    assert_ne!(first.refresh, second.refresh);

    let stolen = service.refresh(&first.refresh).await;
    assert_eq!(stolen.status(), 401);
    assert_eq!(
        service.refresh(&second.refresh).await.status(),
        401,
        "the session goes on"
    );
    assert_eq!(service.me(&second.access).await, 401, "its access tokens go on");
    assert_eq!(service.me(&other.access).await, 200, "another session ends, too");
}

#[tokio::test]
async fn of_many_uses_of_one_refresh_token_at_once_one_succeeds() {
    let service = service().await;
    let tokens = service.user("ada@example.com").await;
    let uses = futures::future::join_all((0..10).map(|_| service.refresh(&tokens.refresh))).await;
    let succeeded = uses.iter().filter(|response| response.status() == 200).count();
    assert_eq!(succeeded, 1);
    assert!(
        uses.iter()
            .all(|response| matches!(response.status().as_u16(), 200 | 401))
    );
}

#[tokio::test]
async fn a_new_password_ends_every_session_and_replaces_the_old_one() {
    let service = service().await;
    let (one, other) = (
        service.user("ada@example.com").await,
        service.login("ada@example.com").await,
    );
    let change = |current: &str, new: &str| {
        let body = json!({"current_password": current, "new_password": new});
        let request = service
            .client
            .put(format!("{}/api/v1/auth/password", service.url));
        request.bearer_auth(&one.access).json(&body)
    };
    assert_eq!(
        problem(change("wrong", "another long password")).await,
        (401, "wrong-credentials".to_owned())
    );
    assert_eq!(
        problem(change(PASSWORD, "short")).await,
        (422, "validation".to_owned())
    );
    assert_eq!(service.me(&other.access).await, 200);
    assert_eq!(
        change(PASSWORD, "another long password")
            .send()
            .await
            .unwrap()
            .status(),
        204
    );
    for tokens in [&one, &other] {
        assert_eq!(service.me(&tokens.access).await, 401);
        assert_eq!(service.refresh(&tokens.refresh).await.status(), 401);
    }
    assert_eq!(service.try_login("ada@example.com", PASSWORD).await.status(), 401);
    assert_eq!(
        service
            .try_login("ada@example.com", "another long password")
            .await
            .status(),
        200
    );
}

#[tokio::test]
async fn what_is_no_address_or_no_password_is_refused_by_name() {
    let service = service().await;
    for (body, pointer) in [
        (json!({"email": "ada", "password": PASSWORD}), "/email"),
        (
            json!({"email": "ada@example.com", "password": "hunter2"}),
            "/password",
        ),
        (
            json!({"email": "ada@example.com", "password": "Password1234"}),
            "/password",
        ),
        (
            json!({"email": "ada@example.com", "password": PASSWORD, "role": "admin"}),
            "/role",
        ),
    ] {
        let response = service.post("/api/v1/auth/register", &body).send().await.unwrap();
        assert_eq!(response.status(), 422, "{body}");
        let text = response.text().await.unwrap();
        assert!(text.contains(&format!("\"pointer\":\"{pointer}\"")), "{text}");
        assert!(
            !text.contains("hunter2") && !text.contains("Password1234"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn nobody_learns_from_an_answer_who_has_an_account() {
    let service = service().await;
    service.user("ada@example.com").await;
    let (again, new) = (
        service.register("ada@example.com").await,
        service.register("grace@example.com").await,
    );
    assert_eq!(again.status(), new.status());
    assert_eq!(names(again.headers()), names(new.headers()));
    assert_eq!(again.text().await.unwrap(), new.text().await.unwrap());

    let answer = async |email: &str| {
        let request = service.post(
            "/api/v1/auth/login",
            &json!({"email": email, "password": "a wrong password"}),
        );
        let response = request.header("x-request-id", "same").send().await.unwrap();
        (
            response.status(),
            names(response.headers()),
            response.text().await.unwrap(),
        )
    };
    assert_eq!(
        answer("ada@example.com").await,
        answer("nobody@example.com").await
    );
}

fn names(headers: &reqwest::header::HeaderMap) -> Vec<String> {
    headers.keys().map(ToString::to_string).collect()
}

#[tokio::test]
async fn nobody_learns_from_the_time_who_has_an_account_or_is_shut_out() {
    const ROUNDS: usize = 15;
    // As production hashes.
    let service = service_with(&[
        ("ULTRA_AUTH_PASSWORD_MEMORY", "19456"),
        ("ULTRA_AUTH_PASSWORD_ITERATIONS", "2"),
    ])
    .await;
    let admin = service.admin().await;
    for email in ["ada@example.com", "grace@example.com"] {
        assert_eq!(service.register(email).await.status(), 202);
    }
    service.disable(&admin.access, "grace@example.com").await;

    let tries = [
        ("ada@example.com", "a wrong password"),
        ("nobody@example.com", "a wrong password"),
        ("grace@example.com", "a wrong password"),
        ("grace@example.com", PASSWORD),
    ];
    // Without a hash the answer would come twenty times as fast. The fastest of many, taken in turns, comes down to what
    // the work takes, whatever else the machine does: the busier that is, the more it takes.
    let mut fastest = tries.map(|_| f64::MAX);
    let deadline = Instant::now() + Duration::from_secs(60);
    for round in 1.. {
        for ((email, password), fastest) in tries.iter().zip(&mut fastest) {
            let start = Instant::now();
            assert_eq!(service.try_login(email, password).await.status(), 401);
            *fastest = fastest.min(start.elapsed().as_secs_f64());
        }
        let (least, most) = fastest.iter().fold((f64::MAX, 0.0_f64), |(least, most), time| {
            (least.min(*time), most.max(*time))
        });
        if round >= ROUNDS && most / least < 1.4 {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "{tries:?}: {fastest:?} after {round} rounds"
        );
    }
}

#[tokio::test]
async fn who_tries_too_often_is_told_when_to_come_back() {
    let service = service_with(&[("ULTRA_AUTH_TRIES_PER_ACCOUNT", "3")]).await;
    service.user("ada@example.com").await;
    for _ in 0..2 {
        assert_eq!(
            service
                .try_login("ada@example.com", "a wrong password")
                .await
                .status(),
            401
        );
    }
    // The right password is one more try: who guesses must not learn that this guess was right.
    let response = service.try_login("ada@example.com", PASSWORD).await;
    assert_eq!(response.status(), 429);
    let seconds: u64 = response.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    assert_eq!(
        service.try_login("grace@example.com", PASSWORD).await.status(),
        401
    );
}

#[tokio::test]
async fn a_token_names_the_published_key_that_it_verifies_with() {
    let service = service().await;
    let tokens = service.user("ada@example.com").await;
    let jwks = answer_to(service.get("/.well-known/jwks.json")).await;
    let keys = jwks["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 1, "{jwks}");
    assert!(keys[0].get("d").is_none(), "a private key is published");
    // The header names the published key.
    use base64::Engine as _;
    let header = tokens.access.split('.').next().unwrap();
    let header = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(header)
        .unwrap();
    let header: serde_json::Value = serde_json::from_slice(&header).unwrap();
    assert_eq!(header["kid"], keys[0]["kid"]);
    assert_eq!(
        (&header["alg"], &header["typ"]),
        (&json!("EdDSA"), &json!("at+jwt"))
    );
}
