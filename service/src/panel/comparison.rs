//! What a model says of the panel's answers, in a form that programs can read.

use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::llm::Format;

/// The name of the schema that a comparison fits.
pub(crate) const SCHEMA: &str = "verdict";

/// What the members' last answers have in common, and what not. Members go by their neutral names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// What they agree on.
    pub consensus: Vec<String>,
    /// Where they contradict each other.
    pub contradictions: Vec<Contradiction>,
    /// What only one of them saw.
    pub unique_insights: Vec<Insight>,
    /// What all of them overlooked.
    pub blind_spots: Vec<String>,
}

/// Something that members contradict each other about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Contradiction {
    /// What it is about.
    pub topic: String,
    /// Who holds what.
    pub positions: Vec<Position>,
}

/// What a member holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// The member's neutral name.
    #[schema(example = "Response A")]
    pub response: String,
    /// What it holds.
    pub position: String,
}

/// What only one member saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Insight {
    /// The member's neutral name.
    #[schema(example = "Response B")]
    pub response: String,
    /// What it saw.
    pub insight: String,
}

/// Why a text is no comparison.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoComparison {
    #[error("the verdict is no JSON of the form that was asked for")]
    Form(#[from] serde_json::Error),
    #[error("the verdict names a response that there is not")]
    Label,
}

impl Comparison {
    /// Reads a model's answer. One that does not fit, or that speaks of members whose answers it was not shown, is none.
    pub(super) fn read(text: &str, labels: &[String]) -> Result<Self, NoComparison> {
        let text = text.trim();
        // Some models put JSON into a fence, whatever they are told.
        let inner = text.strip_prefix("```json").or_else(|| text.strip_prefix("```"));
        let json = inner.and_then(|inner| inner.strip_suffix("```")).unwrap_or(text);
        let read: Self = serde_json::from_str(json)?;
        let positions = read.contradictions.iter().flat_map(|one| &one.positions);
        let mut named = positions
            .map(|position| &position.response)
            .chain(read.unique_insights.iter().map(|insight| &insight.response));
        if named.all(|name| labels.contains(name)) {
            Ok(read)
        } else {
            Err(NoComparison::Label)
        }
    }
}

/// The form that is asked for.
pub(super) fn format() -> Format {
    let texts = || json!({"type": "array", "items": {"type": "string"}});
    let object = |name: &str, other: &str, value: serde_json::Value| {
        json!({
            "type": "object",
            "additionalProperties": false,
            "required": [name, other],
            "properties": {name: {"type": "string"}, other: value},
        })
    };
    let list = |items: serde_json::Value| json!({"type": "array", "items": items});
    let text = json!({"type": "string"});
    let positions = list(object("response", "position", text.clone()));
    Format::Schema {
        name: SCHEMA.to_owned(),
        description: None,
        schema: json!({
            "type": "object",
            "additionalProperties": false,
            "required": ["consensus", "contradictions", "unique_insights", "blind_spots"],
            "properties": {
                "consensus": texts(),
                "contradictions": list(object("topic", "positions", positions)),
                "unique_insights": list(object("response", "insight", text)),
                "blind_spots": texts(),
            },
        }),
        strict: Some(true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"{"consensus": ["Postgres is work."],
        "contradictions": [{"topic": "cost", "positions": [{"response": "Response A", "position": "low"}]}],
        "unique_insights": [{"response": "Response B", "insight": "backups"}], "blind_spots": []}"#;

    fn read(text: &str) -> Result<Comparison, String> {
        let labels = ["Response A", "Response B"].map(str::to_owned);
        Comparison::read(text, &labels).map_err(|error| error.to_string())
    }

    #[test]
    fn what_fits_is_read_in_a_fence_too() {
        let whole = read(WHOLE).unwrap();
        assert_eq!(whole.contradictions[0].positions[0].position, "low");
        assert_eq!(read(&format!("```json\n{WHOLE}\n```")), Ok(whole.clone()));
        assert_eq!(read(&format!(" ```\n{WHOLE}```\n")), Ok(whole));
    }

    #[test]
    fn what_does_not_fit_is_no_comparison() {
        let other = WHOLE.replace("Response B", "Response C");
        for text in [
            "",
            "All agree.",
            "{}",
            "[]",
            &WHOLE.replace("[]", "null"),
            &WHOLE.replace("\"blind_spots\"", "\"more\""),
            &format!("{WHOLE} and more"),
        ] {
            assert!(read(text).unwrap_err().contains("no JSON"), "{text}");
        }
        assert!(read(&other).unwrap_err().contains("there is not"));
    }

    #[test]
    fn the_schema_asks_for_what_is_read() {
        let Format::Schema { schema, .. } = format() else {
            panic!("no schema")
        };
        insta::assert_json_snapshot!(schema);
    }
}
