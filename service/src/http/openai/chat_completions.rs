//! `/v1/chat/completions`: the panel or one model, as a whole or as it goes.

use axum::{
    Extension, Json,
    extract::State,
    response::{IntoResponse, Response},
};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    PANEL,
    chunks::{Chunks, model_chunks, panel_chunks},
    conversation::to_prompt,
    model_not_found,
    request::Chat,
    wire::{AssistantMessage, ChatCompletion, ChatCompletionChunk, ChatRequest, Choice, ErrorBody},
};
use crate::{
    analyses::{Analysis, Question},
    auth::Principal,
    bill::Bill,
    domain::{ModelId, Operation, Outcome, Usage},
    http::{Api, Problem, analyses::cache_header, body::JsonBody, sse::respond},
    ledger,
    limits::Allowance,
    llm::{self, FinishReason, Request, Role},
};

/// Complete a conversation.
#[utoipa::path(
    post,
    path = "/v1/chat/completions",
    tag = "openai",
    operation_id = "openai_create_chat_completion",
    request_body = ChatRequest,
    responses(
        (status = 200, description = "The answer.", content(
            (ChatCompletion = "application/json"),
            (ChatCompletionChunk = "text/event-stream"),
        )),
        (status = 404, description = "There is no model of this name.", body = ErrorBody),
        (status = 503, description = "Too few models answered.", body = ErrorBody),
    ),
)]
pub(crate) async fn create(
    State(api): State<Api>,
    principal: Principal,
    Extension(allowance): Extension<Allowance>,
    JsonBody(request): JsonBody<ChatRequest>,
) -> Result<Response, Problem> {
    let chat = Chat::try_from(request)?;
    if chat.model == PANEL {
        return ask_panel(&api, chat, &principal, allowance).await;
    }
    let model = api
        .catalog
        .find(&chat.model)
        .ok_or_else(|| model_not_found(&chat.model))?
        .id
        .clone();
    ask_model(&api, chat, model, &principal, &allowance).await
}

async fn ask_panel(
    api: &Api,
    chat: Chat,
    principal: &Principal,
    allowance: Allowance,
) -> Result<Response, Problem> {
    let question = Question {
        max_answer_tokens: chat.max_tokens,
        sampling: chat.sampling,
        stop: chat.stop.clone(),
        key: principal.key(),
        ..Question::new(to_prompt(&chat.messages)?, principal.account(), allowance)
    };
    if chat.stream {
        let chunks = Chunks::new(completion_id(), &chat);
        return Ok(respond(panel_chunks(chunks, api.analyses.run(question).await?)));
    }
    let analysis = api.analyses.ask(question).await?;
    let cache = cache_header(&analysis);
    let Analysis {
        id,
        answer,
        truncated,
        usage,
        ..
    } = analysis;
    let finish = if truncated {
        FinishReason::Length
    } else {
        FinishReason::Stop
    };
    let body = completion(format!("chatcmpl-{id}"), chat.model, answer, finish, usage);
    Ok((
        [("x-ultra-cache", cache), ("x-ultra-analysis-id", id.to_string())],
        Json(body),
    )
        .into_response())
}

async fn ask_model(
    api: &Api,
    chat: Chat,
    model: ModelId,
    principal: &Principal,
    allowance: &Allowance,
) -> Result<Response, Problem> {
    let chunks = Chunks::new(completion_id(), &chat);
    let max_output_tokens = chat.max_tokens.unwrap_or(api.analyses.panel.max_output_tokens);
    let worst_case = Usage {
        input_tokens: llm::input_bound(&chat.messages),
        output_tokens: max_output_tokens.into(),
    };
    let reservation = allowance.call(&model, worst_case).await?;
    let to_record = ledger::Request {
        account: principal.account(),
        key: principal.key(),
        operation: Operation::Chat(model.clone()),
        analysis: None,
    };
    let bill = Bill::open(&api.analyses.ledger, to_record, reservation).await?;
    let request = Request {
        max_output_tokens: Some(max_output_tokens),
        sampling: chat.sampling,
        stop: chat.stop,
        ..Request::new(model, chat.messages)
    };
    let provider = bill.metering(api.catalog.clone());
    if chat.stream {
        return match provider.stream(request).await {
            Ok(deltas) => Ok(respond(model_chunks(chunks, deltas, bill))),
            Err(error) => Err(failed(bill, error).await),
        };
    }
    let answer = match llm::complete(&provider, request).await {
        Ok(answer) => answer,
        Err(error) => return Err(failed(bill, error).await),
    };
    bill.finish(Outcome::Completed).await?;
    Ok(Json(completion(
        completion_id(),
        chat.model,
        answer.text,
        answer.finish,
        answer.usage,
    ))
    .into_response())
}

/// Ends a request that a provider failed.
pub(super) async fn failed(bill: Bill, error: llm::Error) -> Problem {
    // The answer is an error, whether that is recorded or not.
    let _ = bill.finish(Outcome::Failed).await;
    provider_problem(error)
}

/// What a provider's failure is to the caller of one model.
fn provider_problem(error: llm::Error) -> Problem {
    tracing::warn!(%error, "a provider failed a request");
    match error {
        llm::Error::UnknownModel(model) => model_not_found(model.as_str()),
        _ => Problem::unavailable(
            "provider-unavailable",
            "The model's provider is unavailable; try again later.",
        ),
    }
}

fn completion_id() -> String {
    format!("chatcmpl-{}", Uuid::now_v7())
}

fn completion(
    id: String,
    model: String,
    content: String,
    finish_reason: FinishReason,
    usage: Usage,
) -> ChatCompletion {
    let message = AssistantMessage {
        role: Role::Assistant,
        content,
        refusal: None,
    };
    ChatCompletion {
        id,
        object: "chat.completion",
        created: OffsetDateTime::now_utc().unix_timestamp(),
        model,
        choices: vec![Choice {
            index: 0,
            message,
            logprobs: None,
            finish_reason,
        }],
        usage: usage.into(),
    }
}
