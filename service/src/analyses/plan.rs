use super::{PanelOptions, Question};
use crate::{config, domain::ModelId, metering::Prices, panel::Plan};

/// What a panel is to do for a question: as configured, where the question does not say otherwise.
pub(super) fn plan(panel: &config::Panel, prices: &Prices, question: &Question) -> Plan {
    let PanelOptions {
        models,
        synthesizer,
        stages,
        verdict,
        min_models,
        deadline,
        stage_deadlines,
        budget,
        max_output_tokens,
    } = question.options.clone();
    let members = models.unwrap_or_else(|| panel.models.clone());
    let max_output_tokens = max_output_tokens.unwrap_or(panel.max_output_tokens);
    let asked = question.max_answer_tokens.unwrap_or(u32::MAX);
    Plan {
        conversation: question.conversation.clone(),
        synthesizer: synthesizer.unwrap_or_else(|| outsider(panel, &members)),
        stages,
        verdict,
        min_models: min_models.unwrap_or(panel.min_models).min(members.len()),
        members,
        max_output_tokens,
        max_answer_tokens: max_output_tokens.min(asked),
        sampling: question.sampling,
        stop: question.stop.clone(),
        deadline: deadline.unwrap_or(panel.deadline),
        stage_deadlines,
        budget,
        prices: prices.clone(),
    }
}

/// Who writes the final answer where nobody says who: the configured one, unless it is a member; then one of the
/// configured panel that is not. Only models that were chosen by somebody are asked: others may cost anything.
fn outsider(panel: &config::Panel, members: &[ModelId]) -> ModelId {
    let configured = std::iter::once(&panel.synthesizer).chain(&panel.models);
    let mut outside = configured.filter(|model| !members.contains(model));
    outside.next().unwrap_or(&panel.synthesizer).clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_final_answer_is_written_by_a_model_outside_of_the_panel_where_there_is_one() {
        let panel = config::Config::from_env([]).unwrap().panel;
        let ids =
            |names: &[&str]| -> Vec<ModelId> { names.iter().map(|name| name.parse().unwrap()).collect() };
        for (members, writer) in [
            (&["mock/analyst", "mock/skeptic"][..], "mock/editor"),
            (&["mock/editor", "mock/skeptic"], "mock/analyst"),
            (&["mock/editor", "mock/analyst"], "mock/skeptic"),
            (
                &["mock/editor", "mock/analyst", "mock/skeptic", "mock/pragmatist"],
                "mock/editor",
            ),
        ] {
            assert_eq!(outsider(&panel, &ids(members)).as_str(), writer, "{members:?}");
        }
    }
}
