//! The failure matrix: every fault of a provider, in every place where a model is asked, of one, some and all. What has
//! to become of each is data, in [`table`].

mod document;
mod table;

use std::fmt::Debug;

use futures::future::join_all;
use serde_json::{Value, json};
use ultra_testenv::llm::{Fault, Llm, Script};

use self::table::{Extent, Outcome, PANEL, ROWS, Refusal, Row, Stage, Streamed};
use crate::harness::Service;

/// One model of each language, so that each adapter meets each fault in each stage.
const MEMBERS: [&str; 3] = ["openai/one", "anthropic/two", "google/three"];

const WRITER: &str = "openai/editor";

/// Where somebody has to wait for the fault, the waiting ends soon; elsewhere a slow machine has time. Nothing is tried
/// anew, so that each fault is met once.
const SHORT: &str = "firstByteTimeout: 1s, chunkTimeout: 1s, timeout: 3s, retries: 0";
const LONG: &str = "firstByteTimeout: 30s, chunkTimeout: 30s, timeout: 60s, retries: 0";

/// A service with all three languages behind it.
struct Behind {
    service: Service,
    llm: Llm,
    /// Each question is a new one: equal ones would be remembered.
    asked: usize,
}

impl Behind {
    async fn start(bounds: &str) -> Self {
        let llm = Llm::scripted().start().await.unwrap();
        let provider = |name: &str, url: String| {
            format!(
                "  - {{name: {name}, kind: {name}, baseUrl: '{url}', apiKeyVariable: STAND_IN_KEY, {bounds}}}\n"
            )
        };
        let file = format!(
            "providers:\n{}{}{}panel: {{models: [{}], synthesizer: {WRITER}}}\n",
            provider("openai", llm.openai_base_url()),
            provider("anthropic", llm.anthropic_base_url()),
            provider("google", llm.gemini_base_url()),
            MEMBERS.join(", "),
        );
        let vars = [("ULTRA_MODE", "real"), ("STAND_IN_KEY", "sk-stand-in")];
        let service = Service::start(&vars, Some(&file)).await;
        Self {
            service,
            llm,
            asked: 0,
        }
    }

    fn question(&mut self) -> String {
        self.asked += 1;
        format!("Question {}?", self.asked)
    }

    /// One model, asked for a whole answer.
    async fn whole(&mut self, model: &str) -> Refusal {
        let body = json!({"model": model, "messages": [{"role": "user", "content": self.question()}]});
        let response = self.service.chat(&body).await;
        refusal(response).await
    }

    /// One model, asked for a stream.
    async fn streamed(&mut self, model: &str) -> Streamed {
        let body = json!({"model": model, "messages": [{"role": "user", "content": self.question()}], "stream": true});
        let response = self.service.chat(&body).await;
        if response.status() != 200 {
            return Streamed::Refused(refusal(response).await);
        }
        let text = response.text().await.unwrap();
        let data: Vec<_> = text
            .lines()
            .filter_map(|line| line.strip_prefix("data: "))
            .collect();
        let error = data.iter().rfind(|data| **data != "[DONE]").unwrap();
        let error: Value = serde_json::from_str(error).unwrap();
        Streamed::BreaksOff(code(&error))
    }

    /// The panel: what became of it, and who was left out.
    async fn panel(&mut self) -> (Outcome, Vec<Value>) {
        let body = json!({"prompt": self.question()});
        let response = self.service.post("/api/v1/analyses", &body).send().await.unwrap();
        let status = response.status().as_u16();
        let answer: Value = response.json().await.unwrap();
        let named = answer["left_out"].as_array().cloned().unwrap_or_default();
        let left_out = named.len();
        let outcome = match (status, &answer["degraded"]) {
            (200, Value::Bool(false)) => Outcome::Answers { left_out },
            (200, _) => Outcome::Degraded { left_out },
            (503, _) if answer["type"].as_str().unwrap().ends_with("too-few-models") => {
                Outcome::TooFew { left_out }
            }
            _ => panic!("{status}: {answer}"),
        };
        (outcome, named)
    }
}

