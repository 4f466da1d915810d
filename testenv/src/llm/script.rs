//! How the provider behaves: replies in their order, per model.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use super::{Fault, Finish, Llm};
use crate::Error;

const MODELS: [&str; 2] = ["stand-in-large", "stand-in-small"];

/// What one request gets.
#[derive(Debug, Clone, Default)]
pub(super) enum Reply {
    /// A text made of the model's name and the last user message.
    #[default]
    Echo,
    Text(String),
    Ending(String, Finish),
    /// Names of tools with their arguments.
    Calls(Vec<(String, String)>),
    Fault(Fault),
}

/// What the requests of one model get.
#[derive(Debug, Clone, Default)]
struct Rule {
    delay: Duration,
    pace: Duration,
    queue: VecDeque<Reply>,
    afterwards: Reply,
}

/// How the provider behaves, written down as a chain of calls.
///
/// What follows [`Script::for_model`] is a rule of that model's own; what stands before it is the rule of every
/// model without one.
#[derive(Debug, Clone)]
pub struct Script {
    general: Rule,
    by_model: HashMap<String, Rule>,
    /// Whose rule is being written.
    subject: Option<String>,
    models: Vec<String>,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            general: Rule::default(),
            by_model: HashMap::new(),
            subject: None,
            models: MODELS.map(str::to_owned).to_vec(),
        }
    }
}

impl Script {
    /// Waits this long before each answer's first byte.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.rule().delay = delay;
        self
    }

    /// Waits this long before each piece of a streamed answer.
    pub fn pace(mut self, pace: Duration) -> Self {
        self.rule().pace = pace;
        self
    }

    /// The next request gets this text.
    pub fn answer(mut self, text: impl Into<String>) -> Self {
        self.rule().queue.push_back(Reply::Text(text.into()));
        self
    }

    /// The next request gets this text, which ends for this reason.
    pub fn answer_ending(mut self, text: impl Into<String>, finish: Finish) -> Self {
        self.rule().queue.push_back(Reply::Ending(text.into(), finish));
        self
    }

    /// The next request gets a call of one of its tools, with these arguments as JSON text; a request without that tool
    /// is refused.
    pub fn call_tool(self, name: impl Into<String>, arguments: impl Into<String>) -> Self {
        self.call_tools([(name, arguments)])
    }

    /// The next request gets several calls at once.
    pub fn call_tools<N: Into<String>, A: Into<String>>(
        mut self,
        calls: impl IntoIterator<Item = (N, A)>,
    ) -> Self {
        let calls = calls.into_iter().map(|(name, json)| (name.into(), json.into()));
        self.rule().queue.push_back(Reply::Calls(calls.collect()));
        self
    }

    /// The next request meets this fault.
    pub fn fail(mut self, fault: Fault) -> Self {
        self.rule().queue.push_back(Reply::Fault(fault));
        self
    }

    /// Every request after those gets this text.
    pub fn always_answer(mut self, text: impl Into<String>) -> Self {
        self.rule().afterwards = Reply::Text(text.into());
        self
    }

    /// Every request after those meets this fault.
    pub fn always_fail(mut self, fault: Fault) -> Self {
        self.rule().afterwards = Reply::Fault(fault);
        self
    }

    /// What follows is for requests that name this model, and for no others.
    pub fn for_model(mut self, model: impl Into<String>) -> Self {
        self.subject = Some(model.into());
        self
    }

    /// The models that `GET /v1/models` lists; every name is answered, listed or not.
    pub fn models<M: Into<String>>(mut self, models: impl IntoIterator<Item = M>) -> Self {
        self.models = models.into_iter().map(Into::into).collect();
        self
    }

    /// Starts the provider on a free loopback port.
    pub async fn start(self) -> Result<Llm, Error> {
        Llm::start(self).map_err(|source| Error::io("start the stand-in provider", source))
    }

    fn rule(&mut self) -> &mut Rule {
        match &self.subject {
            Some(model) => self.by_model.entry(model.clone()).or_default(),
            None => &mut self.general,
        }
    }

    pub(super) fn listed(&self) -> &[String] {
        &self.models
    }

    /// Takes the next reply to a request for `model`.
    pub(super) fn next(&mut self, model: &str) -> Turn {
        let rule = self.by_model.get_mut(model).unwrap_or(&mut self.general);
        let reply = rule.queue.pop_front().unwrap_or_else(|| rule.afterwards.clone());
        Turn {
            delay: rule.delay,
            pace: rule.pace,
            reply,
        }
    }
}

/// A reply with its timing.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) delay: Duration,
    pub(super) pace: Duration,
    pub(super) reply: Reply,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(script: &mut Script, model: &str, count: usize) -> Vec<String> {
        (0..count)
            .map(|_| format!("{:?}", script.next(model).reply))
            .collect()
    }

    #[test]
    fn replies_come_in_their_order_and_then_the_lasting_one() {
        let mut script = Script::default()
            .answer("one")
            .fail(Fault::Stall)
            .always_answer("rest");
        let expected = [
            r#"Text("one")"#,
            "Fault(Stall)",
            r#"Text("rest")"#,
            r#"Text("rest")"#,
        ];
        assert_eq!(texts(&mut script, "any", 4), expected);
    }

    #[test]
    fn a_model_with_a_rule_leaves_the_general_queue_alone() {
        let mut script = Script::default()
            .answer("general")
            .for_model("a")
            .always_answer("mine");
        assert_eq!(texts(&mut script, "a", 2), [r#"Text("mine")"#; 2]);
        assert_eq!(texts(&mut script, "b", 2), [r#"Text("general")"#, "Echo"]);
    }
}
