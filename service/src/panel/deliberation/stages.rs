//! From stage to stage: who is asked what, and what has to be there to go on.

use std::collections::BTreeMap;

use super::{Action, Deliberation, Pending, millis};
use crate::{
    domain::{ModelId, Usage},
    llm::{Message, Request, Sampling, input_bound},
    panel::{Event, Failure, MemberAnswer, SkipReason, Skipped, Stage, StageReport, prompts},
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
            usage: answers.iter().map(|answer| answer.usage).sum(),
            cost: answers.iter().map(|answer| answer.cost).sum(),
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
        let first = (
            self.plan.synthesizer.clone(),
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
        let models = vec![self.plan.synthesizer.clone()];
        let mut actions = vec![Action::Emit(Event::StageStarted {
            stage: self.stage,
            models,
        })];
        actions.extend(self.ask_synthesizer());
        actions
    }

    /// Asks the synthesizer first, and after each failure the next model that still takes part.
    pub(super) fn ask_synthesizer(&mut self) -> Vec<Action> {
        let writers = self
            .plan
            .writers(self.answers.values().map(|answer| &answer.model));
        let Some(writer) = writers.into_iter().nth(self.attempts) else {
            return self.fall_back();
        };
        let messages = self.synthesis();
        let worst = bound(&messages, self.plan.max_answer_tokens);
        if !self.affords([&(writer.clone(), worst)]) {
            return self.fall_back();
        }
        self.attempts += 1;
        self.call(None, writer, messages)
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
            actions.extend(self.call(Some(member), model, messages));
        }
        actions
    }

    fn call(&mut self, member: Option<usize>, model: ModelId, messages: Vec<Message>) -> Vec<Action> {
        let label = member.map(|member| self.plan.label_of(member));
        let started = Event::ModelStarted {
            stage: self.stage,
            label,
            model: model.clone(),
        };
        vec![Action::Emit(started), self.ask(member, model, messages)]
    }

    fn ask(&mut self, member: Option<usize>, model: ModelId, messages: Vec<Message>) -> Action {
        let plan = &self.plan;
        // The bounds of the final answer are its own: a member that stopped there would have no say.
        let (max_output_tokens, sampling, stop) = match member {
            Some(member) => (plan.max_output_tokens, self.sampling_of(member), Vec::new()),
            None => (plan.max_answer_tokens, plan.sampling, plan.stop.clone()),
        };
        let pending = Pending {
            member,
            model: model.clone(),
            worst: bound(&messages, max_output_tokens),
            messages: messages.clone(),
        };
        let call = self.calls;
        self.calls += 1;
        self.pending.insert(call, pending);
        let request = Request {
            max_output_tokens: Some(max_output_tokens),
            sampling,
            stop,
            ..Request::new(model, messages)
        };
        Action::Call { call, request }
    }

    fn sampling_of(&self, member: usize) -> Sampling {
        if self.plain.contains(&member) {
            self.plan.sampling
        } else {
            self.plan.sampling_of(member)
        }
    }

    /// Whether a member was asked in a way of its own, which the request did not say.
    pub(super) fn is_varied(&self, pending: &Pending) -> bool {
        let member = pending.member;
        member.is_some_and(|member| self.sampling_of(member) != self.plan.sampling)
    }

    /// Asks a member again, in no way of its own: not every model lets its temperature or seed be set, and one that
    /// refuses has taken nothing.
    pub(super) fn ask_plainly(&mut self, pending: Pending) -> Vec<Action> {
        self.plain.extend(pending.member);
        vec![self.ask(pending.member, pending.model, pending.messages)]
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
