//! Stock clients, unmodified, each in a program of its own as its users would write it. All of them ask the same, and
//! have to see what the wire says.

mod async_openai;
mod tools;

use std::time::Duration;

use serde_json::{Value, json};
use ultra_testenv::clients::{self, Node, Output, Python};

use crate::{
    auth::people,
    harness::{QUESTION, Service, answer_to, json_of, until},
};

const DEADLINE: Duration = Duration::from_secs(60);

/// Has the shape of a key, and is nobody's.
const WRONG_KEY: &str = "uk_0000000000000000000000000000000000000000000";

/// A service that wants a key, and two that it takes: what one has asked is not remembered for the other.
struct Served {
    service: Service,
    key: String,
    witness: String,
    base_url: String,
}

impl Served {
    async fn new() -> Self {
        let service = people::service().await;
        let key = async |email: &str| {
            let user = service.user(email).await;
            service.new_key(&user.access, &json!({"name": "sdk"})).await.1
        };
        let (key, witness) = (key("ada@example.com").await, key("grace@example.com").await);
        let base_url = format!("{}/v1", service.url);
        Self {
            service,
            key,
            witness,
            base_url,
        }
    }

    /// What a client's program gets to know.
    fn environment(&self) -> [(&str, &str); 4] {
        [
            ("OPENAI_BASE_URL", &self.base_url),
            ("OPENAI_API_KEY", &self.key),
            ("WRONG_KEY", WRONG_KEY),
            ("QUESTION", QUESTION),
        ]
    }

    async fn complete(&self, key: &str, model: &str) -> Value {
        let messages = json!([
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": QUESTION},
        ]);
        let body = json!({"model": model, "messages": messages});
        answer_to(self.service.post("/v1/chat/completions", &body).bearer_auth(key)).await
    }

    /// Everything that a client can see.
    async fn truth(&self) -> Value {
        let models = answer_to(self.service.get("/v1/models").bearer_auth(&self.key)).await;
        let models: Vec<&Value> = models["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|model| &model["id"])
            .collect();
        let (whole, direct) = (
            self.complete(&self.witness, "ultra").await,
            self.complete(&self.witness, "mock/analyst").await,
        );
        json!({
            "whole": whole["choices"][0]["message"]["content"],
            "finish": "stop",
            "whole_tokens": whole["usage"]["total_tokens"],
            "streamed": direct["choices"][0]["message"]["content"],
            "streamed_tokens": direct["usage"]["total_tokens"],
            "models": models,
            "model": "ultra",
            "missing": 404,
            "locked_out": 401,
        })
    }

    /// A client that left a stream has to be missed, before the model has said all.
    async fn left_a_stream(&self) {
        let whole = self.complete(&self.key, "mock/slow").await["usage"]["completion_tokens"].clone();
        let slow = until("who left, and who stayed, is on the bill", async || {
            let usage = answer_to(self.service.get("/api/v1/usage").bearer_auth(&self.key)).await;
            let days = usage["days"].as_array().unwrap();
            match days.iter().find(|day| day["model"] == "mock/slow") {
                Some(slow) if slow["requests"] == 2 => Ok(slow.clone()),
                _ => Err(usage),
            }
        })
        .await;
        let (whole, both) = (whole.as_u64().unwrap(), slow["output_tokens"].as_u64().unwrap());
        assert!((whole + 1..2 * whole).contains(&both), "{both} of {whole} each");
    }

    /// The client sees what there is to see, of what it knows to look for.
    async fn is_seen_right(&self, seen: &Value) {
        let truth = self.truth().await;
        for (name, seen) in seen.as_object().unwrap() {
            assert_eq!(seen, &truth[name], "{name}");
        }
        for name in [
            "whole",
            "finish",
            "whole_tokens",
            "streamed",
            "streamed_tokens",
            "missing",
            "locked_out",
        ] {
            assert!(!seen[name].is_null(), "{name} was not looked at");
        }
        self.left_a_stream().await;
    }
}

async fn python() -> Python {
    clients::python(clients::PYTHON_SDKS).await.unwrap()
}

async fn node() -> Node {
    clients::node(clients::NODE_PACKAGES).await.unwrap()
}

fn told(output: Output) -> Value {
    json_of(output.success().unwrap().trim())
}

#[tokio::test]
async fn openai_for_python_works_unmodified() {
    let served = Served::new().await;
    let program = include_str!("openai.py");
    let output = python().await.run(program, &served.environment(), DEADLINE).await;
    served.is_seen_right(&told(output.unwrap())).await;
}

#[tokio::test]
async fn langchain_for_python_works_unmodified() {
    let served = Served::new().await;
    let program = include_str!("langchain.py");
    let output = python().await.run(program, &served.environment(), DEADLINE).await;
    served.is_seen_right(&told(output.unwrap())).await;
}

#[tokio::test]
async fn openai_for_node_works_unmodified() {
    let served = Served::new().await;
    let program = include_str!("openai.mjs");
    let output = node().await.run(program, &served.environment(), DEADLINE).await;
    served.is_seen_right(&told(output.unwrap())).await;
}

#[tokio::test]
async fn vercels_ai_sdk_works_unmodified() {
    let served = Served::new().await;
    let program = include_str!("ai_sdk.mjs");
    let output = node().await.run(program, &served.environment(), DEADLINE).await;
    served.is_seen_right(&told(output.unwrap())).await;
}

#[tokio::test]
async fn async_openai_works_unmodified() {
    let served = Served::new().await;
    let seen = async_openai::run(&served.base_url, &served.key).await;
    served.is_seen_right(&seen).await;
}
