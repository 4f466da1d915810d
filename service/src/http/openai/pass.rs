//! Requests to a provider that speaks OpenAI's language itself: they and their answers go through byte for byte.

use std::convert::Infallible;

use axum::{
    body::Body,
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use futures::Stream;
use http::{HeaderValue, header};
use memchr::memmem;

use super::{
    chat_completions::Asking,
    chunks::error_event,
    failure::{Failure, failed},
    request::Chat,
    wire::ChatRequest,
};
use crate::{
    bill::Bill,
    domain::{ModelId, Outcome, Usage},
    http::{Problem, body::parse, sse},
    llm::{
        Watch,
        openai::{PassThrough, Passed, PassedStream, Piece},
    },
    metering::Call,
};

/// The event that ends every stream.
const DONE: Bytes = Bytes::from_static(b"data: [DONE]\n\n");

/// Sends a request on, and its answer back.
pub(super) async fn ask(
    asking: Asking<'_>,
    model: ModelId,
    way: &dyn PassThrough,
) -> Result<Response, Failure> {
    let Asking {
        api, body, envelope, ..
    } = asking;
    let bound = asking.answer_bound(envelope.most_output_tokens());
    let answers = u64::from(envelope.n.unwrap_or(1));
    let worst_case = Usage {
        input_tokens: read_at_most(body, &model),
        output_tokens: u64::from(bound.unwrap_or_default()).saturating_mul(answers),
    };
    let bill = asking.open_bill(&model, worst_case).await?;
    let watch = api.catalog.watch(&model);
    let answer = match way.pass(&model, body, envelope, bound).await {
        Ok(answer) => answer,
        Err(error) => {
            watch.failed(&error);
            return Err(failed(bill, error).await);
        }
    };
    let call = bill.call(model, body.len());
    if envelope.stream.unwrap_or(false) {
        let events = events(
            PassedStream::new(answer),
            bill,
            call,
            watch,
            envelope.wants_usage(),
        );
        return Ok(sse::of_bytes(Body::from_stream(events)));
    }
    let Passed { body, usage } = match Passed::read(answer).await {
        Ok(passed) => passed,
        Err(error) => {
            watch.failed(&error);
            return Err(failed(bill, error).await);
        }
    };
    watch.succeeded();
    call.took(usage.unwrap_or_else(|| Usage::guess(call.read(), body.len())));
    bill.finish(Outcome::Completed).await.map_err(Problem::from)?;
    let json = HeaderValue::from_static("application/json");
    Ok(([(header::CONTENT_TYPE, json)], body).into_response())
}

/// The most tokens that a model reads of a request: no token is shorter than a byte, but pictures are.
fn read_at_most(body: &Bytes, model: &ModelId) -> u64 {
    let has_pictures = memmem::find(body, b"image_url").is_some();
    let pictured = has_pictures
        .then(|| Chat::try_from(parse::<ChatRequest>(body).ok()?).ok())
        .flatten();
    pictured.map_or(body.len() as u64, |chat| {
        chat.into_request(model.clone()).input_bound()
    })
}

/// The events as they come. The last one goes out when the record of the request is written.
fn events(
    mut answer: PassedStream,
    bill: Bill,
    mut call: Call,
    mut watch: Watch,
    wants_usage: bool,
) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
    async_stream::stream! {
        loop {
            let next = answer.next().await;
            watch.begun();
            match next {
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
                    watch.failed(&error);
                    yield Ok(error_event(&failed(bill, error).await.into()));
                    return;
                }
            }
        }
        if let Some(usage) = answer.usage() {
            call.took(usage);
        }
        answer.over(Ok(()));
        watch.succeeded();
        yield Ok(match bill.finish(Outcome::Completed).await {
            Ok(()) => DONE,
            Err(problem) => error_event(&problem.into()),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_more_than_their_bytes_and_tools_are_read_beside_them() {
        let model = "openai/gpt-x".parse().unwrap();
        let picture = r#"{"type": "image_url", "image_url": {"url": "https://a.example/b.png"}}"#;
        let request = |more: &str| {
            let body = format!(
                r#"{{"model": "openai/gpt-x", "messages": [{{"role": "user", "content": [{picture}]}}]{more}}}"#
            );
            read_at_most(&Bytes::from(body), &model)
        };
        let description = "d".repeat(3_000);
        let tool = format!(
            r#", "tools": [{{"type": "function", "function": {{"name": "f", "description": "{description}"}}}}]"#
        );
        let alone = request("");
        assert!(alone > 4_000, "{alone}");
        assert!(request(&tool) >= alone + 3_000);
    }
}
