//! What is wrong with a body, in words that hold nothing of it: what was sent may be a secret in the wrong place.

/// Says what an error of serde says, without the value that was sent and without names of this program's types.
pub(super) fn words(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let (message, place) = match message.strip_suffix(&place) {
        Some(message) => (message, place.as_str()),
        None => (message.as_str(), ""),
    };
    // The value comes first and may hold anything, these words too; what was expected is this program's own text.
    let expected = message
        .rsplit_once(", expected ")
        .map(|(_, expected)| format!("expected {}", plain(expected)));
    let expected = expected.unwrap_or_else(|| "nothing is expected here".to_owned());
    let begins = |words: &[&str]| words.iter().any(|words| message.starts_with(words));
    let told = if begins(&["unknown field "]) {
        format!("there is no such field; {expected}")
    } else if begins(&["unknown variant "]) {
        format!("there is no such value; {expected}")
    } else if begins(&["invalid type: "]) {
        format!("the type is wrong; {expected}")
    } else if begins(&["invalid value: ", "invalid length "]) {
        format!("the value is wrong; {expected}")
    } else if begins(&["data did not match any variant "]) {
        "the type is wrong; none of those that are allowed fits".to_owned()
    } else {
        // A field of ours that is missing or there twice, or the words of a type of the domain, which show no value.
        message.to_owned()
    };
    format!("{told}{place}")
}

/// What Rust calls a type, as JSON calls it.
fn plain(expected: &str) -> &str {
    let first = expected.split(' ').next().unwrap_or_default();
    match first {
        "struct" | "map" => "an object",
        "tuple" | "sequence" => "a list",
        "enum" | "variant" | "field" | "identifier" | "str" => "a string",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number from 0",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "bool" => "a boolean",
        "unit" | "option" => "null",
        _ if expected == "a map" => "an object",
        _ if expected == "a sequence" => "a list",
        _ if expected == "string or map" => "a string",
        _ if expected.contains("OffsetDateTime") => "a time such as `2026-01-31T12:00:00Z`",
        _ => expected,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::{Deserialize, de::DeserializeOwned};
    use serde_json::{Value, json};
    use time::OffsetDateTime;

    use super::*;
    use crate::domain::{Email, Password, Role, Scopes};

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its parsing is tested")]
    struct Request {
        text: Option<String>,
        number: Option<u32>,
        signed: Option<i64>,
        float: Option<f32>,
        switch: Option<bool>,
        list: Option<Vec<String>>,
        inner: Option<Inner>,
        email: Option<Email>,
        password: Option<Password>,
        role: Option<Role>,
        scopes: Option<Scopes>,
        either: Option<Either>,
        map: Option<std::collections::BTreeMap<String, u8>>,
        #[serde(default, with = "time::serde::rfc3339::option")]
        at: Option<OffsetDateTime>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its parsing is tested")]
    struct Inner {
        needed: String,
    }

    #[derive(Debug, Deserialize)]
    #[serde(untagged)]
    #[expect(dead_code, reason = "only its parsing is tested")]
    enum Either {
        One(String),
        Many(Vec<String>),
    }

    const FIELDS: [&str; 14] = [
        "text", "number", "signed", "float", "switch", "list", "inner", "email", "password", "role",
        "scopes", "either", "map", "at",
    ];

    fn told<T: DeserializeOwned>(body: &str) -> Option<String> {
        serde_json::from_str::<T>(body).err().map(|error| words(&error))
    }

    #[test]
    fn what_was_expected_is_told_and_where() {
        for (body, expected) in [
            (
                r#"{"text": 7}"#,
                "the type is wrong; expected a string at line 1 column 10",
            ),
            (
                r#"{"number": -1}"#,
                "the value is wrong; expected a whole number from 0 at line 1 column 13",
            ),
            (
                r#"{"number": "7"}"#,
                "the type is wrong; expected a whole number from 0 at line 1 column 14",
            ),
            (
                r#"{"signed": true}"#,
                "the type is wrong; expected a whole number at line 1 column 15",
            ),
            (
                r#"{"float": "1"}"#,
                "the type is wrong; expected a number at line 1 column 13",
            ),
            (
                r#"{"switch": "no"}"#,
                "the type is wrong; expected a boolean at line 1 column 15",
            ),
            (
                r#"{"list": "no"}"#,
                "the type is wrong; expected a list at line 1 column 13",
            ),
            (
                r#"{"inner": 1}"#,
                "the type is wrong; expected an object at line 1 column 11",
            ),
            (
                r#"{"inner": []}"#,
                "the value is wrong; expected an object at line 1 column 12",
            ),
            (r#"{"inner": {}}"#, "missing field `needed` at line 1 column 12"),
            (
                r#"{"inner": {"needed": "", "needed": ""}}"#,
                "duplicate field `needed` at line 1 column 33",
            ),
            (
                r#"{"map": 1}"#,
                "the type is wrong; expected an object at line 1 column 9",
            ),
            (
                r#"{"role": "root"}"#,
                "there is no such value; expected `user` or `admin` at line 1 column 15",
            ),
            (
                r#"{"at": 7}"#,
                "the type is wrong; expected a time such as `2026-01-31T12:00:00Z` at line 1 column 8",
            ),
            (
                r#"{"inner": {"x": 1}}"#,
                "there is no such field; expected `needed` at line 1 column 14",
            ),
            (
                r#"{"email": "ada"}"#,
                "is no email address; write it as name@example.com at line 1 column 16",
            ),
            ("[]", "the value is wrong; expected an object at line 1 column 2"),
        ] {
            assert_eq!(told::<Request>(body).as_deref(), Some(expected), "{body}");
        }
        // Where serde stands when it has tried everything depends on the features that serde_json is built with.
        let either = told::<Request>(r#"{"either": 7}"#).unwrap();
        let words = "the type is wrong; none of those that are allowed fits at line 1 column ";
        assert!(either.starts_with(words), "{either}");
    }

    /// Everything that a secret can be mistaken for, and texts that imitate serde's own.
    fn secrets() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-zA-Z0-9_`,:. ]{0,20}KANARIE[a-zA-Z0-9_`,:. \\n\"]{0,20}",
            Just("x`, expected KANARIE".to_owned()),
            Just("x, expected one of KANARIE at line 1 column 2".to_owned()),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_value_is_repeated_wherever_it_stands(secret in secrets(), number in 1_000_000_000_000_000_u64..) {
            for value in [
                json!(secret), json!([secret]), json!({secret.clone(): secret}), json!({"needed": [secret]}), json!({"needed": "", secret.clone(): 1}),
                json!(number), json!([number]), json!({"needed": number}), json!(-(number as f64)), json!({"a": secret}),
            ] {
                let mut bodies: Vec<Value> = FIELDS.iter().map(|field| json!({*field: value})).collect();
                bodies.extend([value.clone(), json!({secret.clone(): value})]);
                for body in bodies {
                    let told = told::<Request>(&body.to_string()).unwrap_or_default();
                    prop_assert!(!told.contains("KANARIE") && !told.contains(&number.to_string()), "{body}: {told}");
                    prop_assert!(
                        !["Request", "Inner", "Either", "OffsetDateTime", "u32", "struct"].iter().any(|name| told.contains(name)),
                        "{body}: {told}"
                    );
                }
            }
        }
    }
}
