//! The profiles that admit nobody without a credential.

use std::{path::Path, time::Duration};

use k8s_openapi::api::core::v1::{Pod, Secret, Service};
use kube::{
    Api, ResourceExt,
    api::{ListParams, PostParams},
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use ultra_testenv::{Cluster, Namespace, PodSecurity, TestToken};

use crate::{
    kubectl::{PortForward, kubectl},
    pod,
};

const DEADLINE: Duration = Duration::from_secs(60);

const QUESTION: &str = "/api/v1/analyses";

/// One pod of the service, reached past the Service.
struct Replica {
    name: String,
    forward: PortForward,
}

impl Replica {
    /// All that there are.
    async fn of(cluster: &Cluster, namespace: &Namespace, instance: &str) -> Vec<Self> {
        let pods: Api<Pod> = Api::default_namespaced(namespace.client());
        let selector = format!("app.kubernetes.io/name=ultra-service,app.kubernetes.io/instance={instance}");
        let pods = pods.list(&ListParams::default().labels(&selector)).await.unwrap();
        let mut replicas = Vec::new();
        // One that is on its way out may still be there.
        for pod in pods
            .iter()
            .filter(|pod| pod.metadata.deletion_timestamp.is_none())
        {
            let name = pod.name_any();
            let forward = PortForward::to(cluster, namespace, &format!("pod/{name}"), 8080).await;
            replicas.push(Self { name, forward });
        }
        replicas
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        let mut request = reqwest::Client::new()
            .request(method, format!("http://{}{path}", self.forward.address))
            .timeout(DEADLINE);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    async fn ask(&self, token: Option<&str>) -> StatusCode {
        let question = json!({ "prompt": "Should a small team run its own Postgres?" });
        self.call(Method::POST, QUESTION, token, Some(question)).await.0
    }

    /// Logs in and gives the access token.
    async fn log_in(&self, email: &str, password: &str) -> String {
        let body = json!({ "email": email, "password": password });
        let (status, tokens) = self
            .call(Method::POST, "/api/v1/auth/login", None, Some(body))
            .await;
        assert_eq!(status, StatusCode::OK, "{tokens:#}");
        tokens["access_token"].as_str().unwrap().to_owned()
    }

    /// Whose token it is, to this pod.
    async fn who(&self, token: &str) -> (StatusCode, Value) {
        let (status, account) = self.call(Method::GET, "/api/v1/auth/me", Some(token), None).await;
        (status, account["email"].clone())
    }

    /// Whether this pod can read the provider keys that are stored.
    async fn reads_provider_keys(&self) -> Value {
        let admin = TestToken::admin().to_string();
        let (status, keys) = self
            .call(Method::GET, "/api/v1/admin/provider-keys", Some(&admin), None)
            .await;
        assert_eq!(status, StatusCode::OK, "{keys:#}");
        keys["provider_keys"][0]["readable"].clone()
    }
}

async fn become_ready(cluster: &Cluster, namespace: &Namespace, name: &str) {
    let resource = format!("ud/{name}");
    let wait = ["wait", "--for=condition=Ready", &resource, "--timeout=150s"];
    kubectl(cluster, namespace, &wait).await;
}

#[tokio::test]
async fn in_testing_every_pod_knows_what_another_has_signed_or_encrypted_and_so_do_those_that_come_after() {
    let cluster = Cluster::with_operator().await.unwrap();
    let namespace = cluster.namespace_with(PodSecurity::Restricted).await.unwrap();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests/examples/testing.yaml");
    kubectl(
        &cluster,
        &namespace,
        &["apply", "--filename", example.to_str().unwrap()],
    )
    .await;
    become_ready(&cluster, &namespace, "testing").await;

    let [one, other] = Replica::of(&cluster, &namespace, "testing")
        .await
        .try_into()
        .ok()
        .unwrap();
    let test_token = TestToken::user().to_string();
    for replica in [&one, &other] {
        assert_eq!(replica.ask(None).await, StatusCode::UNAUTHORIZED);
        assert_eq!(replica.ask(Some(&test_token)).await, StatusCode::OK);
    }

    let (email, password) = ("ada@example.com", "a sentence that nobody guesses");
    let account = json!({ "email": email, "password": password });
    let (status, _) = one
        .call(Method::POST, "/api/v1/auth/register", None, Some(account))
        .await;
    assert_eq!(status, StatusCode::ACCEPTED);
    let token = one.log_in(email, password).await;
    assert_eq!(other.who(&token).await, (StatusCode::OK, json!(email)));
    let of_other = other.log_in(email, password).await;
    assert_eq!(one.who(&of_other).await, (StatusCode::OK, json!(email)));

    let admin = TestToken::admin().to_string();
    let key = json!({ "key": "sk-that-a-provider-gave" });
    let (status, problem) = one
        .call(
            Method::PUT,
            "/api/v1/admin/provider-keys/openai",
            Some(&admin),
            Some(key),
        )
        .await;
    assert_eq!(status, StatusCode::NO_CONTENT, "{problem:#}");
    assert_eq!(other.reads_provider_keys().await, true);

    let before = [one.name.clone(), other.name.clone()];
    drop((one, other));
    kubectl(
        &cluster,
        &namespace,
        &["delete", "pod", &before[0], &before[1], "--timeout=60s"],
    )
    .await;
    kubectl(
        &cluster,
        &namespace,
        &["rollout", "status", "deployment/testing", "--timeout=120s"],
    )
    .await;
    let after = Replica::of(&cluster, &namespace, "testing").await;
    assert_eq!(after.len(), 2);
    for replica in after {
        assert!(!before.contains(&replica.name), "{} is an old pod", replica.name);
        assert_eq!(replica.who(&token).await, (StatusCode::OK, json!(email)));
        assert_eq!(replica.reads_provider_keys().await, true);
    }
}

#[tokio::test]
async fn production_keeps_its_data_in_a_postgres_whose_certificate_it_checks_and_admits_its_admin_only() {
    let cluster = Cluster::with_operator().await.unwrap();
    let namespace = cluster.namespace_with(PodSecurity::Restricted).await.unwrap();
    postgres_with_tls(&namespace).await;
    let host = format!("db.{}.svc", namespace.name());
    let url = format!(
        "postgres://ultra:{PASSWORD}@{host}:5432/ultra\
         ?sslmode=verify-full&sslrootcert=/run/secrets/ultra/database-ca/ca.crt"
    );
    let (email, password) = ("admin@example.com", "a sentence that nobody guesses");
    create_secret(
        &namespace,
        "admin",
        json!({ "email": email, "password": password }),
    )
    .await;
    create_secret(&namespace, "url", json!({ "url": url })).await;
    let production = json!({
        "apiVersion": "ultra.dev/v1alpha1", "kind": "UltraDeployment", "metadata": { "name": "live" },
        "spec": {
            "profile": "production", "mode": "mock", "replicas": 1,
            "resources": { "requests": { "cpu": "10m", "memory": "64Mi" }, "limits": { "cpu": "1", "memory": "256Mi" } },
            "database": { "external": {
                "urlSecretRef": { "name": "url", "key": "url" },
                "caSecretRef": { "name": "database-tls", "key": "authority" },
            } },
            "cache": { "memory": {} },
            "auth": { "adminSecretRef": { "name": "admin" } },
        },
    });
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), production.to_string()).unwrap();
    kubectl(
        &cluster,
        &namespace,
        &["apply", "--filename", file.path().to_str().unwrap()],
    )
    .await;
    become_ready(&cluster, &namespace, "live").await;

    let [live] = Replica::of(&cluster, &namespace, "live")
        .await
        .try_into()
        .ok()
        .unwrap();
    assert_eq!(live.ask(None).await, StatusCode::UNAUTHORIZED);
    let test_token = TestToken::admin().to_string();
    assert_eq!(live.ask(Some(&test_token)).await, StatusCode::UNAUTHORIZED);
    let token = live.log_in(email, password).await;
    assert_eq!(live.ask(Some(&token)).await, StatusCode::OK);

    let query = "select count(*) filter (where ssl) > 0 and count(*) filter (where not ssl) = 0 \
                 from pg_stat_ssl join pg_stat_activity using (pid) where client_addr is not null";
    let psql = [
        "exec",
        "db",
        "--",
        "psql",
        "--username=ultra",
        "--no-align",
        "--tuples-only",
        "--command",
        query,
    ];
    assert_eq!(kubectl(&cluster, &namespace, &psql).await, "t\n");
    let mocked = [
        "get",
        "ud/live",
        "--output=jsonpath={.status.conditions[?(@.type==\"MockInProduction\")].status}",
    ];
    assert_eq!(kubectl(&cluster, &namespace, &mocked).await, "True");
}

