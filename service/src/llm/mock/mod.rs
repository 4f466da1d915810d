//! Stand-in models for development and tests. They answer deterministically from what they are asked, count tokens,
//! stream word by word, and some of them fail on purpose, so that everything around a model can be run without a key.

mod answer;
mod script;
mod tokens;

use std::{collections::BTreeMap, str::FromStr as _, time::Duration};

use async_trait::async_trait;
use futures::{StreamExt as _, stream};

use super::{Delta, Deltas, Error, FinishReason, ModelInfo, Provider, Request};
use crate::{
    config::MockModel,
    domain::{ModelId, Usage},
};
use script::Script;

/// How a stand-in behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Behaviour {
    /// Answers at once, from this point of view.
    Answers(answer::View),
    /// Answers, but waits this long before each word.
    Dawdles(Duration),
    /// Never answers.
    Stalls,
    /// Refuses every call.
    Fails,
}

const MODELS: [(&str, &str, Behaviour); 7] = [
    (
        "mock/analyst",
        "weighs what the question names",
        Behaviour::Answers(answer::View::Analyst),
    ),
    (
        "mock/skeptic",
        "looks for what could go wrong",
        Behaviour::Answers(answer::View::Skeptic),
    ),
    (
        "mock/pragmatist",
        "looks for the smallest next step",
        Behaviour::Answers(answer::View::Pragmatist),
    ),
    (
        "mock/editor",
        "joins several answers into one",
        Behaviour::Answers(answer::View::Editor),
    ),
    (
        "mock/slow",
        "waits before every word",
        Behaviour::Dawdles(Duration::from_millis(50)),
    ),
    (
        "mock/stalled",
        "never answers, for tests of deadlines",
        Behaviour::Stalls,
    ),
    (
        "mock/unavailable",
        "fails every call, for tests of failures",
        Behaviour::Fails,
    ),
];

fn ids(names: &[&str]) -> Vec<ModelId> {
    names
        .iter()
        .filter_map(|name| ModelId::from_str(name).ok())
        .collect()
}

/// The panel where none is configured.
pub fn default_panel() -> Vec<ModelId> {
    ids(&["mock/analyst", "mock/skeptic", "mock/pragmatist"])
}

/// The synthesizer where none is configured: a model outside of the default panel.
pub fn default_synthesizer() -> ModelId {
    ids(&["mock/editor"]).remove(0)
}

/// Whether a stand-in has this name.
pub fn knows(model: &ModelId) -> bool {
    behaviour(model).is_some()
}

/// The names of all stand-ins, for messages.
pub fn names() -> String {
    MODELS.map(|(name, ..)| name).join(", ")
}

fn behaviour(model: &ModelId) -> Option<Behaviour> {
    MODELS
        .iter()
        .find(|(name, ..)| *name == model.as_str())
        .map(|(.., behaviour)| *behaviour)
}

/// The provider of the stand-ins.
#[derive(Debug, Default)]
pub struct Mock {
    scripts: BTreeMap<ModelId, Script>,
}

impl Mock {
    /// Stand-ins that behave as it is written here; one with a new name is an analyst.
    pub fn scripted(models: BTreeMap<ModelId, MockModel>) -> Self {
        let scripts = models.into_iter().map(|(id, model)| (id, Script::new(model)));
        Self {
            scripts: scripts.collect(),
        }
    }
}

#[async_trait]
impl Provider for Mock {
    fn models(&self) -> Vec<ModelInfo> {
        let built_in = MODELS.iter().filter_map(|(name, description, _)| {
            let id = name.parse().ok()?;
            let description = format!("stand-in: {description}");
            Some(ModelInfo { id, description })
        });
        let own = self.scripts.keys().filter(|id| !knows(id)).map(|id| ModelInfo {
            id: id.clone(),
            description: "stand-in: behaves as it is configured".to_owned(),
        });
        built_in.chain(own).collect()
    }

    async fn stream(&self, request: Request) -> Result<Deltas, Error> {
        refuse_unsupported(&request)?;
        let built_in = behaviour(&request.model);
        if let Some(script) = self.scripts.get(&request.model) {
            let view = match built_in {
                Some(Behaviour::Answers(view)) => view,
                _ => answer::View::Analyst,
            };
            let text = script.text().unwrap_or_else(|| answer::answer(&request, view));
            return script.stream(deltas(&request, text)).await;
        }
        let by = |view| deltas(&request, answer::answer(&request, view));
        match built_in {
            None => Err(Error::UnknownModel(request.model)),
            Some(Behaviour::Fails) => Err(Error::unavailable("this stand-in fails every call")),
            Some(Behaviour::Stalls) => Ok(stream::pending().boxed()),
            Some(Behaviour::Dawdles(pause)) => Ok(paced(by(answer::View::Analyst), pause)),
            Some(Behaviour::Answers(view)) => Ok(stream::iter(by(view)).map(Ok).boxed()),
        }
    }
}

/// An answer that waits before each word.
fn paced(deltas: Vec<Delta>, pause: Duration) -> Deltas {
    let deltas = stream::iter(deltas).then(move |delta| async move {
        tokio::time::sleep(pause).await;
        Ok(delta)
    });
    deltas.boxed()
}

/// Refuses what a stand-in cannot do.
fn refuse_unsupported(request: &Request) -> Result<(), Error> {
    let asked = [
        ("tools", !request.tools.list.is_empty()),
        ("response_format", !answer::speaks(&request.format)),
        ("logprobs", request.top_logprobs.is_some()),
        ("reasoning_effort", request.reasoning_effort.is_some()),
    ];
    match asked.iter().find(|(_, asked)| *asked) {
        None => Ok(()),
        Some((parameter, _)) => Err(Error::Unsupported {
            provider: "mock".to_owned(),
            parameter,
            why: "a stand-in answers in words",
        }),
    }
}

fn deltas(request: &Request, mut text: String) -> Vec<Delta> {
    if let Some(end) = request
        .stop
        .iter()
        .filter_map(|stop| text.find(stop.as_str()))
        .min()
    {
        text.truncate(end);
    }
    let words = tokens::split(&text);
    let limit = request
        .max_output_tokens
        .map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX));
    let finish = if words.len() > limit {
        FinishReason::Length
    } else {
        FinishReason::Stop
    };
    let kept = &words[..words.len().min(limit)];
    let usage = Usage {
        input_tokens: request
            .messages
            .iter()
            .map(|message| tokens::count(&message.text()))
            .sum(),
        output_tokens: kept.len() as u64,
    };
    let mut deltas: Vec<Delta> = kept.iter().map(|word| Delta::Text((*word).to_owned())).collect();
    deltas.push(Delta::End { finish, usage });
    deltas
}

#[cfg(test)]
mod tests;
