//! How much answers have in common. Measured by shared words (the Jaccard index), so it costs no model. That says how
//! alike texts are, and neither that they are right nor that they contradict each other.

use std::collections::HashSet;

/// An answer dissents where it has less than this part in common with the others of what these have among each other.
const DISSENT: f64 = 0.5;

/// How much one answer has in common with the others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Agreement {
    /// The mean of the shared words with each of the others, from 0 to 1.
    pub(super) shared: f64,
    /// Whether it stands apart from the others. Of two answers neither can be said to.
    pub(super) dissents: Option<bool>,
}

/// Compares answers with each other. One alone agrees with nobody.
pub(super) fn agreements(answers: &[&str]) -> Vec<Option<Agreement>> {
    let likeness = Likeness::of(answers);
    let all: Vec<usize> = (0..answers.len()).collect();
    let one = |index: &usize| {
        let others: Vec<usize> = all.iter().copied().filter(|other| other != index).collect();
        let shared = mean(others.iter().map(|other| likeness.between(*index, *other)))?;
        let pairs = others
            .iter()
            .flat_map(|a| others.iter().filter(move |b| a < b).map(move |b| (*a, *b)));
        let among = mean(pairs.map(|(a, b)| likeness.between(a, b)));
        Some(Agreement {
            shared,
            dissents: among.map(|among| shared < among * DISSENT),
        })
    };
    all.iter().map(one).collect()
}

/// The answer that has most in common with the others, by its index: what a panel falls back to when nobody joins its
/// answers. The first one wins a tie.
pub(super) fn most_agreed(answers: &[&str]) -> Option<usize> {
    let agreements = agreements(answers);
    let shared = |index: usize| agreements[index].map_or(0.0, |agreement| agreement.shared);
    (0..answers.len()).reduce(|best, next| if shared(next) > shared(best) { next } else { best })
}

/// How much each answer has in common with each that comes before it. Every pair is compared once.
struct Likeness(Vec<Vec<f64>>);

impl Likeness {
    fn of(answers: &[&str]) -> Self {
        let words: Vec<_> = answers.iter().map(|answer| words(answer)).collect();
        let row = |later: usize| {
            let earlier = words[..later].iter();
            earlier.map(|earlier| jaccard(&words[later], earlier)).collect()
        };
        Self((0..words.len()).map(row).collect())
    }

    /// Of two different answers, in either order.
    fn between(&self, a: usize, b: usize) -> f64 {
        self.0[a.max(b)][a.min(b)]
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}

fn words(text: &str) -> HashSet<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

fn jaccard(a: &HashSet<String>, b: &HashSet<String>) -> f64 {
    let shared = a.intersection(b).count();
    let all = a.len() + b.len() - shared;
    if all == 0 { 0.0 } else { shared as f64 / all as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_that_shares_most_with_the_others_is_taken() {
        let answers = [
            "cats purr loudly",
            "run your own postgres",
            "a team can run postgres",
        ];
        assert_eq!(most_agreed(&answers), Some(1));
        assert_eq!(most_agreed(&["alone"]), Some(0));
        assert_eq!(most_agreed(&[]), None);
        assert_eq!(most_agreed(&["a", "b"]), Some(0), "the first wins a tie");
    }

    #[test]
    fn who_stands_apart_from_the_others_dissents() {
        let answers = [
            "run your own postgres",
            "run your own database",
            "cats purr loudly",
        ];
        let seen = agreements(&answers);
        let dissents: Vec<_> = seen.iter().map(|one| one.unwrap().dissents).collect();
        assert_eq!(dissents, [Some(false), Some(false), Some(true)]);
        assert_eq!(seen[2].unwrap().shared, 0.0);
        assert!((seen[0].unwrap().shared - 0.3).abs() < 1e-9, "{seen:?}");
    }

    #[test]
    fn of_two_answers_neither_dissents_and_one_alone_agrees_with_nobody() {
        let dissents: Vec<_> = agreements(&["yes", "no"])
            .into_iter()
            .map(|one| one.map(|one| one.dissents))
            .collect();
        assert_eq!(dissents, [Some(None), Some(None)], "two answers only differ");
        assert_eq!(agreements(&["alone"]), [None]);
    }
}
