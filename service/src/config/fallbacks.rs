use std::collections::BTreeMap;

use super::{
    offered::Offered,
    yaml::{Problem, key},
};
use crate::domain::ModelId;

/// Who is asked where a model cannot answer: what is wrong with it.
pub(super) fn problems(fallbacks: &BTreeMap<ModelId, Vec<ModelId>>, offered: &Offered<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (model, others) in fallbacks {
        let path = key("fallbacks").key(model.as_str());
        problems.extend(
            offered
                .unknown(model)
                .map(|text| Problem::new(path.clone(), text)),
        );
        for (index, other) in others.iter().enumerate() {
            let path = path.clone().index(index);
            let text = if other == model {
                Some(format!("names {model} as its own fallback"))
            } else if others[..index].contains(other) {
                Some(format!("names {other} twice"))
            } else {
                offered.unknown(other)
            };
            problems.extend(text.map(|text| Problem::new(path, text)));
        }
    }
    problems
}
