//! Requests that are in OpenAI's words already: they go on as they are but for the few things that must change, and
//! their answers come back byte for byte.

use std::borrow::Cow;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, value::RawValue};

use super::{
    OpenAi, PATH,
    events::{DONE, Told},
    request::LengthField,
    tokens::Tokens,
};
use crate::{
    domain::{ModelId, Usage},
    llm::{
        Error,
        upstream::{Answer, Frame, Post},
    },
};

/// What routing, limits and the ledger need of a request; everything else is the provider's business.
#[derive(Debug, Deserialize)]
pub struct Envelope<'a> {
    #[serde(borrow)]
    model: &'a RawValue,
    #[serde(borrow, default, deserialize_with = "even_null")]
    stream_options: Option<&'a RawValue>,
    /// Whether the answer is to be streamed.
    pub stream: Option<bool>,
    #[serde(borrow, default, deserialize_with = "even_null")]
    max_tokens: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "even_null")]
    max_completion_tokens: Option<&'a RawValue>,
    /// How many answers there are to be.
    pub n: Option<u32>,
}

/// A field that is there and null is there: another of its name must not come beside it.
fn even_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

#[derive(Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

impl<'a> Envelope<'a> {
    /// Reads it from a request's body.
    pub fn read(body: &'a [u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(body)
    }

    /// The name of the model; none, where it is no text.
    pub fn model(&self) -> Option<Cow<'a, str>> {
        serde_json::from_str::<Text<'a>>(self.model.get())
            .ok()
            .map(|text| text.0)
    }

    /// The longest answer in tokens, where the request bounds it.
    pub fn most_output_tokens(&self) -> Option<u32> {
        let number = |field: Option<&RawValue>| serde_json::from_str::<Option<u32>>(field?.get()).ok()?;
        number(self.max_completion_tokens).or_else(|| number(self.max_tokens))
    }

    /// Whether the caller wants to be told the tokens of a stream.
    pub fn wants_usage(&self) -> bool {
        let options = self.stream_options.map(RawValue::get);
        let options = options.and_then(|json| serde_json::from_str::<StreamOptions>(json).ok());
        options.is_some_and(|options| options.include_usage)
    }
}

/// Borrowed where it has no escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// A provider that takes requests in OpenAI's words.
#[async_trait]
pub trait PassThrough: Send + Sync {
    /// Hands a request on: under the provider's own name of the model, with an answer of at most so many tokens where
    /// the request sets no bound itself, and so that a stream ends with its tokens. The envelope is the body's own.
    async fn pass(
        &self,
        model: &ModelId,
        body: &Bytes,
        envelope: &Envelope<'_>,
        most_tokens: Option<u32>,
    ) -> Result<Answer, Error>;
}

#[async_trait]
impl PassThrough for OpenAi {
    async fn pass(
        &self,
        model: &ModelId,
        body: &Bytes,
        envelope: &Envelope<'_>,
        most_tokens: Option<u32>,
    ) -> Result<Answer, Error> {
        let post = Post {
            model: model.name(),
            path: PATH,
            streamed: envelope.stream.unwrap_or(false),
            body: edited(body, envelope, model.name(), self.length, most_tokens),
        };
        self.upstream.post(post).await
    }
}

