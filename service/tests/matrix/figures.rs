//! What was measured, for a person.

use super::{
    load::{Kind, Sample},
    seen::Seen,
};

impl Seen {
    /// A line about the whole row.
    pub(super) fn figures(&self) -> String {
        let times = &self.times;
        let known = self.until_known().map_or_else(String::new, |took| {
            format!("known after {:.2} s, ", took.as_secs_f64())
        });
        let (late, all) = self.late();
        let excused = self
            .samples
            .iter()
            .filter(|sample| self.is_excused(sample))
            .count();
        let last = self.last_impaired().map_or_else(String::new, |last| {
            format!(" ({:?}: {})", last.kind, last.answer.summary())
        });
        let kinds: Vec<_> = Kind::ALL.iter().map(|kind| self.figures_of(*kind)).collect();
        format!(
            "{:<26} lasted {:.1} s, {known}over {:.2} s after its end{last}, breaker opened {}, \
             {late} of {all} late, {excused} excused; {}",
            self.name,
            (times.ended - times.begins).as_secs_f64(),
            self.recovery().as_secs_f64(),
            self.opened,
            kinds.join(", "),
        )
    }

    /// How many got what while it lasted, and how long the slowest took.
    fn figures_of(&self, kind: Kind) -> String {
        let times = &self.times;
        let of_kind = |sample: &&Sample| {
            sample.kind == kind && sample.ended >= times.begins && sample.began <= times.ended
        };
        let meanwhile: Vec<_> = self.samples.iter().filter(of_kind).collect();
        let refused = meanwhile
            .iter()
            .filter(|sample| sample.answer.status == 503)
            .count();
        let slowest = meanwhile
            .iter()
            .map(|sample| sample.took())
            .max()
            .unwrap_or_default();
        format!(
            "{kind:?} {}+{refused} {} ms",
            meanwhile.len() - refused,
            slowest.as_millis()
        )
    }
}
