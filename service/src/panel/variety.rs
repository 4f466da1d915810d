//! The same model several times in one panel (Self-MoA, arXiv 2502.00674) is of use only where its answers differ.

use crate::llm::Sampling;

/// The least and the most random of equal members. Every provider takes both.
const TEMPERATURES: (f32, f32) = (0.4, 1.0);

/// How one of several members with the same model chooses its words: each has a seed of its own, and the temperatures
/// are spread evenly, the first member's being the highest. What the request itself fixes stays as it is for all.
pub(super) fn vary(asked: Sampling, occurrence: usize, count: usize) -> Sampling {
    if count < 2 {
        return asked;
    }
    let (least, most) = TEMPERATURES;
    let step = (most - least) / (count - 1) as f32;
    Sampling {
        temperature: asked.temperature.or(Some(most - step * occurrence as f32)),
        seed: asked.seed.or(i64::try_from(occurrence + 1).ok()),
        ..asked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_members_differ_and_one_alone_is_left_as_it_is() {
        let asked = Sampling::default();
        assert_eq!(vary(asked, 0, 1), asked);
        let three: Vec<_> = (0..3).map(|occurrence| vary(asked, occurrence, 3)).collect();
        let temperatures: Vec<_> = three.iter().map(|one| one.temperature.unwrap()).collect();
        assert_eq!((temperatures[0], temperatures[1]), (1.0, 0.7));
        assert!((temperatures[2] - 0.4).abs() < 1e-6, "{temperatures:?}");
        assert_eq!(
            three.iter().map(|one| one.seed).collect::<Vec<_>>(),
            [Some(1), Some(2), Some(3)]
        );
    }

    #[test]
    fn what_the_request_fixes_stays() {
        let asked = Sampling {
            temperature: Some(0.0),
            ..Sampling::default()
        };
        let varied = vary(asked, 1, 2);
        assert_eq!((varied.temperature, varied.seed), (Some(0.0), Some(2)));
        let asked = Sampling {
            seed: Some(7),
            ..Sampling::default()
        };
        assert_eq!(vary(asked, 1, 2).seed, Some(7));
    }
}
