//! Secrets of a running service stay in it: whatever it prints, answers or writes is searched for every one of them.

use std::path::Path;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::Method;
use serde_json::{Value, json};
use ultra_testenv::Stack;

use crate::{auth::people::CHEAP, harness::until, program::Program};

const ADMIN: &str = "canary admin password";
const USER: &str = "canary user password";
const NEW: &str = "canary new password";
const PROVIDER: &str = "sk-canary-of-the-environment";
const STORED: &str = "sk-canary-of-the-store";
const PROMPT: &str = "Where does the canary sing?";

/// A client that remembers every answer, but for the parts that hand a secret over.
struct Caller<'a> {
    program: &'a Program,
    heard: String,
}

impl Caller<'_> {
    async fn call(&mut self, method: Method, path: &str, token: &str, body: &Value) -> (u16, Value) {
        let request = self
            .program
            .client
            .request(method, format!("{}{path}", self.program.url))
            .bearer_auth(token);
        let request = if body.is_null() {
            request
        } else {
            request.json(body)
        };
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        self.heard.push_str(&format!("{:?}\n", response.headers()));
        let text = response.text().await.unwrap();
        let value: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        let mut told = value.clone();
        if let Some(fields) = told.as_object_mut() {
            for handed_over in [
                "access_token",
                "refresh_token",
                "key",
                "invite",
                "prompt",
                "answer",
            ] {
                fields.remove(handed_over);
            }
        }
        let told = if value.is_null() { text } else { told.to_string() };
        self.heard.push_str(&format!("{told}\n"));
        (status, value)
    }

    async fn post(&mut self, path: &str, token: &str, body: &Value) -> (u16, Value) {
        self.call(Method::POST, path, token, body).await
    }
}

fn text(value: &Value, name: &str) -> String {
    value[name]
        .as_str()
        .unwrap_or_else(|| panic!("{value}"))
        .to_owned()
}

/// Everything under a folder, as it lies on the disk.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
    found
}

fn holds(haystack: &[u8], needle: &str) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle.as_bytes())
}

#[tokio::test]
async fn no_log_answer_or_file_of_a_service_that_works_and_fails_holds_a_secret() {
    let master_key = STANDARD.encode(b"canary of the master key, 32 b.!");
    let master_keys = format!("first:{master_key}");
    let vars: Vec<_> = CHEAP
        .into_iter()
        .chain([
            ("RUST_LOG", "trace"),
            ("ULTRA_LOG_FORMAT", "json"),
            ("ULTRA_AUTH_REGISTRATION", "invite"),
            ("ULTRA_AUTH_ADMIN_EMAIL", "admin@example.com"),
            ("ULTRA_AUTH_ADMIN_PASSWORD", ADMIN),
            ("ULTRA_MASTER_KEY", &master_keys),
            ("OPENAI_API_KEY", PROVIDER),
        ])
        .collect();
    let program = Program::start(&vars).await;
    let mut caller = Caller {
        program: &program,
        heard: String::new(),
    };
    let login = json!({"email": "admin@example.com", "password": ADMIN});
    let admin = until("the admin can log in", async || {
        let url = format!("{}/api/v1/auth/login", program.url);
        let response = program.client.post(url).json(&login).send().await.unwrap();
        match response.status().as_u16() {
            200 => Ok(text(&response.json().await.unwrap(), "access_token")),
            status => Err(status),
        }
    })
    .await;

    let (_, invite) = caller.post("/api/v1/admin/invites", &admin, &Value::Null).await;
    let invite = text(&invite, "invite");
    let user = json!({"email": "ada@example.com", "password": USER, "invite": invite});
    assert_eq!(caller.post("/api/v1/auth/register", "", &user).await.0, 202);
    let login = json!({"email": "ada@example.com", "password": USER});
    let (_, first) = caller.post("/api/v1/auth/login", "", &login).await;
    let (access, refresh) = (text(&first, "access_token"), text(&first, "refresh_token"));
    let body = json!({"refresh_token": refresh});
    let (_, second) = caller.post("/api/v1/auth/refresh", "", &body).await;
    let (next_access, next_refresh) = (text(&second, "access_token"), text(&second, "refresh_token"));
    let (_, key) = caller
        .post("/api/v1/keys", &next_access, &json!({"name": "laptop"}))
        .await;
    let key = text(&key, "key");
    let body = json!({"key": STORED});
    let (status, _) = caller
        .call(Method::PUT, "/api/v1/admin/provider-keys/openai", &admin, &body)
        .await;
    assert!((200..300).contains(&status), "{status}");

    let ask = json!({"prompt": PROMPT});
    assert_eq!(caller.post("/api/v1/analyses", &key, &ask).await.0, 200);
    let chat = json!({"model": "ultra", "messages": [{"role": "user", "content": PROMPT}]});
    assert_eq!(caller.post("/v1/chat/completions", &key, &chat).await.0, 200);
    for path in [
        "/health",
        "/openapi.json",
        "/.well-known/jwks.json",
        "/api/v1/keys",
        "/api/v1/auth/me",
        "/api/v1/admin/users",
        "/api/v1/admin/audit",
        "/api/v1/admin/provider-keys",
    ] {
        for token in [&admin, &next_access, &key] {
            caller.call(Method::GET, path, token, &Value::Null).await;
        }
    }
    // Where people put secrets by mistake, and what they send that is wrong.
    for path in [
        format!("/v1/models?api_key={key}"),
        format!("/?token={next_access}"),
    ] {
        caller.call(Method::GET, &path, "", &Value::Null).await;
    }
    for (path, token, body) in [
        (
            "/api/v1/auth/login",
            "",
            json!({"email": "ada@example.com", "password": format!("{USER}?")}),
        ),
        (
            "/api/v1/auth/login",
            "",
            json!({"email": USER, "password": [USER]}),
        ),
        (
            "/api/v1/auth/register",
            "",
            json!({"email": "bob@example.com", "password": "canary?", "invite": invite}),
        ),
        (
            "/api/v1/auth/register",
            "",
            json!({"email": "bob@example.com", "password": USER, "invite": next_refresh}),
        ),
        ("/api/v1/analyses", refresh.as_str(), ask.clone()),
        ("/api/v1/analyses", &format!("{key}x"), ask.clone()),
        ("/api/v1/analyses", &format!("{access}x"), ask.clone()),
        (
            "/api/v1/keys",
            next_access.as_str(),
            json!({"name": "x", "scopes": [key]}),
        ),
    ] {
        let (status, _) = caller.post(path, token, &body).await;
        assert!((400..500).contains(&status), "{path} {body}: {status}");
    }
    let body = json!({"current_password": USER, "new_password": NEW});
    let (status, _) = caller
        .call(Method::PUT, "/api/v1/auth/password", &next_access, &body)
        .await;
    assert_eq!(status, 204);
    assert_eq!(
        caller
            .post("/api/v1/auth/refresh", "", &json!({"refresh_token": refresh}))
            .await
            .0,
        401
    );

    let mut printed = program.log();
    for (arguments, more) in [
        (&["config", "show"][..], &[][..]),
        (&["config", "check"], &[]),
        (&["config", "check"], &[("ULTRA_CACHE_TTL", "never")]),
        (&["secrets", "status"], &[]),
        (&["secrets", "rotate"], &[("ULTRA_MASTER_KEY", "other:AAAA")]),
        (&["users", "create", "ada@example.com"], &[]),
        (&["serve"], &[("ULTRA_JWT_KEYS_DIR", "/dev/null")]),
    ] {
        let output = program.run(arguments, more);
        printed.push_str(&String::from_utf8_lossy(&output.stdout));
        printed.push_str(&String::from_utf8_lossy(&output.stderr));
    }
    assert!(printed.contains("DEBUG") && printed.len() > 10_000, "{printed}");

    let ring = files(&program.data().join("jwt"));
    let signing: Vec<_> = ring
        .iter()
        .filter(|(name, _)| name.ends_with(".pem"))
        .map(|(_, pem)| String::from_utf8_lossy(pem).lines().nth(1).unwrap().to_owned())
        .collect();
    assert_eq!(signing.len(), 1);
    let kept = [ADMIN, USER, NEW, PROVIDER, STORED, &master_key];
    let handed_over = [
        &admin,
        &access,
        &refresh,
        &next_access,
        &next_refresh,
        &key,
        &invite,
    ];
    let secrets = || {
        kept.into_iter()
            .chain(handed_over.map(String::as_str))
            .chain(signing.iter().map(String::as_str))
    };
    for secret in secrets() {
        assert!(
            !printed.contains(secret),
            "{secret} is printed:\n{}",
            lines_with(&printed, secret)
        );
        assert!(
            !caller.heard.contains(secret),
            "{secret} is answered:\n{}",
            lines_with(&caller.heard, secret)
        );
    }
    assert!(!printed.contains(PROMPT), "{}", lines_with(&printed, PROMPT));
    // The ring is where its key belongs, and the store keeps no other secret in the clear.
    for (name, content) in files(&program.data()) {
        if !name.ends_with(".pem") {
            for secret in secrets() {
                assert!(!holds(&content, secret), "{name} holds {secret}");
            }
        }
    }
}

