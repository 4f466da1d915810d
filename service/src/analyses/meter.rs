use crate::{
    domain::{ModelId, Usage},
    limits::{Reservation, estimated_tokens},
    panel::{Event, Plan},
};

/// Follows what a panel takes, so that one that is given up on its way is charged for it: the calls that answered, and
/// for those under way an estimate.
pub(super) struct Meter {
    reservation: Reservation,
    /// What each call has read, at least.
    prompt: u64,
    answered: Vec<(ModelId, Usage)>,
    under_way: Vec<ModelId>,
    written: usize,
}

impl Meter {
    pub(super) fn new(reservation: Reservation, plan: &Plan) -> Self {
        Self {
            reservation,
            prompt: estimated_tokens(plan.prompt.as_str().len()),
            answered: Vec::new(),
            under_way: Vec::new(),
            written: 0,
        }
    }

    pub(super) fn see(&mut self, event: &Event) {
        if !self.reservation.is_limited() {
            return;
        }
        match event {
            Event::ModelStarted { model, .. } => {
                self.written = 0;
                self.under_way.push(model.clone());
            }
            Event::SynthesisDelta { text, .. } => self.written += text.len(),
            Event::ModelCompleted { answer, .. } => {
                self.ended(&answer.model);
                self.answered.push((answer.model.clone(), answer.usage));
            }
            Event::ModelFailed(left_out) => self.ended(&left_out.model),
            _ => return,
        }
        let under_way = Usage {
            input_tokens: self.prompt,
            output_tokens: estimated_tokens(self.written),
        };
        let answered = self.answered.iter().map(|(model, usage)| (model, *usage));
        self.reservation
            .so_far(answered.chain(self.under_way.iter().map(|model| (model, under_way))));
    }

    /// It is over, and what it took is known.
    pub(super) async fn settle(self, calls: &[(ModelId, Usage)]) {
        let calls = calls.iter().map(|(model, usage)| (model, *usage));
        self.reservation.settle(calls).await;
    }

    fn ended(&mut self, model: &ModelId) {
        if let Some(index) = self.under_way.iter().position(|other| other == model) {
            self.under_way.swap_remove(index);
        }
        self.written = 0;
    }
}
