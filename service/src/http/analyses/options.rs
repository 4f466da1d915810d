//! What is special about a request to the panel, and whether it can be done.

use std::{collections::BTreeMap, fmt, ops::RangeInclusive, str::FromStr as _, time::Duration};

use serde::{Deserialize, Deserializer, de::Visitor};
use utoipa::ToSchema;

use crate::{
    analyses::PanelOptions,
    domain::{ModelId, Money, format_duration, parse_duration},
    http::{
        Api, Problem,
        body::{optional_object, unfit},
    },
    panel::{Stage, Stages},
};

/// The most members: they go by the letters A to Z.
const MOST_MODELS: usize = 26;

/// The shortest time in which anything can be answered.
const SHORTEST: Duration = Duration::from_millis(100);

/// The fewest tokens in which anything can be said.
const FEWEST_TOKENS: u32 = 16;

/// How much of a name that no model has is shown.
const SHOWN: usize = 100;

/// What is special about a request.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AnalysisOptions {
    /// Whether a remembered answer will do, and this one may be remembered.
    #[serde(default = "yes")]
    #[schema(default = true)]
    pub(super) cache: bool,
    /// Whether the result is to hold every answer of every stage.
    #[serde(default)]
    #[schema(default = false)]
    pub(super) details: bool,
    /// Whether the stream can be resumed: the panel then goes on for 60 seconds when its client is gone, and
    /// `GET /api/v1/analyses/{id}/events` tells its events from `Last-Event-ID` on. For streams only.
    #[serde(default)]
    #[schema(default = false)]
    pub(super) resumable: bool,
    /// Who answers, by full or bare names. The same one twice counts as two, whose answers are made to differ. Default: the
    /// configured panel.
    #[schema(min_items = 1, max_items = 26, example = json!(["mock/analyst", "skeptic"]))]
    models: Option<Vec<String>>,
    /// Who writes the final answer. Default: the configured one, or another model outside of the panel.
    #[schema(example = "mock/editor")]
    synthesizer: Option<String>,
    /// Which stages take place. The first always does; without `ultra_synthesis` the most agreed answer is the final one.
    /// Default: all.
    #[schema(min_items = 1, max_items = 3)]
    stages: Option<Vec<Stage>>,
    /// Whether the result is to hold a `verdict`: what the members agree on, where they contradict each other, what only one
    /// of them saw, and what all overlooked. It is made beside the final answer, by its writer.
    #[serde(default)]
    #[schema(default = false)]
    verdict: bool,
    /// With fewer answers than this there is no final one.
    #[schema(minimum = 1, maximum = 26)]
    min_models: Option<usize>,
    /// How long all stages may take together: seconds, or a duration such as `30s`. At most what is configured.
    #[schema(value_type = Option<DurationBody>)]
    deadline: Option<Span>,
    /// How long single stages may take, each from its own beginning.
    #[serde(default, deserialize_with = "optional_object")]
    stage_deadlines: Option<StageDeadlines>,
    /// What all calls may cost together, as a decimal number. A stage that could cost more than is left does not take
    /// place, and the result says so.
    #[schema(value_type = Option<AmountBody>)]
    budget: Option<Amount>,
    /// How long one model's answer may be. At most what is configured.
    #[schema(minimum = 16)]
    max_output_tokens: Option<u32>,
}

fn yes() -> bool {
    true
}

impl Default for AnalysisOptions {
    fn default() -> Self {
        Self {
            cache: true,
            details: false,
            resumable: false,
            models: None,
            synthesizer: None,
            stages: None,
            verdict: false,
            min_models: None,
            deadline: None,
            stage_deadlines: None,
            budget: None,
            max_output_tokens: None,
        }
    }
}

/// How long single stages may take.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct StageDeadlines {
    /// The first answers.
    #[schema(value_type = Option<DurationBody>)]
    initial_response: Option<Span>,
    /// Their review.
    #[schema(value_type = Option<DurationBody>)]
    peer_review_and_revision: Option<Span>,
    /// The final answer.
    #[schema(value_type = Option<DurationBody>)]
    ultra_synthesis: Option<Span>,
}

/// Seconds, or a duration such as `1m30s`.
#[derive(ToSchema)]
#[schema(as = Duration)]
#[serde(untagged)]
#[expect(dead_code, reason = "it only describes what Span reads")]
pub(super) enum DurationBody {
    /// Seconds.
    #[schema(example = 30)]
    Seconds(f64),
    /// Numbers with units.
    #[schema(example = "1m30s")]
    Text(String),
}

