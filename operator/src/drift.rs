//! Whether a live object already is as it was planned, so that nothing is written where nothing has changed.

use crate::{plan::PLAN_ANNOTATION, quantity};
use kube::{Resource, ResourceExt};
use serde::Serialize;
use serde_json::{Map, Value};

/// How a live object stands to its plan.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Drift {
    /// It is as planned.
    None,
    /// The plan is another one than the object was made from.
    NewPlan,
    /// The plan is the same, and someone else has changed the object.
    ByHand,
}

/// Compares a live object with its plan. What the plan is silent about is nobody's concern here: defaults of the API
/// server, status, and fields that others own.
pub fn drift<K: Resource + Serialize>(planned: &K, live: &K) -> Drift {
    let json = |object: &K| serde_json::to_value(object).unwrap_or_default();
    if covers(&json(live), &json(planned)) {
        Drift::None
    } else if planned.annotations().get(PLAN_ANNOTATION) == live.annotations().get(PLAN_ANNOTATION) {
        Drift::ByHand
    } else {
        Drift::NewPlan
    }
}

fn covers(live: &Value, planned: &Value) -> bool {
    match (live, planned) {
        (Value::Object(live), Value::Object(planned)) => covers_object(live, planned),
        (Value::Array(live), Value::Array(planned)) => covers_array(live, planned),
        _ => live == planned,
    }
}

fn covers_object(live: &Map<String, Value>, planned: &Map<String, Value>) -> bool {
    planned.iter().all(|(key, planned)| match live.get(key) {
        Some(live) if key == "requests" || key == "limits" => equal_quantities(live, planned),
        Some(live) => covers(live, planned),
        None => is_empty(planned),
    })
}

/// Lists of objects are maps by some key to the API server, and others may add entries of their own; a list of plain
/// values is one value.
fn covers_array(live: &[Value], planned: &[Value]) -> bool {
    if planned.iter().any(Value::is_object) {
        planned
            .iter()
            .all(|planned| live.iter().any(|live| covers(live, planned)))
    } else {
        live == planned
    }
}

/// The API server writes quantities in its own words: `500m` for `0.5`.
fn equal_quantities(live: &Value, planned: &Value) -> bool {
    let (Value::Object(live), Value::Object(planned)) = (live, planned) else {
        return live == planned;
    };
    let number = |value: &Value| value.as_str().and_then(quantity::value);
    planned.iter().all(|(key, planned)| {
        live.get(key).is_some_and(|live| {
            live == planned || (number(live).is_some() && number(live) == number(planned))
        })
    })
}

/// Values that the API server leaves out.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn defaults_and_foreign_entries_are_no_drift() {
        let planned = json!({"ports": [{"name": "http", "port": 80}], "selector": {"a": "b"}, "empty": ""});
        let live = json!({"ports": [{"name": "extra", "port": 1}, {"name": "http", "port": 80, "protocol": "TCP"}],
            "selector": {"a": "b"}, "clusterIP": "10.0.0.1"});
        assert!(covers(&live, &planned));
    }

    #[test]
    fn a_changed_or_missing_field_is_drift() {
        let planned = json!({"replicas": 1, "args": ["--save", ""], "env": [{"name": "A", "value": "1"}]});
        for live in [
            json!({"replicas": 2, "args": ["--save", ""], "env": [{"name": "A", "value": "1"}]}),
            json!({"args": ["--save", ""], "env": [{"name": "A", "value": "1"}]}),
            json!({"replicas": 1, "args": ["--save", "", "--more"], "env": [{"name": "A", "value": "1"}]}),
            json!({"replicas": 1, "args": ["--save", ""], "env": [{"name": "A", "value": "2"}]}),
        ] {
            assert!(!covers(&live, &planned), "{live}");
        }
    }

    #[test]
    fn quantities_are_compared_by_value() {
        let planned = json!({"limits": {"cpu": "0.5", "memory": "1Gi"}});
        assert!(covers(
            &json!({"limits": {"cpu": "500m", "memory": "1Gi"}}),
            &planned
        ));
        assert!(!covers(
            &json!({"limits": {"cpu": "400m", "memory": "1Gi"}}),
            &planned
        ));
        assert!(!covers(&json!({"limits": {"memory": "1Gi"}}), &planned));
    }
}
