//! From stage to stage: who is asked what, and what has to be there to go on.

use std::collections::BTreeMap;

use super::{Action, Deliberation, Pending, Task, millis};
use crate::{
    domain::{ModelId, Usage},
    llm::{Format, Message, Request, Sampling, input_bound},
    panel::{
        Event, Failure, MemberAnswer, Plan, Reason, SkipReason, Skipped, Stage, StageReport, comparison,
        prompts,
    },
};

/// What one member is asked.
type Asked = (usize, Vec<Message>);

impl Deliberation {
    pub(super) fn begin_initial_response(&mut self) -> Vec<Action> {
        let messages = prompts::initial(&self.plan.conversation);
        let asked = (0..self.plan.members.len())
            .map(|member| (member, messages.clone()))
            .collect();
        self.ask_members(asked)
    }

    pub(super) fn end_stage(&mut self) -> Vec<Action> {
        let mut actions = vec![self.stage_completed(self.answers.values().cloned().collect())];
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
        if self.stage == Stage::InitialResponse && self.plan.stages.review {
            match self.review() {
                Ok(asked) => {
                    self.enter(Stage::PeerReviewAndRevision);
                    self.answers = BTreeMap::new();
                    actions.extend(self.ask_members(asked));
                    return actions;
                }
                Err(skipped) => actions.push(self.skip(skipped)),
            }
        }
        actions.extend(self.begin_synthesis());
        actions
    }

    /// Ends the stage with these answers.
    pub(super) fn stage_completed(&mut self, answers: Vec<MemberAnswer>) -> Action {
        let event = Event::StageCompleted {
            stage: self.stage,
            answered: answers.len(),
            failed: std::mem::take(&mut self.failed_in_stage),
        };
        self.reports.push(StageReport {
            stage: self.stage,
            duration_ms: millis(self.now.saturating_sub(self.began)),
            usage: self.taken.0,
            cost: self.taken.1,
            answers,
        });
        Action::Emit(event)
    }

    /// What each member is to review, where there is something and it can be paid.
    fn review(&self) -> Result<Vec<Asked>, Skipped> {
        let skipped = |reason, detail: &str| Skipped {
            stage: Stage::PeerReviewAndRevision,
            reason,
            detail: detail.to_owned(),
        };
        if self.answers.len() < 2 {
            let detail = "one answer alone has no peers to learn from";
            return Err(skipped(SkipReason::OneAnswer, detail));
        }
        let asked: Vec<Asked> = self
            .answers
            .iter()
            .map(|(member, own)| {
                let peers: Vec<_> = self.labelled(|other| other != *member);
                let own = self.plan.quotable(&own.text);
                (*member, prompts::review(&self.plan.conversation, own, &peers))
            })
            .collect();
        let calls: Vec<(ModelId, Usage)> = asked
            .iter()
            .map(|(member, messages)| {
                let worst = bound(messages, self.plan.max_output_tokens);
                (self.plan.members[*member].clone(), worst)
            })
            .collect();
        if self.affords(&calls) {
            Ok(asked)
        } else {
            Err(skipped(SkipReason::Budget, &self.too_dear(&calls)))
        }
    }

    fn begin_synthesis(&mut self) -> Vec<Action> {
        if !self.plan.stages.synthesis {
            return self.choose(false);
        }
        let writer = self.plan.synthesizer.clone();
        let first = (
            writer.clone(),
            bound(&self.synthesis(), self.plan.max_answer_tokens),
        );
        if !self.affords([&first]) {
            let skipped = Skipped {
                stage: Stage::UltraSynthesis,
                reason: SkipReason::Budget,
                detail: self.too_dear([&first]),
            };
            let mut actions = vec![self.skip(skipped)];
            actions.extend(self.choose(true));
            return actions;
        }
        self.enter(Stage::UltraSynthesis);
        let mut actions = vec![Action::Emit(Event::StageStarted {
            stage: self.stage,
            models: vec![writer],
        })];
        actions.extend(self.ask_synthesizer());
        // Beside it and not after it: nobody waits for one and then for the other.
        if self.plan.verdict {
            actions.push(self.begin_comparison(&first));
        }
        actions
    }

    /// Has the answers compared, where that can be paid beside the final answer.
    fn begin_comparison(&mut self, writing: &(ModelId, Usage)) -> Action {
        let request = comparing(&self.plan, &self.labelled(|_| true));
        let worst = Usage {
            input_tokens: request.input_bound(),
            output_tokens: self.plan.max_output_tokens.into(),
        };
        let call = (request.model.clone(), worst);
        let pending = Pending {
            task: Task::Compare,
            model: request.model,
            messages: request.messages,
            worst,
        };
        if self.affords([writing, &call]) {
            self.ask(pending)
        } else {
            let detail = self.too_dear([writing, &call]);
            self.leave_out(pending, Reason::Failed, detail)
        }
    }