fn edited(
    body: &Bytes,
    envelope: &Envelope<'_>,
    name: &str,
    length: LengthField,
    most_tokens: Option<u32>,
) -> Bytes {
    let mut edits = Edits::of(body);
    if envelope.model().is_none_or(|model| model != name) {
        edits.replace(envelope.model, &Value::from(name).to_string());
    }
    if envelope.stream.unwrap_or(false) && !envelope.wants_usage() {
        match envelope.stream_options {
            Some(options) => edits.replace(options, &with_usage(options)),
            None => edits.add(r#""stream_options":{"include_usage":true},"#),
        }
    }
    if let Some(most) = most_tokens
        && envelope.most_output_tokens().is_none()
    {
        let null = match length {
            LengthField::MaxCompletionTokens => envelope.max_completion_tokens,
            LengthField::MaxTokens => envelope.max_tokens,
        };
        match null {
            Some(null) => edits.replace(null, &most.to_string()),
            None => edits.add(&format!(r#""{}":{most},"#, length.name())),
        }
    }
    edits.done()
}

fn with_usage(options: &RawValue) -> String {
    let mut options: Value = serde_json::from_str(options.get()).unwrap_or_default();
    if !options.is_object() {
        options = Value::Object(serde_json::Map::new());
    }
    options["include_usage"] = true.into();
    options.to_string()
}

/// Changes of single values in a body whose other bytes stay.
struct Edits<'a> {
    body: &'a Bytes,
    /// What comes right after the first brace.
    added: String,
    /// From where to where, and what goes there.
    replaced: Vec<(usize, usize, String)>,
}

impl<'a> Edits<'a> {
    fn of(body: &'a Bytes) -> Self {
        Self {
            body,
            added: String::new(),
            replaced: Vec::new(),
        }
    }

    fn add(&mut self, field: &str) {
        self.added.push_str(field);
    }

    /// The value lies in the body, so that its address tells where.
    fn replace(&mut self, value: &RawValue, by: &str) {
        let from = value.get().as_ptr() as usize - self.body.as_ptr() as usize;
        self.replaced
            .push((from, from + value.get().len(), by.to_owned()));
    }

    fn done(mut self) -> Bytes {
        let brace = self.body.iter().position(|byte| *byte == b'{');
        let Some(after_brace) = brace.map(|at| at + 1) else {
            return self.body.clone();
        };
        if !self.added.is_empty() {
            self.replaced.push((after_brace, after_brace, self.added));
        }
        if self.replaced.is_empty() {
            return self.body.clone();
        }
        self.replaced.sort_unstable_by_key(|(from, ..)| *from);
        let more: usize = self.replaced.iter().map(|(.., by)| by.len()).sum();
        let mut edited = Vec::with_capacity(self.body.len() + more);
        let mut at = 0;
        for (from, to, by) in &self.replaced {
            edited.extend_from_slice(&self.body[at..*from]);
            edited.extend_from_slice(by.as_bytes());
            at = *to;
        }
        edited.extend_from_slice(&self.body[at..]);
        edited.into()
    }
}

/// A whole answer, byte for byte.
#[derive(Debug)]
pub struct Passed {
    /// JSON.
    pub body: Bytes,
    /// What it took, where the provider says so.
    pub usage: Option<Usage>,
}

impl Passed {
    /// Reads it to its end.
    pub async fn read(mut answer: Answer) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Counted {
            usage: Option<Tokens>,
            error: Option<Told>,
        }

        let read = answer.whole().await.and_then(|body| {
            let Counted { usage, error } =
                serde_json::from_slice(&body).map_err(|error| Error::malformed_json(&error))?;
            match error {
                Some(told) => Err(told.into()),
                None => Ok(Self {
                    body,
                    usage: usage.map(Usage::from),
                }),
            }
        });
        match &read {
            Ok(_) => answer.succeeded(),
            Err(error) => answer.failed(error),
        }
        read
    }
}

/// What comes next of a streamed answer.
#[derive(Debug)]
pub enum Piece {
    /// An event that goes on to the caller.
    Event {
        /// Its bytes.
        raw: Bytes,
        /// So many bytes of it are words.
        written: usize,
    },
    /// What the answer took, in an event that says nothing else.
    Usage {
        /// Its bytes.
        raw: Bytes,
        /// The tokens.
        usage: Usage,
    },
    /// The answer is whole; the event that says so is for the caller to make.
    End,
}

/// A streamed answer, event for event.
pub struct PassedStream {
    answer: Answer,
    usage: Option<Usage>,
    has_finished: bool,
}

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow, default)]
    choices: Vec<Choice<'a>>,
    usage: Option<Tokens>,
    error: Option<Told>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow, default)]
    delta: Option<&'a RawValue>,
    #[serde(borrow)]
    finish_reason: Option<&'a RawValue>,
}

impl PassedStream {
    /// An answer that has begun.
    pub fn new(answer: Answer) -> Self {
        Self {
            answer,
            usage: None,
            has_finished: false,
        }
    }

    /// The next piece. Whoever has got the end or an error tells it by [`PassedStream::over`].
    pub async fn next(&mut self) -> Result<Piece, Error> {
        match self.answer.frame().await? {
            Some(frame) => self.piece(&frame),
            // Some end with the connection, once all has been said.
            None if self.has_finished => Ok(Piece::End),
            None => Err(Error::Incomplete),
        }
    }

