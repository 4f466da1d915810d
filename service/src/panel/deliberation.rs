//! The state machine of a panel: what has happened goes in, what is to be done comes out. It knows no clock, no
//! network and no randomness, so every path through it can be tested in microseconds.

use std::{collections::BTreeMap, time::Duration};

use super::{
    Event, Failure, LeftOut, MemberAnswer, Plan, Reason, Stage, StageReport, Verdict, consensus, prompts,
};
use crate::{
    domain::{ModelId, Usage},
    llm::{Completion, FinishReason, Message, Request},
};

/// Names one call within a panel.
pub(super) type CallId = usize;

/// What has happened.
#[derive(Debug)]
pub(super) enum Input {
    /// A call brought a piece of its answer.
    Delta { call: CallId, text: String },
    /// A call brought its whole answer.
    Completed {
        call: CallId,
        completion: Completion,
        took: Duration,
    },
    /// A call failed.
    Failed { call: CallId, detail: String },
    /// The time of the stage is over.
    TimeOver,
}

/// What is to be done.
#[derive(Debug)]
pub(super) enum Action {
    /// Tell whoever listens.
    Emit(Event),
    /// Ask a model.
    Call { call: CallId, request: Request },
    /// Cancel all calls that are under way.
    CancelCalls,
    /// The panel is over.
    Finish(Result<Verdict, Failure>),
}

/// A call that is under way.
#[derive(Debug)]
struct Pending {
    member: Option<usize>,
    model: ModelId,
}

/// A panel under way.
#[derive(Debug)]
pub(super) struct Deliberation {
    plan: Plan,
    stage: Stage,
    /// Answers of the current stage, by member.
    answers: BTreeMap<usize, MemberAnswer>,
    pending: BTreeMap<CallId, Pending>,
    calls: CallId,
    attempts: usize,
    failed_in_stage: usize,
    left_out: Vec<LeftOut>,
    usage: Usage,
    reports: Vec<StageReport>,
}

impl Deliberation {
    /// Begins with the first stage.
    pub(super) fn start(plan: Plan) -> (Self, Vec<Action>) {
        let mut panel = Self {
            plan,
            stage: Stage::InitialResponse,
            answers: BTreeMap::new(),
            pending: BTreeMap::new(),
            calls: 0,
            attempts: 0,
            failed_in_stage: 0,
            left_out: Vec::new(),
            usage: Usage::default(),
            reports: Vec::new(),
        };
        let messages = prompts::initial(&panel.plan.prompt);
        let asked = (0..panel.plan.members.len())
            .map(|member| (member, messages.clone()))
            .collect();
        let actions = panel.ask_members(asked);
        (panel, actions)
    }

    /// The stage that is under way.
    pub(super) fn stage(&self) -> Stage {
        self.stage
    }

    /// Takes in what has happened, and says what is to be done.
    pub(super) fn apply(&mut self, input: Input) -> Vec<Action> {
        match input {
            Input::Delta { call, text } => self.delta(call, text),
            Input::Completed {
                call,
                completion,
                took,
            } => self.completed(call, completion, took),
            Input::Failed { call, detail } => match self.pending.remove(&call) {
                Some(pending) => {
                    let failed = self.leave_out(pending, Reason::Failed, detail);
                    self.after(failed)
                }
                None => Vec::new(),
            },
            Input::TimeOver => self.time_over(),
        }
    }

    fn delta(&self, call: CallId, text: String) -> Vec<Action> {
        match self.pending.get(&call) {
            Some(pending) if self.stage == Stage::UltraSynthesis => {
                let model = pending.model.clone();
                vec![Action::Emit(Event::SynthesisDelta {
                    model,
                    attempt: self.attempts,
                    text,
                })]
            }
            _ => Vec::new(),
        }
    }

