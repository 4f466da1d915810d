//! The state machine of a panel: what has happened goes in, what is to be done comes out. It knows no clock, no
//! network and no randomness, so every path through it can be tested in microseconds.

mod ending;
mod stages;

pub(super) use stages::comparing;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    Comparison, Event, Failure, LeftOut, MemberAnswer, Plan, Reason, Skipped, Stage, StageReport, Verdict,
};
use crate::{
    domain::{ModelId, Money, Usage},
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
    Failed {
        call: CallId,
        detail: String,
        /// Whether the provider did not take the request at all, so that another one may be taken.
        refused: bool,
    },
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

/// What a call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Task {
    /// A member's answer.
    Answer(usize),
    /// The final answer.
    Write,
    /// The comparison of the members' answers.
    Compare,
}

/// A call that is under way.
#[derive(Debug)]
struct Pending {
    task: Task,
    model: ModelId,
    messages: Vec<Message>,
    /// The most that it can take.
    worst: Usage,
}

/// What the comparison goes by where members go by their neutral names.
const COMPARISON: &str = "Verdict";

/// A panel under way.
#[derive(Debug)]
pub(super) struct Deliberation {
    plan: Plan,
    stage: Stage,
    /// When the stage began, from the start of the panel.
    began: Duration,
    /// How far the panel has come, from its start.
    now: Duration,
    /// Answers of the current stage, by member.
    answers: BTreeMap<usize, MemberAnswer>,
    pending: BTreeMap<CallId, Pending>,
    /// Members whose model does not let its words be chosen in another way than the request's.
    plain: BTreeSet<usize>,
    /// Whether the comparison's model takes no schema.
    no_schema: bool,
    calls: CallId,
    attempts: usize,
    failed_in_stage: usize,
    left_out: Vec<LeftOut>,
    skipped: Vec<Skipped>,
    usage: Usage,
    /// What all calls have cost. One that failed may have cost what it could at most.
    spent: Money,
    /// What the calls of the stage took that ended.
    taken: (Usage, Money),
    /// Who wrote the final answer, once that is settled: nobody, where nobody could.
    written: Option<Option<MemberAnswer>>,
    comparison: Option<Comparison>,
    reports: Vec<StageReport>,
}

impl Deliberation {
    /// Begins with the first stage.
    pub(super) fn start(plan: Plan) -> (Self, Vec<Action>) {
        let mut panel = Self {
            plan,
            stage: Stage::InitialResponse,
            began: Duration::ZERO,
            now: Duration::ZERO,
            answers: BTreeMap::new(),
            pending: BTreeMap::new(),
            plain: BTreeSet::new(),
            no_schema: false,
            calls: 0,
            attempts: 0,
            failed_in_stage: 0,
            left_out: Vec::new(),
            skipped: Vec::new(),
            usage: Usage::default(),
            spent: Money::default(),
            taken: Default::default(),
            written: None,
            comparison: None,
            reports: Vec::new(),
        };
        let actions = panel.begin_initial_response();
        (panel, actions)
    }

    /// When the stage that is under way has to end, from the start of the panel.
    pub(super) fn deadline(&self) -> Duration {
        self.plan.deadline_of(self.stage, self.began)
    }

    /// Takes in what has happened when the panel had gone on for so long, and says what is to be done.
    pub(super) fn apply(&mut self, input: Input, now: Duration) -> Vec<Action> {
        self.now = now;
        match input {
            Input::Delta { call, text } => self.delta(call, text),
            Input::Completed {
                call,
                completion,
                took,
            } => self.completed(call, completion, took),
            Input::Failed {
                call,
                detail,
                refused,
            } => match self.pending.remove(&call) {
                Some(pending) if refused && self.is_special(&pending) => self.ask_plainly(pending),
                Some(pending) => self.failed(pending, detail),
                None => Vec::new(),
            },
            Input::TimeOver => self.time_over(),
        }
    }

