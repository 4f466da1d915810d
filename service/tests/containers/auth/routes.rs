//! Every route and method of the OpenAPI document, with every credential that must not open it.

use std::path::Path;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::Method;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};
use ultra_service::{
    auth::{LiveKeyRing, Rules, TokenRules, Tokens},
    domain::Role,
};
use ultra_testenv::TestToken;

use super::people::{CHEAP, service, service_with};
use crate::harness::{Service, answer_to};

/// What is public, by declaration. A route that becomes public must be written down here too.
const PUBLIC: [&str; 8] = [
    "get /.well-known/jwks.json",
    "get /health",
    "get /health/live",
    "get /health/ready",
    "get /health/startup",
    "post /api/v1/auth/login",
    "post /api/v1/auth/refresh",
    "post /api/v1/auth/register",
];

/// Public too, and no part of the API.
const PAGES: [&str; 5] = ["/", "/api/health", "/docs", "/docs/", "/openapi.json"];

struct Route {
    method: Method,
    path: String,
    public: bool,
    scopes: Vec<String>,
}

impl Route {
    fn name(&self) -> String {
        format!("{} {}", self.method.as_str().to_lowercase(), self.path)
    }
}

async fn routes(service: &Service) -> Vec<Route> {
    let document = answer_to(service.get("/openapi.json")).await;
    let mut routes = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let security = operation["security"]
                .as_array()
                .unwrap_or_else(|| panic!("{method} {path} does not say whether it is public"));
            let scopes = security.first().and_then(|scheme| scheme["bearer"].as_array());
            routes.push(Route {
                method: method.to_uppercase().parse().unwrap(),
                path: path
                    .replace("{id}", "01936b2e-7c1a-7cc3-9d5b-0f3a5c1e8a42")
                    .replace("{provider}", "openai"),
                public: security.is_empty(),
                scopes: scopes
                    .into_iter()
                    .flatten()
                    .map(|scope| scope.as_str().unwrap().to_owned())
                    .collect(),
            });
        }
    }
    assert!(routes.len() > 25, "the document has {} routes", routes.len());
    routes
}

async fn ask(service: &Service, route: &Route, token: Option<&str>) -> (u16, Option<String>, String) {
    let mut request = service
        .client
        .request(route.method.clone(), format!("{}{}", service.url, route.path));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let response = request.send().await.unwrap();
    let header = |name: &str| {
        response
            .headers()
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned())
    };
    let (challenge, kind) = (
        header("www-authenticate"),
        header("content-type").unwrap_or_default(),
    );
    let expected = if route.path.starts_with("/v1/") {
        "application/json"
    } else {
        "application/problem+json"
    };
    let status = response.status().as_u16();
    if status == 401 || status == 403 {
        assert_eq!(kind, expected, "{}", route.name());
    }
    (status, challenge, response.text().await.unwrap())
}