#[tokio::test]
async fn a_database_and_a_cache_that_refuse_a_password_do_not_make_it_known() {
    let stack = Stack::builder().postgres().redis().start().await.unwrap();
    let with_password = |url: &str| {
        let mut url: url::Url = url.parse().unwrap();
        url.set_password(Some("canary-password")).unwrap();
        url.to_string()
    };
    let (database, cache) = (
        with_password(stack.postgres().url()),
        with_password(stack.redis().url()),
    );
    let vars: Vec<_> = CHEAP
        .into_iter()
        .chain([
            ("RUST_LOG", "trace"),
            ("DATABASE_URL", &database),
            ("REDIS_URL", &cache),
        ])
        .collect();
    let program = Program::start(&vars).await;
    let health = until("both are down", async || {
        let health = program
            .client
            .get(format!("{}/health", program.url))
            .send()
            .await
            .unwrap();
        let health: Value = health.json().await.unwrap();
        let down = |name: &str| health["dependencies"][name]["status"] == "down";
        if down("database") && down("cache") {
            Ok(health.clone())
        } else {
            Err(health)
        }
    })
    .await;
    let token = program.run(&["token", "--profile", "testing"], &[]);
    let token = String::from_utf8(token.stdout).unwrap();
    let answer = program
        .client
        .get(format!("{}/api/v1/auth/me", program.url))
        .bearer_auth(token.trim())
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 503);
    let mut printed = program.log();
    for arguments in [
        &["secrets", "status"][..],
        &["users", "create", "ada@example.com"],
    ] {
        let output = program.run(
            arguments,
            &[(
                "ULTRA_MASTER_KEY",
                "k:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
            )],
        );
        assert!(!output.status.success());
        printed.push_str(&String::from_utf8_lossy(&output.stderr));
    }
    for told in [health.to_string(), answer.text().await.unwrap(), printed] {
        assert!(!told.contains("canary"), "{}", lines_with(&told, "canary"));
    }
}

fn lines_with<'a>(text: &'a str, word: &str) -> String {
    let lines: Vec<&'a str> = text.lines().filter(|line| line.contains(word)).take(5).collect();
    lines.join("\n")
}