async fn refusal(response: reqwest::Response) -> Refusal {
    let status = response.status().as_u16();
    let retry_after = response
        .headers()
        .get("retry-after")
        .map(|seconds| seconds.to_str().unwrap().parse().unwrap());
    let body: Value = response.json().await.unwrap();
    Refusal {
        status,
        code: code(&body),
        retry_after,
    }
}

/// One of the codes of the table, so that the result can be compared with it.
fn code(body: &Value) -> &'static str {
    let code = body["error"]["code"].as_str().unwrap_or_default();
    let known = ROWS.iter().map(|row| row.whole.code).find(|known| *known == code);
    known.unwrap_or("none of the table's")
}

/// Whose calls fail, and in which of their turns.
fn script(fault: &Fault, stage: Stage, extent: Extent) -> Script {
    // The members write a final answer where the one who should has failed, in their order.
    let writers = [WRITER].into_iter().chain(MEMBERS);
    let (models, turn): (Vec<_>, _) = match (stage, extent) {
        (Stage::Synthesis, Extent::One) => (vec![WRITER], 0),
        (Stage::Synthesis, Extent::Some) => (writers.take(2).collect(), 2),
        (Stage::Synthesis, Extent::All) => (writers.collect(), 2),
        (stage, extent) => {
            let count = match extent {
                Extent::One => 1,
                Extent::Some => 2,
                Extent::All => 3,
            };
            let turn = usize::from(stage == Stage::Review);
            (MEMBERS[..count].to_vec(), turn)
        }
    };
    models.into_iter().fold(Llm::scripted(), |script, model| {
        let name = model.split_once('/').unwrap().1;
        let turns = if model == WRITER { 0 } else { turn };
        let script = (0..turns).fold(script.for_model(name), |script, turn| {
            script.answer(format!("answer {turn} of {name}"))
        });
        script.fail(fault.clone())
    })
}

fn check<T: Debug + PartialEq>(wrong: &mut Vec<String>, cell: &str, seen: &T, expected: &T) {
    if seen != expected {
        wrong.push(format!("{cell}: {seen:?} and not {expected:?}"));
    }
}

/// All cells of one row, one after the other, on a service of their own. Tells which are wrong.
async fn wrong_cells(row: &Row) -> Vec<String> {
    let mut behind = Behind::start(if row.takes_time() { SHORT } else { LONG }).await;
    let mut wrong = Vec::new();
    for language in ["openai", "anthropic", "google"] {
        let model = format!("{language}/alone");
        let cell = format!("{}, {language}", row.name);
        let script = Llm::scripted().always_fail(row.fault_of_a_whole_answer());
        behind.llm.set_script(script);
        let seen = behind.whole(&model).await;
        check(&mut wrong, &format!("{cell}, whole"), &seen, &row.whole);
        behind
            .llm
            .set_script(Llm::scripted().always_fail(row.fault.clone()));
        let seen = behind.streamed(&model).await;
        check(&mut wrong, &format!("{cell}, streamed"), &seen, &row.streamed);
    }
    for (stage, extent, expected) in PANEL {
        behind.llm.set_script(script(&row.fault, stage, extent));
        let cell = format!("{}, {stage:?}, {extent:?}", row.name);
        let (seen, left_out) = behind.panel().await;
        check(&mut wrong, &cell, &seen, &expected);
        for named in left_out {
            let detail = named["detail"].as_str().unwrap();
            let right = named["stage"] == stage.name() && detail.contains(row.detail);
            check(&mut wrong, &format!("{cell}: {named}"), &right, &true);
        }
    }
    wrong
}

// On two threads: fifteen services on one of them would be the slowest test of all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_in_every_place_has_its_documented_result() {
    let wrong: Vec<_> = join_all(ROWS.iter().map(wrong_cells)).await.concat();
    assert!(wrong.is_empty(), "{} cells:\n{}", wrong.len(), wrong.join("\n"));
}