    fn completed(&mut self, call: CallId, completion: Completion, took: Duration) -> Vec<Action> {
        let Some(pending) = self.pending.remove(&call) else {
            return Vec::new();
        };
        self.usage += completion.usage;
        if completion.text.trim().is_empty() {
            let failed = self.leave_out(pending, Reason::Failed, "the answer is empty".to_owned());
            return self.after(failed);
        }
        let answer = MemberAnswer {
            label: pending.member.map(|member| self.plan.label_of(member)),
            model: pending.model,
            text: completion.text,
            truncated: completion.finish == FinishReason::Length,
            usage: completion.usage,
            duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        };
        let event = Event::ModelCompleted {
            stage: self.stage,
            answer: answer.clone(),
        };
        match pending.member {
            Some(member) => {
                self.answers.insert(member, answer);
                self.after(Action::Emit(event))
            }
            None => self.conclude(Action::Emit(event), answer),
        }
    }

    fn time_over(&mut self) -> Vec<Action> {
        let mut actions = vec![Action::CancelCalls];
        for pending in std::mem::take(&mut self.pending).into_values() {
            let detail = format!("no answer in the time of {}", self.stage);
            actions.push(self.leave_out(pending, Reason::Late, detail));
        }
        match self.stage {
            // Nobody else could write it in no time.
            Stage::UltraSynthesis => actions.extend(self.fall_back()),
            _ => actions.extend(self.end_stage()),
        }
        actions
    }

    /// What follows once a member has answered or failed.
    fn after(&mut self, action: Action) -> Vec<Action> {
        let mut actions = vec![action];
        if self.pending.is_empty() {
            actions.extend(match self.stage {
                Stage::UltraSynthesis => self.ask_synthesizer(),
                _ => self.end_stage(),
            });
        }
        actions
    }

    fn end_stage(&mut self) -> Vec<Action> {
        let mut actions = vec![self.stage_completed()];
        let answered = self.answers.len();
        if answered < self.plan.min_models {
            actions.push(Action::Finish(Err(Failure {
                stage: self.stage,
                needed: self.plan.min_models,
                answered,
                left_out: std::mem::take(&mut self.left_out),
                usage: self.usage,
            })));
            return actions;
        }
        // One answer alone has no peers to learn from.
        if self.stage == Stage::InitialResponse && answered > 1 {
            actions.extend(self.begin_review());
        } else {
            actions.extend(self.begin_synthesis());
        }
        actions
    }

    fn stage_completed(&mut self) -> Action {
        let answers: Vec<_> = self.answers.values().cloned().collect();
        let event = Event::StageCompleted {
            stage: self.stage,
            answered: answers.len(),
            failed: std::mem::take(&mut self.failed_in_stage),
        };
        self.reports.push(StageReport {
            stage: self.stage,
            answers,
        });
        Action::Emit(event)
    }

    fn begin_review(&mut self) -> Vec<Action> {
        self.stage = Stage::PeerReviewAndRevision;
        let first = std::mem::take(&mut self.answers);
        let asked = first
            .iter()
            .map(|(member, own)| {
                let peers: Vec<_> = first
                    .iter()
                    .filter(|(other, _)| *other != member)
                    .map(|(other, answer)| (self.plan.label_of(*other), self.plan.quotable(&answer.text)))
                    .collect();
                let own = self.plan.quotable(&own.text);
                (*member, prompts::review(&self.plan.prompt, own, &peers))
            })
            .collect();
        self.ask_members(asked)
    }

    fn begin_synthesis(&mut self) -> Vec<Action> {
        self.stage = Stage::UltraSynthesis;
        let models = vec![self.plan.synthesizer.clone()];
        let mut actions = vec![Action::Emit(Event::StageStarted {
            stage: self.stage,
            models,
        })];
        actions.extend(self.ask_synthesizer());
        actions
    }

