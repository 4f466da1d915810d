//! Requests to a provider that speaks OpenAI's language itself: they and their answers go through byte for byte.

use std::{borrow::Cow, convert::Infallible, sync::Arc};

use axum::{
    body::Body,
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use futures::Stream;
use http::{HeaderValue, header};
use memchr::memmem;

use super::{
    PANEL,
    chat_completions::{answer_bound, failed, open_bill},
    chunks::error_event,
    request::Chat,
    wire::ChatRequest,
};
use crate::{
    auth::Principal,
    bill::Bill,
    domain::{ModelId, Outcome, Usage},
    http::{
        Api, Problem,
        body::{is_object, parse},
        sse,
    },
    limits::Allowance,
    llm::{
        input_bound,
        openai::{Envelope, PassThrough, Passed, PassedStream, Piece},
    },
    metering::Call,
};

/// The event that ends every stream.
const DONE: Bytes = Bytes::from_static(b"data: [DONE]\n\n");

/// A request that can go on as it is.
pub(super) struct Passable<'a> {
    body: &'a Bytes,
    envelope: Envelope<'a>,
    model: ModelId,
    way: Arc<dyn PassThrough>,
}

impl<'a> Passable<'a> {
    /// None: the request is for the panel, for a provider with another language, or wrong.
    pub(super) fn find(api: &Api, body: &'a Bytes) -> Option<Self> {
        if !is_object(body) {
            return None;
        }
        let envelope = Envelope::read(body).ok()?;
        let name: Cow<'_, str> = envelope.model()?;
        if name == PANEL {
            return None;
        }
        let model = api.catalog.find(&name)?.id.clone();
        let way = api.catalog.pass_through(&model)?;
        Some(Self {
            body,
            envelope,
            model,
            way,
        })
    }

    /// Sends it, and the answer back.
    pub(super) async fn pass(
        self,
        api: &Api,
        principal: &Principal,
        allowance: &Allowance,
    ) -> Result<Response, Problem> {
        let Self {
            body,
            envelope,
            model,
            way,
        } = self;
        let bound = answer_bound(api, envelope.most_output_tokens(), allowance);
        let answers = u64::from(envelope.n.unwrap_or(1));
        let worst_case = Usage {
            input_tokens: read_at_most(body),
            output_tokens: u64::from(bound.unwrap_or_default()).saturating_mul(answers),
        };
        let bill = open_bill(api, &model, worst_case, principal, allowance).await?;
        let answer = match way.pass(&model, body, bound).await {
            Ok(answer) => answer,
            Err(error) => return Err(failed(bill, error).await),
        };
        let call = bill.call(model, body.len());
        if envelope.stream.unwrap_or(false) {
            let events = events(PassedStream::new(answer), bill, call, envelope.wants_usage());
            return Ok(sse::of_bytes(Body::from_stream(events)));
        }
        let Passed { body, usage } = match Passed::read(answer).await {
            Ok(passed) => passed,
            Err(error) => return Err(failed(bill, error).await),
        };
        call.took(usage.unwrap_or_else(|| Usage::guess(call.read(), body.len())));
        bill.finish(Outcome::Completed).await?;
        let json = HeaderValue::from_static("application/json");
        Ok(([(header::CONTENT_TYPE, json)], body).into_response())
    }
}

/// The most tokens that a request's conversation can have: no token is shorter than a byte, but pictures are.
fn read_at_most(body: &Bytes) -> u64 {
    let has_pictures = memmem::find(body, b"image_url").is_some();
    let pictured = has_pictures
        .then(|| Chat::try_from(parse::<ChatRequest>(body).ok()?).ok())
        .flatten();
    pictured.map_or(body.len() as u64, |chat| input_bound(&chat.messages))
}

/// The events as they come. The last one goes out when the record of the request is written.
fn events(
    mut answer: PassedStream,
    bill: Bill,
    mut call: Call,
    wants_usage: bool,
) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
    async_stream::stream! {
        loop {
            match answer.next().await {
                Ok(Piece::Event { raw, written }) => {
                    call.wrote(written);
                    yield Ok(raw);
                }
                Ok(Piece::Usage { raw, usage }) => {
                    call.took(usage);
                    if wants_usage {
                        yield Ok(raw);
                    }
                }
                Ok(Piece::End) => break,
                Err(error) => {
                    answer.over(Err(&error));
                    yield Ok(error_event(&failed(bill, error).await));
                    return;
                }
            }
        }
        if let Some(usage) = answer.usage() {
            call.took(usage);
        }
        answer.over(Ok(()));
        yield Ok(match bill.finish(Outcome::Completed).await {
            Ok(()) => DONE,
            Err(problem) => error_event(&problem.into()),
        });
    }
}