    /// What the answer took, where the provider said so.
    pub fn usage(&self) -> Option<Usage> {
        self.usage
    }

    /// Says how it went.
    pub fn over(self, result: Result<(), &Error>) {
        match result {
            Ok(()) => self.answer.succeeded(),
            Err(error) => self.answer.failed(error),
        }
    }

    fn piece(&mut self, frame: &Frame) -> Result<Piece, Error> {
        let raw = frame.raw().clone();
        let Some(data) = frame.data()? else {
            return Ok(Piece::Event { raw, written: 0 });
        };
        if &*data == DONE {
            return if self.has_finished {
                Ok(Piece::End)
            } else {
                Err(Error::Incomplete)
            };
        }
        let chunk: Chunk<'_> =
            serde_json::from_slice(&data).map_err(|error| Error::malformed_json(&error))?;
        if let Some(told) = chunk.error {
            return Err(told.into());
        }
        let usage = chunk.usage.map(Usage::from);
        self.usage = usage.or(self.usage);
        self.has_finished |= chunk.choices.iter().any(|choice| choice.finish_reason.is_some());
        match usage {
            Some(usage) if chunk.choices.is_empty() => Ok(Piece::Usage { raw, usage }),
            _ => Ok(Piece::Event {
                raw,
                written: chunk.choices.iter().map(Choice::written).sum(),
            }),
        }
    }
}

/// What a delta says around its words: `{"content":""}`.
const AROUND_WORDS: usize = 14;

impl Choice<'_> {
    /// About so many bytes of words: exact enough for an answer that is broken off before its tokens are told.
    fn written(&self) -> usize {
        self.delta
            .map_or(0, |delta| delta.get().len().saturating_sub(AROUND_WORDS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed_on(body: &str, most_tokens: Option<u32>) -> String {
        let body = Bytes::copy_from_slice(body.as_bytes());
        let envelope = Envelope::read(&body).unwrap();
        let edited = edited(&body, &envelope, "gpt-x", LengthField::MaxTokens, most_tokens);
        String::from_utf8(edited.to_vec()).unwrap()
    }

    #[test]
    fn a_request_that_needs_no_change_goes_on_byte_for_byte() {
        let body = "{ \"model\" :\"gpt-x\",\n \"messages\": [], \"odd\":1e2, \"max_tokens\": 5}";
        assert_eq!(passed_on(body, Some(100)), body);
        let body = r#"{"model":"gpt-x","stream":true,"stream_options":{"include_usage":true}}"#;
        assert_eq!(passed_on(body, None), body);
    }

    #[test]
    fn only_what_must_change_changes() {
        for (given, expected) in [
            (
                r#"{"x":[1],"model":"openai/gpt-x"}"#,
                r#"{"x":[1],"model":"gpt-x"}"#,
            ),
            (r#"{"model":"open\u0061i/gpt-x"}"#, r#"{"model":"gpt-x"}"#),
            (
                r#"{"model":"gpt-x","stream":true}"#,
                r#"{"stream_options":{"include_usage":true},"model":"gpt-x","stream":true}"#,
            ),
            (
                r#"{"stream_options":null,"model":"gpt-x","stream":true}"#,
                r#"{"stream_options":{"include_usage":true},"model":"gpt-x","stream":true}"#,
            ),
            (
                r#"{"model":"a/gpt-x","stream":true,"stream_options":{"include_usage":false,"y":1}}"#,
                r#"{"model":"gpt-x","stream":true,"stream_options":{"include_usage":true,"y":1}}"#,
            ),
        ] {
            assert_eq!(passed_on(given, None), expected);
        }
    }

    #[test]
    fn an_answer_without_a_bound_gets_one_where_one_is_needed() {
        let body = r#"{"model":"gpt-x"}"#;
        assert_eq!(passed_on(body, Some(7)), r#"{"max_tokens":7,"model":"gpt-x"}"#);
        let null = r#"{"max_tokens":null,"model":"gpt-x"}"#;
        assert_eq!(passed_on(null, Some(7)), r#"{"max_tokens":7,"model":"gpt-x"}"#);
        let bound = r#"{"model":"gpt-x","max_completion_tokens":3}"#;
        assert_eq!(passed_on(bound, Some(7)), bound);
    }
}