    fn ask_members(&mut self, asked: Vec<(usize, Vec<Message>)>) -> Vec<Action> {
        let models = asked
            .iter()
            .map(|(member, _)| self.plan.members[*member].clone())
            .collect();
        let mut actions = vec![Action::Emit(Event::StageStarted {
            stage: self.stage,
            models,
        })];
        for (member, messages) in asked {
            let model = self.plan.members[member].clone();
            actions.extend(self.call(Some(member), model, messages));
        }
        actions
    }

    /// Asks the synthesizer first, and after each failure the next model that still takes part.
    fn ask_synthesizer(&mut self) -> Vec<Action> {
        let writers = self
            .plan
            .writers(self.answers.values().map(|answer| &answer.model));
        let Some(writer) = writers.into_iter().nth(self.attempts) else {
            return self.fall_back();
        };
        self.attempts += 1;
        let answers: Vec<_> = self
            .answers
            .iter()
            .map(|(member, answer)| (self.plan.label_of(*member), self.plan.quotable(&answer.text)))
            .collect();
        let messages = prompts::synthesis(&self.plan.prompt, &answers);
        self.call(None, writer, messages)
    }

    fn call(&mut self, member: Option<usize>, model: ModelId, messages: Vec<Message>) -> Vec<Action> {
        let call = self.calls;
        self.calls += 1;
        self.pending.insert(
            call,
            Pending {
                member,
                model: model.clone(),
            },
        );
        let label = member.map(|member| self.plan.label_of(member));
        let started = Event::ModelStarted {
            stage: self.stage,
            label,
            model: model.clone(),
        };
        let plan = &self.plan;
        // The bounds of the final answer are its own: a member that stopped there would have no say.
        let (max_output_tokens, stop) = match self.stage {
            Stage::UltraSynthesis => (plan.max_answer_tokens, plan.stop.clone()),
            _ => (plan.max_output_tokens, Vec::new()),
        };
        let request = Request {
            max_output_tokens: Some(max_output_tokens),
            sampling: plan.sampling,
            stop,
            ..Request::new(model, messages)
        };
        vec![Action::Emit(started), Action::Call { call, request }]
    }

    fn leave_out(&mut self, pending: Pending, reason: Reason, detail: String) -> Action {
        let left_out = LeftOut {
            stage: self.stage,
            label: pending.member.map(|member| self.plan.label_of(member)),
            model: pending.model,
            reason,
            detail,
        };
        self.failed_in_stage += 1;
        self.left_out.push(left_out.clone());
        Action::Emit(Event::ModelFailed(left_out))
    }

    fn conclude(&mut self, completed: Action, answer: MemberAnswer) -> Vec<Action> {
        let stage_completed = Event::StageCompleted {
            stage: self.stage,
            answered: 1,
            failed: self.failed_in_stage,
        };
        self.reports.push(StageReport {
            stage: self.stage,
            answers: vec![answer.clone()],
        });
        let verdict = self.verdict(answer.text, Some(answer.model), answer.truncated);
        vec![
            completed,
            Action::Emit(stage_completed),
            Action::Finish(Ok(verdict)),
        ]
    }

    /// Nobody could write the final answer: the member's answer that agrees most with the others takes its place.
    fn fall_back(&mut self) -> Vec<Action> {
        let texts: Vec<_> = self.answers.values().map(|answer| answer.text.as_str()).collect();
        let answer = consensus::most_agreed(&texts).unwrap_or_default().to_owned();
        let stage_completed = Event::StageCompleted {
            stage: self.stage,
            answered: 0,
            failed: self.failed_in_stage,
        };
        let verdict = self.verdict(answer, None, false);
        vec![Action::Emit(stage_completed), Action::Finish(Ok(verdict))]
    }

    fn verdict(&mut self, answer: String, synthesizer: Option<ModelId>, truncated: bool) -> Verdict {
        Verdict {
            answer,
            degraded: synthesizer.is_none(),
            synthesizer,
            truncated,
            left_out: std::mem::take(&mut self.left_out),
            usage: self.usage,
            stages: std::mem::take(&mut self.reports),
        }
    }
}

#[cfg(test)]
mod tests;
