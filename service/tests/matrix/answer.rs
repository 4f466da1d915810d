//! What came of one request.

use reqwest::{Response, header::HeaderMap};
use serde_json::Value;

use super::expected::Word;

/// An answer, and what it says of the state that the service is in.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    /// 0: there was none.
    pub(super) status: u16,
    /// What no answer may have, whatever is lost.
    pub(super) flaw: Option<String>,
    /// Whether it can be read again.
    pub(super) stored: bool,
    /// Whether all replicas count together, and what was asked a moment ago came from Redis.
    pub(super) shared: bool,
    /// The health report.
    pub(super) health: Option<Value>,
}

impl Answer {
    fn failed(error: &reqwest::Error) -> Self {
        Self {
            flaw: Some(format!("{error:?}")),
            ..Self::of(0)
        }
    }

    fn of(status: u16) -> Self {
        Self {
            status,
            flaw: None,
            stored: true,
            shared: true,
            health: None,
        }
    }

    /// Reads a response to its end. `again`: the same was asked a moment ago.
    pub(super) async fn read(response: reqwest::Result<Response>, again: bool) -> Self {
        let response = match response {
            Ok(response) => response,
            Err(error) => return Self::failed(&error),
        };
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        match response.text().await {
            Ok(body) => Self::of(status).with(&headers, &body, again),
            Err(error) => Self::failed(&error),
        }
    }

    fn with(mut self, headers: &HeaderMap, body: &str, again: bool) -> Self {
        self.shared = !headers.contains_key("x-ultra-limits");
        if self.status != 200 {
            let says_when = headers.contains_key("retry-after");
            if self.status != 503 || !says_when {
                self.flaw = Some(format!("says when: {says_when}; {body}"));
            }
            return self;
        }
        let content_type = headers["content-type"].to_str().unwrap_or_default();
        let parsed = match content_type {
            "text/event-stream" => last_event(body),
            _ => serde_json::from_str(body).ok(),
        };
        match parsed {
            None => self.flaw = Some(format!("is not whole: {body}")),
            Some(report) if content_type == "application/health+json" => self.health = Some(report),
            Some(analysis) if analysis.get("stored").is_some() => {
                self.stored = analysis["stored"] == true;
                self.shared &= !again || analysis["cache"] == "redis";
            }
            Some(_) => {}
        }
        self
    }

    /// Whether everything is as it should be with nothing lost.
    pub(super) fn is_whole(&self) -> bool {
        let well = self
            .health
            .as_ref()
            .is_none_or(|report| report["status"] == "pass");
        self.status == 200 && self.flaw.is_none() && self.stored && self.shared && well
    }

    /// What was the matter with it, in a few words.
    pub(super) fn summary(&self) -> String {
        let said = self.health.as_ref().and_then(|report| report["output"].as_str());
        match (said, self.status) {
            (Some(said), _) => said.to_owned(),
            (_, 200) if !self.stored => "not stored".to_owned(),
            (_, 200) if !self.shared => "not shared".to_owned(),
            (_, status) => status.to_string(),
        }
    }

    /// Whether it is a health report that says this.
    pub(super) fn says(&self, (dependency, status, classes): Word) -> bool {
        self.health.as_ref().is_some_and(|report| {
            let dependency = &report["dependencies"][dependency];
            let told = |class: &str| dependency["error"] == class;
            dependency["status"] == status && classes.split('|').any(told)
        })
    }
}

/// The last event of a whole stream: the analysis, or whatever came before OpenAI's end.
fn last_event(body: &str) -> Option<Value> {
    let events = body.strip_suffix("\n\n")?;
    let last = events.rsplit("\n\n").find(|event| !event.starts_with(':'))?;
    let data = last.lines().find_map(|line| line.strip_prefix("data: "))?;
    match data {
        "[DONE]" => Some(Value::Null),
        _ if last.lines().any(|line| line == "event: analysis.completed") => serde_json::from_str(data).ok(),
        _ => None,
    }
}