/// A decimal number, best as text.
#[derive(ToSchema)]
#[schema(as = Amount)]
#[serde(untagged)]
#[expect(dead_code, reason = "it only describes what Amount reads")]
pub(super) enum AmountBody {
    /// Exact to a millionth.
    #[schema(example = "0.25")]
    Text(String),
    /// A number.
    Number(f64),
}

impl AnalysisOptions {
    /// The panel that is asked for. What cannot be is told all at once.
    pub(super) fn panel(&self, api: &Api) -> Result<PanelOptions, Problem> {
        let mut wrong = Wrong::default();
        let configured = &api.analyses.panel;
        let models = self.models.as_ref().map(|names| wrong.models(api, names));
        let members = models.as_ref().map_or(configured.models.len(), Vec::len);
        let synthesizer = self
            .synthesizer
            .as_ref()
            .and_then(|name| wrong.model(api, "/options/synthesizer", name));
        let stages = self
            .stages
            .as_ref()
            .map_or(Stages::ALL, |stages| wrong.stages(stages));
        if self.verdict && !stages.synthesis {
            wrong.add(
                "/options/verdict",
                "is made in ultra_synthesis, which does not take place".to_owned(),
            );
        }
        if let Some(min_models) = self.min_models {
            wrong.unless_in("/options/min_models", &min_models, 1..=members);
        }
        if let Some(tokens) = self.max_output_tokens {
            let most = configured.max_output_tokens.max(FEWEST_TOKENS);
            wrong.unless_in("/options/max_output_tokens", &tokens, FEWEST_TOKENS..=most);
        }
        let allowed = SHORTEST..=configured.deadline.max(SHORTEST);
        let mut checked = |pointer: &str, span: Option<Span>| {
            let Span(duration) = span?;
            wrong.unless_fits(pointer, duration, &allowed);
            Some(duration)
        };
        let deadline = checked("/options/deadline", self.deadline);
        let stage_deadlines = self.stage_deadlines.as_ref().map(StageDeadlines::each);
        let stage_deadlines: BTreeMap<Stage, Duration> = stage_deadlines
            .into_iter()
            .flatten()
            .filter_map(|(stage, span)| {
                let pointer = format!("/options/stage_deadlines/{stage}");
                Some((stage, checked(&pointer, span)?))
            })
            .collect();
        for stage in stage_deadlines.keys().filter(|stage| !stages.has(**stage)) {
            let pointer = format!("/options/stage_deadlines/{stage}");
            wrong.add(pointer, "bounds a stage that does not take place".to_owned());
        }
        wrong.none()?;
        Ok(PanelOptions {
            models,
            synthesizer,
            stages,
            verdict: self.verdict,
            min_models: self.min_models,
            deadline,
            stage_deadlines,
            budget: self.budget.map(|Amount(money)| money),
            max_output_tokens: self.max_output_tokens,
        })
    }
}

impl StageDeadlines {
    fn each(&self) -> [(Stage, Option<Span>); 3] {
        let Self {
            initial_response,
            peer_review_and_revision,
            ultra_synthesis,
        } = self;
        [
            (Stage::InitialResponse, *initial_response),
            (Stage::PeerReviewAndRevision, *peer_review_and_revision),
            (Stage::UltraSynthesis, *ultra_synthesis),
        ]
    }
}

/// What is wrong with the options, by pointer.
#[derive(Default)]
struct Wrong(Vec<(String, String)>);

impl Wrong {
    fn add(&mut self, pointer: impl Into<String>, detail: String) {
        self.0.push((pointer.into(), detail));
    }

    fn models(&mut self, api: &Api, names: &[String]) -> Vec<ModelId> {
        self.unless_in("/options/models", &names.len(), 1..=MOST_MODELS);
        let found = names.iter().enumerate().take(MOST_MODELS);
        found
            .filter_map(|(index, name)| self.model(api, &format!("/options/models/{index}"), name))
            .collect()
    }

    fn model(&mut self, api: &Api, pointer: &str, name: &str) -> Option<ModelId> {
        let found = api.catalog.find(name).map(|model| model.id.clone());
        if found.is_none() {
            let name: String = name.chars().take(SHOWN).collect();
            self.add(
                pointer,
                format!("there is no model `{name}`; /api/v1/models lists those that there are"),
            );
        }
        found
    }

