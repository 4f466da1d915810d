//! People with accounts, and what they hold.

use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};

use crate::harness::{Service, answer_to, json_of};

pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// Hashing is not what most tests are about, so it is made cheap; nobody shares a database with another test.
pub(crate) const CHEAP: [(&str, &str); 4] = [
    ("ULTRA_PROFILE", "testing"),
    ("ULTRA_DATABASE_MIGRATE", "auto"),
    ("ULTRA_AUTH_PASSWORD_MEMORY", "64"),
    ("ULTRA_AUTH_PASSWORD_ITERATIONS", "1"),
];

/// The admin that the configuration makes.
pub(crate) const ADMIN: [(&str, &str); 2] = [
    ("ULTRA_AUTH_ADMIN_EMAIL", "admin@example.com"),
    ("ULTRA_AUTH_ADMIN_PASSWORD", PASSWORD),
];

/// A service where anybody can register, with an admin.
pub(crate) async fn service() -> Service {
    service_with(&[]).await
}

/// The same, with further variables.
pub(crate) async fn service_with(vars: &[(&str, &str)]) -> Service {
    service_of(vars, None).await
}

/// The same, with this content of the configuration file.
pub(crate) async fn service_of(vars: &[(&str, &str)], file: Option<&str>) -> Service {
    // Most tests are not about throttling, and those that wait for the admin try often.
    let defaults = [
        ("ULTRA_AUTH_REGISTRATION", "open"),
        ("ULTRA_AUTH_TRIES_PER_ACCOUNT", "100000"),
        ("ULTRA_AUTH_TRIES_PER_ADDRESS", "100000"),
    ];
    let all: Vec<_> = CHEAP
        .iter()
        .chain(&ADMIN)
        .chain(
            defaults
                .iter()
                .filter(|(name, _)| vars.iter().all(|(set, _)| set != name)),
        )
        .chain(vars)
        .copied()
        .collect();
    Service::start(&all, file).await
}

/// What a login gave.
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl Tokens {
    pub(crate) fn of(body: &Value) -> Self {
        let text = |name: &str| body[name].as_str().unwrap_or_else(|| panic!("{body}")).to_owned();
        assert_eq!(body["token_type"], "Bearer");
        Self {
            access: text("access_token"),
            refresh: text("refresh_token"),
        }
    }
}

impl Service {
    pub(crate) async fn register(&self, email: &str) -> Response {
        let body = json!({"email": email, "password": PASSWORD});
        self.post("/api/v1/auth/register", &body).send().await.unwrap()
    }

    pub(crate) async fn try_login(&self, email: &str, password: &str) -> Response {
        let body = json!({"email": email, "password": password});
        self.post("/api/v1/auth/login", &body).send().await.unwrap()
    }

    pub(crate) async fn login(&self, email: &str) -> Tokens {
        let response = self.try_login(email, PASSWORD).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["cache-control"], "no-store");
        Tokens::of(&response.json().await.unwrap())
    }

    /// A new user's tokens.
    pub(crate) async fn user(&self, email: &str) -> Tokens {
        assert_eq!(self.register(email).await.status(), 202);
        self.login(email).await
    }

    /// The admin's tokens. The account is made in the background, once the schema is there.
    pub(crate) async fn admin(&self) -> Tokens {
        crate::harness::until("the admin can log in", async || {
            let response = self.try_login("admin@example.com", PASSWORD).await;
            match response.status().as_u16() {
                200 => Ok(Tokens::of(&response.json().await.unwrap())),
                status => Err(status),
            }
        })
        .await
    }

    /// Shuts a user out, who is on the first page of users.
    pub(crate) async fn disable(&self, admin: &str, email: &str) {
        let users = self.get("/api/v1/admin/users").bearer_auth(admin);
        let users = answer_to(users).await;
        let is_theirs = |user: &&Value| user["email"] == email;
        let user = users["users"].as_array().unwrap().iter().find(is_theirs);
        let id = user.unwrap()["id"].as_str().unwrap();
        let change = self
            .client
            .patch(format!("{}/api/v1/admin/users/{id}", self.url))
            .json(&json!({"disabled": true}));
        assert_eq!(change.bearer_auth(admin).send().await.unwrap().status(), 200);
    }

    pub(crate) async fn refresh(&self, token: &str) -> Response {
        let body = json!({"refresh_token": token});
        self.post("/api/v1/auth/refresh", &body).send().await.unwrap()
    }

    /// The status that this credential gets from a route that needs an account.
    pub(crate) async fn me(&self, token: &str) -> u16 {
        let response = self
            .get("/api/v1/auth/me")
            .bearer_auth(token)
            .send()
            .await
            .unwrap();
        response.status().as_u16()
    }

    /// The status that this credential gets from the panel.
    pub(crate) async fn asks(&self, token: &str) -> u16 {
        let request = self.post("/api/v1/analyses", &json!({"prompt": crate::harness::QUESTION}));
        request.bearer_auth(token).send().await.unwrap().status().as_u16()
    }

    /// A new API key of the owner of this access token: its id and itself.
    pub(crate) async fn new_key(&self, token: &str, body: &Value) -> (String, String) {
        let response = self
            .post("/api/v1/keys", body)
            .bearer_auth(token)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 201);
        assert_eq!(response.headers()["cache-control"], "no-store");
        let key: Value = response.json().await.unwrap();
        let text = |name: &str| key[name].as_str().unwrap().to_owned();
        (text("id"), text("key"))
    }
}

/// The `code` of a problem and its status; fails where it is none.
pub(crate) async fn problem(request: RequestBuilder) -> (u16, String) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let challenged = response.headers().contains_key("www-authenticate");
    assert_eq!(status == 401, challenged && status != 403, "{status}");
    let body = json_of(&response.text().await.unwrap());
    let kind = body["type"]
        .as_str()
        .unwrap()
        .rsplit('/')
        .next()
        .unwrap()
        .to_owned();
    (status, kind)
}
