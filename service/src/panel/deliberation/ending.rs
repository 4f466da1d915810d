//! What comes of a panel in the end.

use super::{Action, Deliberation};
use crate::panel::{Chosen, Member, MemberAnswer, Stance, Verdict, consensus};

/// Agreement is told in hundredths: more would say more than it knows.
const HUNDREDTHS: f64 = 100.0;

impl Deliberation {
    /// The final answer is written.
    pub(super) fn conclude(&mut self, answer: MemberAnswer) -> Vec<Action> {
        let stage_completed = self.stage_completed(vec![answer.clone()]);
        let verdict = Verdict {
            answer: answer.text,
            synthesizer: Some(answer.model),
            truncated: answer.truncated,
            ..self.verdict()
        };
        vec![stage_completed, Action::Finish(Ok(verdict))]
    }

    /// Nobody could write the final answer: the member's answer that agrees most with the others takes its place.
    pub(super) fn fall_back(&mut self) -> Vec<Action> {
        let mut actions = vec![self.stage_completed(Vec::new())];
        actions.extend(self.choose(true));
        actions
    }

    /// One member's answer is the final one: the one that has most in common with the others.
    pub(super) fn choose(&mut self, degraded: bool) -> Vec<Action> {
        let answers: Vec<_> = self.answers.iter().collect();
        let texts: Vec<_> = answers.iter().map(|(_, answer)| answer.text.as_str()).collect();
        let chosen = consensus::most_agreed(&texts).map(|index| {
            let (member, answer) = answers[index];
            let chosen = Chosen {
                label: self.plan.label_of(*member),
                model: answer.model.clone(),
            };
            (chosen, answer.text.clone(), answer.truncated)
        });
        let mut verdict = self.verdict();
        verdict.degraded = degraded;
        if let Some((chosen, answer, truncated)) = chosen {
            verdict.answer = answer;
            verdict.truncated = truncated;
            verdict.chosen = Some(chosen);
        }
        vec![Action::Finish(Ok(verdict))]
    }

    /// All of it but the answer.
    fn verdict(&mut self) -> Verdict {
        Verdict {
            answer: String::new(),
            synthesizer: None,
            chosen: None,
            degraded: false,
            truncated: false,
            members: self.members(),
            comparison: self.comparison.take(),
            left_out: std::mem::take(&mut self.left_out),
            skipped: std::mem::take(&mut self.skipped),
            usage: self.usage,
            stages: std::mem::take(&mut self.reports),
        }
    }

    /// Where each member stands by its last answer.
    fn members(&self) -> Vec<Member> {
        let texts: Vec<_> = self.answers.values().map(|answer| answer.text.as_str()).collect();
        let mut agreements = consensus::agreements(&texts).into_iter();
        let members = self.plan.members.iter().enumerate();
        members
            .map(|(member, model)| {
                let answered = self.answers.contains_key(&member);
                let agreement = if answered {
                    agreements.next().flatten()
                } else {
                    None
                };
                let stance = agreement.and_then(|agreement| agreement.dissents);
                Member {
                    label: self.plan.label_of(member),
                    model: model.clone(),
                    answered,
                    agreement: agreement
                        .map(|agreement| (agreement.shared * HUNDREDTHS).round() / HUNDREDTHS),
                    stance: stance.map(|dissents| {
                        if dissents {
                            Stance::Dissents
                        } else {
                            Stance::Agrees
                        }
                    }),
                }
            })
            .collect()
    }
}