    fn stages(&mut self, asked: &[Stage]) -> Stages {
        let has = |stage| asked.contains(&stage);
        if !has(Stage::InitialResponse) {
            self.add(
                "/options/stages",
                "must hold initial_response, which all others need".to_owned(),
            );
        }
        if Stage::ALL
            .iter()
            .any(|stage| asked.iter().filter(|other| *other == stage).count() > 1)
        {
            self.add("/options/stages", "names a stage twice".to_owned());
        }
        Stages {
            review: has(Stage::PeerReviewAndRevision),
            synthesis: has(Stage::UltraSynthesis),
        }
    }

    fn unless_in<N: PartialOrd + fmt::Display>(
        &mut self,
        pointer: &str,
        given: &N,
        allowed: RangeInclusive<N>,
    ) {
        if !allowed.contains(given) {
            let (least, most) = allowed.into_inner();
            self.add(pointer, format!("is out of range; {least} to {most} is allowed"));
        }
    }

    fn unless_fits(&mut self, pointer: &str, given: Duration, allowed: &RangeInclusive<Duration>) {
        if !allowed.contains(&given) {
            let [least, most] = [allowed.start(), allowed.end()].map(|bound| format_duration(*bound));
            self.add(pointer, format!("is out of range; {least} to {most} is allowed"));
        }
    }

    fn none(self) -> Result<(), Problem> {
        let Some((pointer, detail)) = self.0.first() else {
            return Ok(());
        };
        let name = pointer.trim_start_matches('/').replace('/', ".");
        let problem = unfit(&format!("{name} {detail}"));
        // The first one is the one that is summed up, and the one that clients with one name for it see.
        Err(self
            .0
            .into_iter()
            .rev()
            .fold(problem, |problem, (pointer, detail)| problem.at(&pointer, detail)))
    }
}

/// A duration: seconds, or Go's grammar.
#[derive(Debug, Clone, Copy)]
struct Span(Duration);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Seconds;

        impl Visitor<'_> for Seconds {
            type Value = Span;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("seconds, or a duration such as 30s")
            }

            fn visit_u64<E: serde::de::Error>(self, seconds: u64) -> Result<Span, E> {
                Ok(Span(Duration::from_secs(seconds)))
            }

            fn visit_f64<E: serde::de::Error>(self, seconds: f64) -> Result<Span, E> {
                let duration = Duration::try_from_secs_f64(seconds);
                duration.map(Span).map_err(|_| E::custom(NO_DURATION))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Span, E> {
                parse_duration(text).map(Span).map_err(|_| E::custom(NO_DURATION))
            }
        }

        deserializer.deserialize_any(Seconds)
    }
}

const NO_DURATION: &str = "it is no duration; write seconds, or numbers with units, such as 1m30s";

/// An amount of money: text, or a number that is exact enough.
#[derive(Debug, Clone, Copy)]
struct Amount(Money);

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Decimal;

        impl Visitor<'_> for Decimal {
            type Value = Amount;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a decimal number such as \"0.25\"")
            }

            fn visit_u64<E: serde::de::Error>(self, whole: u64) -> Result<Amount, E> {
                self.visit_str(&whole.to_string())
            }

            fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Amount, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Amount, E> {
                let amount = Money::from_str(text);
                amount
                    .map(Amount)
                    .map_err(|problem| E::custom(format!("it {problem}")))
            }
        }

        deserializer.deserialize_any(Decimal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_amounts_are_read_as_numbers_and_as_text() {
        for (text, millis) in [
            ("2", 2_000),
            ("0.5", 500),
            ("\"1m30s\"", 90_000),
            ("\"250ms\"", 250),
        ] {
            let Span(read) = serde_json::from_str(text).unwrap();
            assert_eq!(read, Duration::from_millis(millis), "{text}");
        }
        for (text, millionths) in [("\"0.25\"", 250_000), ("0.25", 250_000), ("3", 3_000_000)] {
            let Amount(read) = serde_json::from_str(text).unwrap();
            assert_eq!(read.millionths(), millionths, "{text}");
        }
    }

    #[test]
    fn what_is_neither_is_refused_without_a_word_of_it() {
        for text in ["-1", "1e300", "\"secret\"", "true", "[1]", "null"] {
            let problem = serde_json::from_str::<Span>(text).unwrap_err().to_string();
            assert!(!problem.contains("secret"), "{problem}");
            let problem = serde_json::from_str::<Amount>(text).unwrap_err().to_string();
            assert!(!problem.contains("secret"), "{problem}");
        }
        assert!(
            serde_json::from_str::<Amount>("1e-9").is_err(),
            "finer than a millionth"
        );
    }
}
