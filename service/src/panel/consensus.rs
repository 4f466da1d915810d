use std::collections::HashSet;

/// The answer that has most in common with the others: what a panel falls back to when nobody can join its answers.
/// Measured by shared words (the mean Jaccard index), so it costs no model; the first one wins a tie.
pub(super) fn most_agreed<'a>(answers: &[&'a str]) -> Option<&'a str> {
    let words: Vec<HashSet<String>> = answers.iter().map(|answer| words(answer)).collect();
    let mut best: Option<(f64, &str)> = None;
    for (index, answer) in answers.iter().enumerate() {
        let others = words.iter().enumerate().filter(|(other, _)| *other != index);
        let agreement: f64 = others.map(|(_, other)| jaccard(&words[index], other)).sum();
        if best.is_none_or(|(most, _)| agreement > most) {
            best = Some((agreement, answer));
        }
    }
    best.map(|(_, answer)| answer)
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
        assert_eq!(most_agreed(&answers), Some("run your own postgres"));
        assert_eq!(most_agreed(&["alone"]), Some("alone"));
        assert_eq!(most_agreed(&[]), None);
    }
}