    /// Asks the synthesizer first, and after each failure the next model that still takes part.
    pub(super) fn ask_synthesizer(&mut self) -> Vec<Action> {
        let writers = self
            .plan
            .writers(self.answers.values().map(|answer| &answer.model));
        let messages = self.synthesis();
        let worst = bound(&messages, self.plan.max_answer_tokens);
        let next = writers.into_iter().nth(self.attempts);
        let Some(writer) = next.filter(|writer| self.affords([&(writer.clone(), worst)])) else {
            self.written = Some(None);
            return Vec::new();
        };
        self.attempts += 1;
        self.call(Task::Write, writer, messages)
    }

    fn ask_members(&mut self, asked: Vec<Asked>) -> Vec<Action> {
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
            actions.extend(self.call(Task::Answer(member), model, messages));
        }
        actions
    }

    fn call(&mut self, task: Task, model: ModelId, messages: Vec<Message>) -> Vec<Action> {
        let started = Event::ModelStarted {
            stage: self.stage,
            label: self.label_of(task),
            model: model.clone(),
        };
        let bounds = match task {
            Task::Write => self.plan.max_answer_tokens,
            Task::Answer(_) | Task::Compare => self.plan.max_output_tokens,
        };
        let worst = bound(&messages, bounds);
        let pending = Pending {
            task,
            model,
            messages,
            worst,
        };
        vec![Action::Emit(started), self.ask(pending)]
    }

    fn ask(&mut self, pending: Pending) -> Action {
        let plan = &self.plan;
        let asked = Request::new(pending.model.clone(), pending.messages.clone());
        let request = match pending.task {
            Task::Answer(member) => Request {
                max_output_tokens: Some(plan.max_output_tokens),
                sampling: self.sampling_of(member),
                ..asked
            },
            // The bounds of the final answer are its own: a member that stopped there would have no say.
            Task::Write => Request {
                max_output_tokens: Some(plan.max_answer_tokens),
                sampling: plan.sampling,
                stop: plan.stop.clone(),
                ..asked
            },
            Task::Compare => Request {
                max_output_tokens: Some(plan.max_output_tokens),
                sampling: plan.sampling,
                format: if self.no_schema {
                    Format::Text
                } else {
                    comparison::format()
                },
                ..asked
            },
        };
        let call = self.calls;
        self.calls += 1;
        self.pending.insert(call, pending);
        Action::Call { call, request }
    }

    fn sampling_of(&self, member: usize) -> Sampling {
        if self.plain.contains(&member) {
            self.plan.sampling
        } else {
            self.plan.sampling_of(member)
        }
    }

    /// Whether a model was asked for something that the request did not say, and that it can do without.
    pub(super) fn is_special(&self, pending: &Pending) -> bool {
        match pending.task {
            Task::Answer(member) => self.sampling_of(member) != self.plan.sampling,
            Task::Write => false,
            Task::Compare => !self.no_schema,
        }
    }

    /// Asks a model again, for nothing special: not every one lets its temperature or seed be set, or takes a schema,
    /// and one that refuses has taken nothing.
    pub(super) fn ask_plainly(&mut self, pending: Pending) -> Vec<Action> {
        match pending.task {
            Task::Answer(member) => {
                self.plain.insert(member);
            }
            Task::Write => {}
            Task::Compare => self.no_schema = true,
        }
        vec![self.ask(pending)]
    }

    /// What the writer of the final answer reads.
    fn synthesis(&self) -> Vec<Message> {
        prompts::synthesis(&self.plan.conversation, &self.labelled(|_| true))
    }

    /// What others get to read of members' answers, under their neutral names.
    fn labelled(&self, of: impl Fn(usize) -> bool) -> Vec<(String, &str)> {
        self.answers
            .iter()
            .filter(|(member, _)| of(**member))
            .map(|(member, answer)| (self.plan.label_of(*member), self.plan.quotable(&answer.text)))
            .collect()
    }

    fn enter(&mut self, stage: Stage) {
        self.stage = stage;
        self.began = self.now;
        self.taken = Default::default();
    }

    fn skip(&mut self, skipped: Skipped) -> Action {
        self.skipped.push(skipped.clone());
        Action::Emit(Event::StageSkipped(skipped))
    }

    fn too_dear<'a>(&self, calls: impl IntoIterator<Item = &'a (ModelId, Usage)>) -> String {
        let (may_cost, spent) = (self.plan.cost(calls), self.spent);
        let budget = self.plan.budget.unwrap_or_default();
        format!("it can cost up to {may_cost}, and {spent} of {budget} may be spent by now")
    }
}

/// The most that a call can take.
fn bound(messages: &[Message], max_output_tokens: u32) -> Usage {
    Usage {
        input_tokens: input_bound(messages),
        output_tokens: max_output_tokens.into(),
    }
}

/// The request for a comparison of these answers, as a model is asked that takes schemas.
pub(in crate::panel) fn comparing(plan: &Plan, answers: &[(String, &str)]) -> Request {
    Request {
        format: comparison::format(),
        ..Request::new(
            plan.synthesizer.clone(),
            prompts::verdict(&plan.conversation, answers),
        )
    }
}
