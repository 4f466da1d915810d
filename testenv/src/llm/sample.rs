//! JSON that fulfils a schema.

use serde_json::{Map, Value, json};

/// How deep a schema is followed that refers to itself.
const DEPTH: usize = 16;

/// A value that `schema` allows, where every text is `text`: enough of JSON Schema for what providers take.
pub(super) fn of(schema: &Value, text: &str) -> Value {
    value(schema, schema, text, DEPTH)
}

fn value(root: &Value, schema: &Value, text: &str, depth: usize) -> Value {
    let Some(depth) = depth.checked_sub(1) else {
        return Value::Null;
    };
    let of = |schema: &Value| value(root, schema, text, depth);
    if let Some(reference) = schema["$ref"].as_str() {
        let pointer = reference.strip_prefix('#').unwrap_or(reference);
        return root.pointer(pointer).map_or(Value::Null, of);
    }
    if let Some(constant) = schema.get("const") {
        return constant.clone();
    }
    let first = |name: &str| schema[name].as_array().and_then(|all| all.first());
    if let Some(value) = first("enum") {
        return value.clone();
    }
    if let Some(schema) = first("anyOf").or_else(|| first("oneOf")) {
        return of(schema);
    }
    let kind = schema["type"].as_str().or_else(|| first("type")?.as_str());
    match kind {
        Some("object") => object(schema, of),
        Some("array") => json!([of(&schema["items"])]),
        Some("integer") => schema.get("minimum").cloned().unwrap_or_else(|| json!(1)),
        Some("number") => schema.get("minimum").cloned().unwrap_or_else(|| json!(1.5)),
        Some("boolean") => json!(true),
        Some("null") => Value::Null,
        None if schema["properties"].is_object() => object(schema, of),
        _ => json!(text),
    }
}

fn object(schema: &Value, of: impl Fn(&Value) -> Value) -> Value {
    let properties = schema["properties"].as_object().into_iter().flatten();
    properties
        .map(|(name, schema)| (name.clone(), of(schema)))
        .collect::<Map<_, _>>()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_property_has_a_value_of_its_type() {
        let schema = json!({
            "type": "object",
            "properties": {
                "why": { "type": "string" },
                "steps": { "type": "array", "items": { "type": "integer", "minimum": 3 } },
                "sure": { "type": ["boolean", "null"] },
                "colour": { "enum": ["blue", "red"] },
                "more": { "anyOf": [{ "$ref": "#/$defs/part" }, { "type": "null" }] },
            },
            "$defs": { "part": { "properties": { "share": { "type": "number" }, "kind": { "const": "x" } } } },
        });
        let expected = json!({
            "why": "so", "steps": [3], "sure": true, "colour": "blue", "more": { "share": 1.5, "kind": "x" },
        });
        assert_eq!(of(&schema, "so"), expected);
    }

    #[test]
    fn a_schema_that_refers_to_itself_comes_to_an_end() {
        let schema = json!({ "type": "object", "properties": { "next": { "$ref": "#" } } });
        assert!(of(&schema, "so")["next"]["next"].is_object());
    }
}
