//! Reads a YAML file so that all that is wrong in it is told at once, each with its line and column.

use std::fmt;

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_yaml::Value;

use super::source::nearest;

/// One more would mean that the whole file is of another kind.
const MAX_PROBLEMS: usize = 50;

/// The way from the top of a file to one of its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path(Vec<Step>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

/// What is wrong with one value of a file.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) path: Path,
    pub(super) text: String,
    /// Whether the key is wrong, and not its value.
    pub(super) of_key: bool,
    /// Where it is, as far as that is known already.
    at: Option<Place>,
}

/// A line and a column, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
}

/// The path of a key at the top.
pub(super) fn key(name: &str) -> Path {
    Path(Vec::new()).key(name)
}

impl Path {
    pub(super) fn key(mut self, name: &str) -> Self {
        self.0.push(Step::Key(name.to_owned()));
        self
    }

    pub(super) fn index(mut self, index: usize) -> Self {
        self.0.push(Step::Index(index));
        self
    }

    /// The last key, by which examples are found.
    pub(super) fn field(&self) -> Option<&str> {
        self.0.iter().rev().find_map(|step| match step {
            Step::Key(name) => Some(name.as_str()),
            Step::Index(_) => None,
        })
    }

    /// This path in the file, from one in a value that lacks what was taken out.
    fn before(&self, taken: &[Self]) -> Self {
        let mut original = Self(Vec::new());
        for step in &self.0 {
            let mut step = step.clone();
            if let Step::Index(index) = &mut step {
                let gaps = taken.iter().filter(|path| path.parent() == original);
                let mut gaps: Vec<usize> = gaps.filter_map(|path| path.last_index()).collect();
                gaps.sort_unstable();
                *index = gaps
                    .into_iter()
                    .fold(*index, |index, gap| index + usize::from(gap <= index));
            }
            original.0.push(step);
        }
        original
    }

    fn last_index(&self) -> Option<usize> {
        match self.0.last() {
            Some(Step::Index(index)) => Some(*index),
            _ => None,
        }
    }

    fn parent(&self) -> Self {
        let mut steps = self.0.clone();
        steps.pop();
        Self(steps)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(name) if index == 0 => write!(f, "{name}")?,
                Step::Key(name) => write!(f, ".{name}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} column {}", self.line, self.column)
    }
}

impl Problem {
    pub(super) fn new(path: Path, text: String) -> Self {
        Self {
            path,
            text,
            of_key: false,
            at: None,
        }
    }

    /// Where it is in the text.
    pub(super) fn place(&self, text: &str) -> Option<Place> {
        // What is missing has no place of its own, and what holds it has.
        let mut path = self.path.clone();
        loop {
            let place = self.at.or_else(|| locate(text, &path, self.of_key));
            if place.is_some() || path.0.is_empty() {
                return place;
            }
            path = path.parent();
        }
    }
}

/// The file's content, or all that is wrong with it. A value with a mistake is taken out and the rest read again, until
/// nothing is left to complain about.
pub(super) fn parse<T: DeserializeOwned + Default>(text: &str) -> Result<T, Vec<Problem>> {
    let mut value = match serde_yaml::from_str::<Value>(text) {
        // An empty document is `null` in YAML; it sets nothing, which is allowed.
        Ok(Value::Null) => return Ok(T::default()),
        Ok(value) => value,
        Err(error) => {
            let at = error.location().map(Place::from);
            return Err(vec![Problem {
                path: Path(Vec::new()),
                text: format!("is no YAML: {error}"),
                of_key: false,
                at,
            }]);
        }
    };
    let mut problems: Vec<Problem> = Vec::new();
    let mut taken: Vec<Path> = Vec::new();
    while problems.len() < MAX_PROBLEMS {
        let error = match serde_path_to_error::deserialize::<_, T>(value.clone()) {
            Ok(parsed) if problems.is_empty() => return Ok(parsed),
            Ok(_) => break,
            Err(error) => error,
        };
        let mut path = Path::from(error.path());
        let message = error.inner().to_string();
        let unknown = UnknownField::read(&message);
        if let Some(unknown) = &unknown
            && path.field() != Some(unknown.name)
        {
            path = path.key(unknown.name);
        }
        // That a value which was taken out is missing now is no news.
        let original = path.before(&taken);
        let is_echo =
            message.starts_with("missing field") && taken.iter().any(|path| path.parent() == original);
        if !is_echo {
            problems.push(Problem {
                path: original.clone(),
                text: unknown
                    .as_ref()
                    .map_or_else(|| in_words(&message), ToString::to_string),
                of_key: unknown.is_some(),
                at: None,
            });
        }
        if path.0.is_empty() || !remove(&mut value, &path.0) {
            break;
        }
        taken.push(original);
    }
    Err(problems)
}

