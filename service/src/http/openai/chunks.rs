//! A streamed answer, chunk by chunk: the role, the text as it comes in, the reason of its end, the tokens where they
//! were asked for, and `[DONE]`. A failure on the way is an error chunk, after which the stream ends.

use axum::response::sse::Event;
use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use serde_json::Value;
use time::OffsetDateTime;

use super::{
    failure::failed,
    request::Chat,
    wire::{ChatCompletionChunk, ChunkChoice, ChunkDelta, Logprobs},
};
use crate::{
    analyses::Update,
    bill::Bill,
    domain::{Outcome, Usage},
    http::Problem,
    ledger::NotRecorded,
    llm::{Delta, Deltas, Error, FinishReason, Role, ToolCallDelta},
    panel,
};

/// What all chunks of one answer share.
pub(super) struct Chunks {
    id: String,
    model: String,
    created: i64,
    include_usage: bool,
}

impl Chunks {
    pub(super) fn new(id: String, chat: &Chat) -> Self {
        Self {
            id,
            model: chat.model.clone(),
            created: OffsetDateTime::now_utc().unix_timestamp(),
            include_usage: chat.include_usage,
        }
    }

    fn start(&self) -> Event {
        self.delta(ChunkDelta {
            role: Some(Role::Assistant),
            content: Some(String::new()),
            ..ChunkDelta::default()
        })
    }

    fn text(&self, text: String) -> Event {
        self.delta(ChunkDelta {
            content: Some(text),
            ..ChunkDelta::default()
        })
    }

    fn tool_call(&self, piece: ToolCallDelta) -> Event {
        self.delta(ChunkDelta {
            tool_calls: Some([piece.into()]),
            ..ChunkDelta::default()
        })
    }

    fn logprobs(&self, content: Vec<Value>) -> Event {
        self.choice(ChunkChoice {
            logprobs: Some(Logprobs { content }),
            ..ChunkChoice::default()
        })
    }

    fn delta(&self, delta: ChunkDelta) -> Event {
        self.choice(ChunkChoice {
            delta,
            ..ChunkChoice::default()
        })
    }

    fn end(&self, finish: FinishReason, usage: Usage) -> Vec<Event> {
        let mut events = vec![self.choice(ChunkChoice {
            finish_reason: Some(finish),
            ..ChunkChoice::default()
        })];
        if self.include_usage {
            events.push(data(&ChatCompletionChunk {
                usage: Some(Some(usage.into())),
                ..self.chunk(Vec::new())
            }));
        }
        events.push(Event::default().data("[DONE]"));
        events
    }

    fn choice(&self, choice: ChunkChoice) -> Event {
        data(&self.chunk(vec![choice]))
    }

    fn chunk(&self, choices: Vec<ChunkChoice>) -> ChatCompletionChunk {
        ChatCompletionChunk {
            id: self.id.clone(),
            object: "chat.completion.chunk",
            created: self.created,
            model: self.model.clone(),
            choices,
            usage: self.include_usage.then_some(None),
        }
    }
}

fn data(value: &impl serde::Serialize) -> Event {
    Event::default().data(serde_json::to_string(value).unwrap_or_default())
}

fn error(problem: &Problem) -> Event {
    data(&problem.to_openai())
}

/// The same, as it goes over the wire.
pub(super) fn error_event(problem: &Problem) -> Bytes {
    format!("data: {}\n\n", problem.to_openai()).into()
}

/// One model's answer.
pub(super) fn model_chunks(
    chunks: Chunks,
    mut deltas: Deltas,
    bill: Bill,
) -> impl Stream<Item = Event> + Send {
    async_stream::stream! {
        yield chunks.start();
        loop {
            match deltas.next().await {
                Some(Ok(Delta::Text(text))) => yield chunks.text(text),
                Some(Ok(Delta::ToolCall(piece))) => yield chunks.tool_call(piece),
                Some(Ok(Delta::Logprobs(content))) => yield chunks.logprobs(content),
                Some(Ok(Delta::End { finish, usage })) => {
                    if let Err(problem) = bill.finish(Outcome::Completed).await {
                        yield error(&problem.into());
                        return;
                    }
                    for event in chunks.end(finish, usage) {
                        yield event;
                    }
                    return;
                }
                Some(Err(failure)) => {
                    yield error(&failed(bill, failure).await.into());
                    return;
                }
                None => {
                    yield error(&failed(bill, Error::Incomplete).await.into());
                    return;
                }
            }
        }
    }
}

/// The panel's answer: of all that happens, the final answer's words.
pub(super) fn panel_chunks(
    chunks: Chunks,
    updates: impl Stream<Item = Update> + Send,
) -> impl Stream<Item = Event> + Send {
    async_stream::stream! {
        let mut updates = Box::pin(updates);
        let mut written_by_attempt = None;
        yield chunks.start();
        while let Some(update) = updates.next().await {
            match update {
                Update::Event(panel::Event::SynthesisDelta { attempt, text, .. }) => {
                    if *written_by_attempt.get_or_insert(attempt) != attempt {
                        yield error(&broken_off());
                        return;
                    }
                    yield chunks.text(text);
                }
                Update::Event(_) => {}
                // A degraded answer is a member's own, and does not continue what was written before it.
                Update::Completed(analysis) if analysis.degraded && written_by_attempt.is_some() => {
                    yield error(&broken_off());
                    return;
                }
                Update::Completed(analysis) => {
                    if written_by_attempt.is_none() {
                        yield chunks.text(analysis.answer);
                    }
                    let finish = if analysis.truncated { FinishReason::Length } else { FinishReason::Stop };
                    for event in chunks.end(finish, analysis.usage) {
                        yield event;
                    }
                    return;
                }
                Update::Failed(failure) => {
                    yield error(&Problem::from(failure));
                    return;
                }
                Update::NotRecorded => {
                    yield error(&Problem::from(NotRecorded));
                    return;
                }
            }
        }
    }
}

/// What was sent cannot be taken back in this format, so another model cannot begin anew.
fn broken_off() -> Problem {
    Problem::unavailable(
        "answer-broken-off",
        "The model that wrote the answer failed on its way; ask again.",
    )
}
