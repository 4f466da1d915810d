//! JSON that means one thing only. Of two members of one name serde takes either, an error or the last one, as the
//! type has it; another reader of the same text may take the first, and so be told something else.

use std::{collections::HashSet, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, MapAccess, SeqAccess, Visitor},
};

/// Why a text was not taken.
#[derive(Debug)]
pub(super) enum Fault {
    /// An object has two members of one name, however they are escaped.
    DuplicateMember,
    /// It is no object, or serde cannot make the type of it.
    Malformed {
        /// Where, from 1; 0 where there is no one place.
        line: usize,
        /// Where, from 1; 0 where there is no one place.
        column: usize,
    },
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        Self::Malformed {
            line: error.line(),
            column: error.column(),
        }
    }
}

/// Reads an object in which, at every depth, no name is there twice.
pub(super) fn object<T: DeserializeOwned>(json: &[u8]) -> Result<T, Fault> {
    match serde_json::from_slice(json)? {
        Shape::Object { unique: true } => Ok(serde_json::from_slice(json)?),
        Shape::Object { unique: false } => Err(Fault::DuplicateMember),
        // serde would fill a struct from an array too, by position.
        Shape::Other { .. } => Err(Fault::Malformed { line: 0, column: 0 }),
    }
}

/// What kind of value it is, and whether names are unique in it.
enum Shape {
    Object { unique: bool },
    Other { unique: bool },
}

impl Shape {
    fn unique(&self) -> bool {
        match self {
            Self::Object { unique } | Self::Other { unique } => *unique,
        }
    }
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ShapeVisitor)
    }
}

struct ShapeVisitor;

const SCALAR: Shape = Shape::Other { unique: true };

impl<'de> Visitor<'de> for ShapeVisitor {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Shape, E> {
        Ok(SCALAR)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Shape, E> {
        Ok(SCALAR)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Shape, E> {
        Ok(SCALAR)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Shape, E> {
        Ok(SCALAR)
    }

    fn visit_str<E>(self, _: &str) -> Result<Shape, E> {
        Ok(SCALAR)
    }

    fn visit_unit<E>(self) -> Result<Shape, E> {
        Ok(SCALAR)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Shape, A::Error> {
        let mut unique = true;
        while let Some(item) = items.next_element::<Shape>()? {
            unique &= item.unique();
        }
        Ok(Shape::Other { unique })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Shape, A::Error> {
        let mut unique = true;
        let mut names = HashSet::new();
        while let Some((name, value)) = members.next_entry::<String, Shape>()? {
            unique &= names.insert(name) && value.unique();
        }
        Ok(Shape::Object { unique })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_name_that_is_there_twice_is_found_at_every_depth_and_in_every_spelling() {
        for json in [
            r#"{"a": 1, "a": 1}"#,
            r#"{"a": 1, "\u0061": 2}"#,
            r#"{"a": {"b": 1, "b": 2}}"#,
            r#"{"a": [{"b": null}, {"b": 1.5, "c": true, "b": -1}]}"#,
        ] {
            let read = object::<Value>(json.as_bytes());
            assert!(matches!(read, Err(Fault::DuplicateMember)), "{json}: {read:?}");
        }
        assert!(object::<Value>(br#"{"a": {"b": 1}, "b": [{"b": 1}, {"b": "a"}]}"#).is_ok());
    }

    #[test]
    fn what_is_no_object_is_not_read() {
        for json in [
            "", "[]", r#"["a"]"#, "null", "1", r#""a""#, "{", "{} {}", "{\"a\":}",
        ] {
            let read = object::<Value>(json.as_bytes());
            assert!(matches!(read, Err(Fault::Malformed { .. })), "{json}: {read:?}");
        }
        let deep = [b"{\"a\":".repeat(10_000), b"1".to_vec(), b"}".repeat(10_000)].concat();
        assert!(matches!(object::<Value>(&deep), Err(Fault::Malformed { .. })));
    }
}