#[tokio::test]
async fn only_what_is_declared_public_answers_to_a_stranger() {
    let keys = tempfile::tempdir().unwrap();
    ultra_service::auth::KeyRing::generate(keys.path()).unwrap();
    let service = service_with(&[("ULTRA_JWT_KEYS_DIR", keys.path().to_str().unwrap())]).await;
    let user = service.user("ada@example.com").await;
    let (id, revoked) = service
        .new_key(
            &user.access,
            &json!({"name": "gone", "scopes": ["inference", "history", "admin"]}),
        )
        .await;
    let delete = service.client.delete(format!("{}/api/v1/keys/{id}", service.url));
    assert_eq!(
        delete.bearer_auth(&user.access).send().await.unwrap().status(),
        204
    );

    // Another service's token has the same shape, and is signed by another key.
    let other = super::people::service().await;
    let others = other.user("ada@example.com").await;
    let unknown_key = format!("uk_{}", "a".repeat(40));
    let flipped = flip_signature(&user.access);
    let at = |minutes| as_of(&user.access, keys.path(), Duration::minutes(minutes));
    assert_eq!(
        service.me(&at(0)).await,
        200,
        "only its age is wrong with the expired token"
    );
    let expired = at(-60);
    let expired_test_token = TestToken::admin().expired().mint();
    let strangers: [(&str, Option<&str>, &str); 9] = [
        ("no credential", None, "Bearer realm=\"ultra\""),
        ("a foreign credential", Some("sk-proj-123"), INVALID),
        ("another service's token", Some(&others.access), INVALID),
        ("a refresh token", Some(&user.refresh), INVALID),
        ("a forged token", Some(&flipped), INVALID),
        ("an expired access token", Some(&expired), INVALID),
        ("an expired test token", Some(&expired_test_token), INVALID),
        ("an unknown key", Some(&unknown_key), INVALID),
        ("a revoked key", Some(&revoked), INVALID),
    ];
    let mut public = Vec::new();
    for route in routes(&service).await {
        if route.public {
            public.push(format!("{} {}", route.method.as_str().to_lowercase(), route.path));
            let (status, ..) = ask(&service, &route, None).await;
            assert!(
                !matches!(status, 401 | 403 | 404 | 405),
                "{}: {status}",
                route.name()
            );
            continue;
        }
        for (who, token, challenge) in &strangers {
            let (status, challenged, body) = ask(&service, &route, *token).await;
            assert_eq!(status, 401, "{} with {who}: {body}", route.name());
            assert_eq!(
                challenged.as_deref(),
                Some(*challenge),
                "{} with {who}",
                route.name()
            );
            assert!(
                token.is_none_or(|token| !body.contains(token)),
                "{} shows {who}",
                route.name()
            );
        }
    }
    public.sort();
    assert_eq!(public, PUBLIC);
    for page in PAGES {
        assert_eq!(service.get(page).send().await.unwrap().status(), 200, "{page}");
    }
}

#[tokio::test]
async fn a_stranger_is_refused_whatever_the_method_and_a_browser_is_answered_before_it_asks() {
    let origin = "https://app.example.com";
    let service = service_with(&[("ULTRA_HTTP_CORS_ORIGINS", origin)]).await;
    let user = service.user("ada@example.com").await;
    let routes = routes(&service).await;
    let methods = [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND",
    ];
    let paths = routes
        .iter()
        .filter(|route| !route.public)
        .map(|route| &route.path);
    let paths: std::collections::BTreeSet<&String> = paths.collect();
    assert!(paths.len() > 12, "{paths:?}");
    for path in paths {
        let takes = |method: &str| {
            let mut there = routes.iter().filter(|route| route.path == *path);
            there.any(|route| route.method == method || route.method == "GET" && method == "HEAD")
        };
        for method in methods {
            let asked = Route {
                method: method.parse().unwrap(),
                path: path.clone(),
                public: false,
                scopes: Vec::new(),
            };
            let (status, challenge, _) = ask(&service, &asked, None).await;
            assert_eq!(status, 401, "{method} {path}");
            assert_eq!(
                challenge.as_deref(),
                Some("Bearer realm=\"ultra\""),
                "{method} {path}"
            );
            if !takes(method) && !path.starts_with("/api/v1/admin/") {
                let (status, ..) = ask(&service, &asked, Some(&user.access)).await;
                assert_eq!(status, 405, "{method} {path}");
            }
        }
        let url = format!("{}{path}", service.url);
        let preflight = service
            .client
            .request(Method::OPTIONS, url)
            .header("origin", origin);
        let preflight = preflight.header("access-control-request-method", "GET");
        let answer = preflight.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!(answer.headers()["access-control-allow-origin"], origin, "{path}");
    }
}

const INVALID: &str = "Bearer realm=\"ultra\", error=\"invalid_token\"";

/// The token of the same user and session as the service would have issued it at another time: from now, signed by
/// the same key.
fn as_of(token: &str, ring: &Path, from_now: Duration) -> String {
    let claims = token.split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    let claim = |name: &str| claims[name].as_str().unwrap_or_else(|| panic!("{claims}"));
    let rules = Rules {
        allow_hmac: false,
        refuse_known: false,
    };
    let tokens = Tokens::new(
        LiveKeyRing::load(ring, rules).unwrap(),
        TokenRules {
            issuer: claim("iss").to_owned(),
            audience: claim("aud").to_owned(),
            access_ttl: std::time::Duration::from_secs(900),
            accept_test_tokens: false,
        },
    );
    let (user, session) = (claim("sub").parse().unwrap(), claim("sid").parse().unwrap());
    let now = OffsetDateTime::now_utc() + from_now;
    let issued = tokens
        .signer(now)
        .unwrap()
        .issue(user, session, Role::User)
        .unwrap();
    issued.token.expose_secret().to_owned()
}