    fn delta(&self, call: CallId, text: String) -> Vec<Action> {
        match self.pending.get(&call) {
            Some(pending) if pending.task == Task::Write => {
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
        let cost = self.plan.prices.cost(&pending.model, completion.usage);
        self.usage += completion.usage;
        self.taken.0 += completion.usage;
        self.taken.1 += cost;
        if pending.task == Task::Compare {
            self.spent += cost;
            return self.compared(pending, &completion.text);
        }
        if completion.text.trim().is_empty() {
            return self.failed(pending, "the answer is empty".to_owned());
        }
        self.spent += cost;
        let answer = MemberAnswer {
            label: self.label_of(pending.task),
            model: pending.model,
            text: completion.text,
            truncated: completion.finish == FinishReason::Length,
            usage: completion.usage,
            cost,
            duration_ms: millis(took),
        };
        let mut actions = vec![Action::Emit(Event::ModelCompleted {
            stage: self.stage,
            answer: answer.clone(),
        })];
        if let Task::Answer(member) = pending.task {
            self.answers.insert(member, answer);
        } else {
            self.written = Some(Some(answer));
        }
        actions.extend(self.go_on());
        actions
    }

    /// The comparison is there, if it is one.
    fn compared(&mut self, pending: Pending, text: &str) -> Vec<Action> {
        let labels: Vec<String> = self
            .answers
            .keys()
            .map(|member| self.plan.label_of(*member))
            .collect();
        let mut actions = vec![match Comparison::read(text, &labels) {
            Ok(verdict) => {
                self.comparison = Some(verdict.clone());
                Action::Emit(Event::VerdictCompleted {
                    model: pending.model,
                    verdict,
                })
            }
            Err(error) => self.leave_out(pending, Reason::Failed, error.to_string()),
        }];
        actions.extend(self.go_on());
        actions
    }

    fn failed(&mut self, pending: Pending, detail: String) -> Vec<Action> {
        let task = pending.task;
        // A call that failed may have cost what it could at most.
        self.spent += self.plan.prices.cost(&pending.model, pending.worst);
        let mut actions = vec![self.leave_out(pending, Reason::Failed, detail)];
        if task == Task::Write {
            actions.extend(self.ask_synthesizer());
        }
        actions.extend(self.go_on());
        actions
    }

    fn time_over(&mut self) -> Vec<Action> {
        let mut actions = vec![Action::CancelCalls];
        for pending in std::mem::take(&mut self.pending).into_values() {
            let detail = format!("no answer in the time of {}", self.stage);
            self.spent += self.plan.prices.cost(&pending.model, pending.worst);
            actions.push(self.leave_out(pending, Reason::Late, detail));
        }
        if self.stage == Stage::UltraSynthesis {
            // Nobody else could write it in no time.
            self.written.get_or_insert(None);
        }
        actions.extend(self.go_on());
        actions
    }

    /// What follows, once no call is under way any more.
    fn go_on(&mut self) -> Vec<Action> {
        if !self.pending.is_empty() {
            return Vec::new();
        }
        match (self.stage, self.written.take()) {
            (Stage::UltraSynthesis, Some(Some(answer))) => self.conclude(answer),
            (Stage::UltraSynthesis, Some(None)) => self.fall_back(),
            (Stage::UltraSynthesis, None) => Vec::new(),
            _ => self.end_stage(),
        }
    }

    fn label_of(&self, task: Task) -> Option<String> {
        match task {
            Task::Answer(member) => Some(self.plan.label_of(member)),
            Task::Write => None,
            Task::Compare => Some(COMPARISON.to_owned()),
        }
    }

    fn leave_out(&mut self, pending: Pending, reason: Reason, detail: String) -> Action {
        let left_out = LeftOut {
            stage: self.stage,
            label: self.label_of(pending.task),
            model: pending.model,
            reason,
            detail,
        };
        self.failed_in_stage += 1;
        self.left_out.push(left_out.clone());
        Action::Emit(Event::ModelFailed(left_out))
    }

    /// Whether calls can be begun that may take so much.
    fn affords<'a>(&self, calls: impl IntoIterator<Item = &'a (ModelId, Usage)>) -> bool {
        let may_cost = self.spent + self.plan.cost(calls);
        self.plan.budget.is_none_or(|budget| may_cost <= budget)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