/// After a path, our own types' messages, which begin with the value, read well; serde's need a word before them.
fn in_words(message: &str) -> String {
    if message.starts_with('"') {
        message.to_owned()
    } else {
        format!("is wrong: {message}")
    }
}

impl From<serde_yaml::Location> for Place {
    fn from(location: serde_yaml::Location) -> Self {
        Self {
            line: location.line(),
            column: location.column(),
        }
    }
}

impl From<&serde_path_to_error::Path> for Path {
    fn from(path: &serde_path_to_error::Path) -> Self {
        use serde_path_to_error::Segment;
        let step = |segment: &Segment| match segment {
            Segment::Seq { index } => Some(Step::Index(*index)),
            Segment::Map { key } => Some(Step::Key(key.clone())),
            Segment::Enum { .. } | Segment::Unknown => None,
        };
        Self(path.iter().filter_map(step).collect())
    }
}

/// serde's message on a key that no field has.
struct UnknownField<'a> {
    name: &'a str,
    known: Vec<String>,
}

impl<'a> UnknownField<'a> {
    fn read(message: &'a str) -> Option<Self> {
        let mut quoted = message.strip_prefix("unknown field `")?.split('`');
        let name = quoted.next()?;
        let known = quoted.skip(1).step_by(2).map(str::to_owned).collect();
        Some(Self { name, known })
    }
}

impl fmt::Display for UnknownField<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match nearest(self.name, &self.known) {
            Some(known) => write!(f, "is unknown; did you mean {known}?"),
            None => write!(f, "is unknown; there are {}", self.known.join(", ")),
        }
    }
}

fn remove(value: &mut Value, steps: &[Step]) -> bool {
    let Some((step, rest)) = steps.split_first() else {
        return false;
    };
    match (step, value) {
        (Step::Key(name), Value::Mapping(mapping)) if rest.is_empty() => {
            mapping.remove(name.as_str()).is_some()
        }
        (Step::Key(name), Value::Mapping(mapping)) => mapping
            .get_mut(name.as_str())
            .is_some_and(|child| remove(child, rest)),
        (Step::Index(index), Value::Sequence(items)) if rest.is_empty() => {
            let is_there = *index < items.len();
            is_there.then(|| items.remove(*index)).is_some()
        }
        (Step::Index(index), Value::Sequence(items)) => {
            items.get_mut(*index).is_some_and(|child| remove(child, rest))
        }
        _ => false,
    }
}

/// Where a value, or its key, stands in a text. A reader that follows the path and gives up at its end makes the
/// parser tell the place.
pub(super) fn locate(text: &str, path: &Path, of_key: bool) -> Option<Place> {
    let seek = Seek {
        steps: &path.0,
        of_key,
    };
    let error = seek.deserialize(serde_yaml::Deserializer::from_str(text)).err()?;
    error
        .location()
        .map(Place::from)
        .filter(|_| error.to_string().contains(FOUND))
}

const FOUND: &str = "found what was sought";

#[derive(Clone, Copy)]
struct Seek<'a> {
    steps: &'a [Step],
    of_key: bool,
}

impl<'de> DeserializeSeed<'de> for Seek<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.steps.first() {
            None => deserializer.deserialize_any(self),
            Some(Step::Key(_)) => deserializer.deserialize_map(self),
            Some(Step::Index(_)) => deserializer.deserialize_seq(self),
        }
    }
}

impl Seek<'_> {
    fn here<E: serde::de::Error>(self) -> Result<(), E> {
        if self.steps.is_empty() {
            Err(E::custom(FOUND))
        } else {
            Ok(())
        }
    }
}

impl<'de> Visitor<'de> for Seek<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("what the path leads to")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((Step::Key(wanted), rest)) = self.steps.split_first() else {
            return self.here();
        };
        let seek_key = SeekKey {
            wanted,
            is_end: self.of_key && rest.is_empty(),
        };
        while let Some(is_wanted) = map.next_key_seed(seek_key)? {
            if is_wanted {
                map.next_value_seed(Self { steps: rest, ..self })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Some((Step::Index(wanted), rest)) = self.steps.split_first() else {
            return self.here();
        };
        for _ in 0..*wanted {
            seq.next_element::<IgnoredAny>()?;
        }
        seq.next_element_seed(Self { steps: rest, ..self })?;
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<(), E> {
        self.here()
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<(), E> {
        self.here()
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<(), E> {
        self.here()
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<(), E> {
        self.here()
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<(), E> {
        self.here()
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        self.here()
    }
}

#[derive(Clone, Copy)]
struct SeekKey<'a> {
    wanted: &'a str,
    is_end: bool,
}

impl<'de> DeserializeSeed<'de> for SeekKey<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for SeekKey<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<bool, E> {
        match text == self.wanted {
            true if self.is_end => Err(E::custom(FOUND)),
            is_wanted => Ok(is_wanted),
        }
    }
}