/// The operator's own default, which its installation has put on the nodes.
const POSTGRES: &str = "postgres:17";

const PASSWORD: &str = "a-password-of-its-own";

async fn create_secret(namespace: &Namespace, name: &str, content: Value) {
    let secret: Secret =
        serde_json::from_value(json!({ "metadata": { "name": name }, "stringData": content })).unwrap();
    let secrets: Api<Secret> = Api::default_namespaced(namespace.client());
    secrets.create(&PostParams::default(), &secret).await.unwrap();
}

/// A Postgres `db` that takes connections over TLS only, with a certificate by an authority of its own: the Secret
/// `database-tls` holds it.
async fn postgres_with_tls(namespace: &Namespace) {
    let host = format!("db.{}.svc", namespace.name());
    let mut authority = rcgen::CertificateParams::default();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority =
        rcgen::CertifiedIssuer::self_signed(authority, rcgen::KeyPair::generate().unwrap()).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new([host])
        .unwrap()
        .signed_by(&key, &authority)
        .unwrap();
    let tls = json!({
        "authority": authority.pem(),
        "certificate": certificate.pem(),
        "key": key.serialize_pem(),
        "hba": "local all all trust\nhostssl all all all scram-sha-256\n",
    });
    create_secret(namespace, "database-tls", tls).await;
    let service: Service = serde_json::from_value(json!({
        "metadata": { "name": "db" },
        "spec": { "selector": { "app": "db" }, "ports": [{ "port": 5432 }] },
    }))
    .unwrap();
    let services: Api<Service> = Api::default_namespaced(namespace.client());
    services.create(&PostParams::default(), &service).await.unwrap();

    let mut db = pod::restricted("db", &[]);
    let folder = |name: &str, path: &str| json!({ "name": name, "mountPath": path });
    let spec = &mut db["spec"];
    spec["volumes"] = json!([
        { "name": "tls", "secret": { "secretName": "database-tls", "defaultMode": 0o440 } },
        { "name": "data", "emptyDir": {} }, { "name": "run", "emptyDir": {} }, { "name": "tmp", "emptyDir": {} },
    ]);
    let container = &mut spec["containers"][0];
    container["image"] = json!(POSTGRES);
    container["command"] = Value::Null;
    container["args"] = json!([
        "postgres",
        "-cssl=on",
        "-cssl_cert_file=/tls/certificate",
        "-cssl_key_file=/tls/key",
        "-chba_file=/tls/hba",
    ]);
    container["env"] = json!([
        { "name": "POSTGRES_USER", "value": "ultra" }, { "name": "POSTGRES_PASSWORD", "value": PASSWORD },
        { "name": "PGDATA", "value": "/data/pgdata" },
    ]);
    container["volumeMounts"] = json!([
        folder("tls", "/tls"),
        folder("data", "/data"),
        folder("run", "/run/postgresql"),
        folder("tmp", "/tmp"),
    ]);
    container["readinessProbe"] = json!({
        "exec": { "command": ["pg_isready", "--host=127.0.0.1"] }, "periodSeconds": 1,
    });
    pod::run(namespace, db, &["Running"]).await;
}
