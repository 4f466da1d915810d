use std::{collections::BTreeMap, time::Duration};

use crate::{
    domain::{Account, AnalysisId, ApiKeyId, Conversation, ModelId, Money},
    limits::Allowance,
    llm::Sampling,
    panel::{Stage, Stages},
};

/// What is asked.
#[derive(Clone)]
pub struct Question {
    /// The name that the answer is to have.
    pub id: AnalysisId,
    /// Who asks.
    pub account: Account,
    /// The API key that was used, where one was.
    pub key: Option<ApiKeyId>,
    /// What they may use for it.
    pub allowance: Allowance,
    /// The question itself, and what was said before it.
    pub conversation: Conversation,
    /// Whether a remembered answer will do.
    pub use_cache: bool,
    /// The longest final answer, where less than the panel's own bound is wanted.
    pub max_answer_tokens: Option<u32>,
    /// How the models choose their words.
    pub sampling: Sampling,
    /// Texts at which the final answer ends.
    pub stop: Vec<String>,
    /// How the panel is to be another than the configured one.
    pub options: PanelOptions,
}

/// How a panel is to be another than the configured one. What is not said is as it is there.
#[derive(Debug, Clone)]
pub struct PanelOptions {
    /// The members.
    pub models: Option<Vec<ModelId>>,
    /// Who writes the final answer.
    pub synthesizer: Option<ModelId>,
    /// Which stages run.
    pub stages: Stages,
    /// Whether the answers are compared too.
    pub verdict: bool,
    /// With fewer answers than this there is no verdict.
    pub min_models: Option<usize>,
    /// How long all stages may take together.
    pub deadline: Option<Duration>,
    /// How long single stages may take.
    pub stage_deadlines: BTreeMap<Stage, Duration>,
    /// What all calls may cost together.
    pub budget: Option<Money>,
    /// The longest answer of one model, in tokens.
    pub max_output_tokens: Option<u32>,
}

impl Default for PanelOptions {
    fn default() -> Self {
        Self {
            models: None,
            synthesizer: None,
            stages: Stages::ALL,
            verdict: false,
            min_models: None,
            deadline: None,
            stage_deadlines: BTreeMap::new(),
            budget: None,
            max_output_tokens: None,
        }
    }
}

impl Question {
    /// A question with nothing special about it.
    pub fn new(conversation: Conversation, account: Account, allowance: Allowance) -> Self {
        Self {
            id: AnalysisId::generate(),
            account,
            key: None,
            allowance,
            conversation,
            use_cache: true,
            max_answer_tokens: None,
            sampling: Sampling::default(),
            stop: Vec::new(),
            options: PanelOptions::default(),
        }
    }
}