/// Signed by nobody, and else the same.
pub(super) fn flip_signature(token: &str) -> String {
    let (rest, signature) = token.rsplit_once('.').unwrap();
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    format!("{rest}.{first}{}", &signature[1..])
}

#[tokio::test]
async fn a_key_reaches_as_far_as_its_scopes_and_a_user_as_far_as_their_role() {
    let service = service().await;
    let (user, admin) = (service.user("ada@example.com").await, service.admin().await);
    let key = |scopes: Value| json!({"name": "key", "scopes": scopes});
    let (_, inference) = service.new_key(&admin.access, &key(json!(["inference"]))).await;
    let (_, history) = service.new_key(&admin.access, &key(json!(["history"]))).await;
    let (_, everything) = service
        .new_key(&admin.access, &key(json!(["inference", "history", "admin"])))
        .await;
    let (_, users) = service
        .new_key(&user.access, &key(json!(["inference", "history", "admin"])))
        .await;

    for route in routes(&service).await.into_iter().filter(|route| !route.public) {
        let needs = |scope: &str| route.scopes.iter().any(|needed| needed == scope);
        let admins = needs("admin");
        let account = route.scopes.is_empty();
        // Those that would end what the others need come last, or not at all.
        let harmless = !route.path.ends_with("/logout");
        let mut expected = vec![
            ("an inference key", &inference, needs("inference")),
            ("a history key", &history, needs("history")),
            ("an admin's key with every scope", &everything, !account),
            ("a user's key with every scope", &users, !account && !admins),
        ];
        if harmless {
            expected.push(("a user", &user.access, !admins));
            expected.push(("an admin", &admin.access, true));
        }
        for (who, token, allowed) in expected {
            let (status, challenge, body) = ask(&service, &route, Some(token)).await;
            assert_eq!(
                status != 403,
                allowed,
                "{} with {who}: {status} {body}",
                route.name()
            );
            assert_ne!(status, 401, "{} with {who}: {body}", route.name());
            assert!(status < 500, "{} with {who}: {status} {body}", route.name());
            if let (403, Some(challenge)) = (status, challenge) {
                assert!(challenge.contains("error=\"insufficient_scope\""), "{challenge}");
            }
        }
    }
}

#[tokio::test]
async fn test_tokens_open_the_testing_profile_and_no_other() {
    let testing = Service::start(&CHEAP, None).await;
    let token = TestToken::user().mint();
    assert_eq!(testing.me(&token).await, 200);
    assert_eq!(testing.asks(&token).await, 200);
    assert_eq!(testing.me(&TestToken::user().expired().mint()).await, 401);

    let production = production().await;
    let (users, admins) = (TestToken::user().mint(), TestToken::admin().mint());
    for route in routes(&production)
        .await
        .into_iter()
        .filter(|route| !route.public)
    {
        for test_token in [&users, &admins] {
            let (status, challenge, _) = ask(&production, &route, Some(test_token)).await;
            assert_eq!(status, 401, "{}", route.name());
            assert_eq!(challenge.as_deref(), Some(INVALID), "{}", route.name());
        }
    }
    let development = service_with(&[("ULTRA_PROFILE", "development")]).await;
    assert_eq!(development.me(&token).await, 401);
    assert_eq!(
        development.asks(&token).await,
        401,
        "an invalid credential is not nobody's"
    );
}

/// The production profile, on a Postgres of its own.
async fn production() -> Service {
    let stack = ultra_testenv::Stack::builder().postgres().start().await.unwrap();
    let database = stack.postgres().fresh_database().await.unwrap();
    let keys = tempfile::tempdir().unwrap();
    ultra_service::auth::KeyRing::generate(keys.path()).unwrap();
    let vars = [
        ("ULTRA_PROFILE", "production"),
        ("ULTRA_MODE", "mock"),
        ("ULTRA_DATABASE_MIGRATE", "auto"),
        ("DATABASE_URL", database.url()),
        ("ULTRA_JWT_KEYS_DIR", keys.path().to_str().unwrap()),
    ];
    let service = Service::start(&vars, None).await;
    service.keeping((stack, database, keys))
}
