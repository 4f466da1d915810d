//! `/v1/chat/completions`: the panel or one model, as a whole or as it goes.

use std::sync::Arc;

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
    domain::{Account, ModelId, Usage},
    http::{Api, Problem, analyses::cache_header, body::JsonBody, sse::respond},
    limits::{Allowance, estimated_input, metered},
    llm::{self, FinishReason, Provider, Request, Role},
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
        (status = "4XX", description = "The request is wrong.", body = ErrorBody),
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
        return ask_panel(&api, chat, principal.account(), allowance).await;
    }
    let model = api
        .catalog
        .find(&chat.model)
        .ok_or_else(|| model_not_found(&chat.model))?
        .id
        .clone();
    ask_model(&api, chat, model, &allowance).await
}

async fn ask_panel(
    api: &Api,
    chat: Chat,
    account: Account,
    allowance: Allowance,
) -> Result<Response, Problem> {
    let question = Question {
        max_answer_tokens: chat.max_tokens,
        sampling: chat.sampling,
        stop: chat.stop.clone(),
        ..Question::new(to_prompt(&chat.messages)?, account, allowance)
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
    allowance: &Allowance,
) -> Result<Response, Problem> {
    let chunks = Chunks::new(completion_id(), &chat);
    let max_output_tokens = chat.max_tokens.unwrap_or(api.analyses.panel.max_output_tokens);
    let worst_case = Usage {
        input_tokens: llm::input_bound(&chat.messages),
        output_tokens: max_output_tokens.into(),
    };
    let mut reservation = allowance.call(&model, worst_case).await?;
    let read = estimated_input(&chat.messages);
    let request = Request {
        model: model.clone(),
        messages: chat.messages,
        max_output_tokens,
        sampling: chat.sampling,
        stop: chat.stop,
    };
    let provider: Arc<dyn Provider> = api.catalog.clone();
    if chat.stream {
        let deltas = provider.stream(request).await.map_err(provider_problem)?;
        let deltas = metered(deltas, reservation, model, read);
        return Ok(respond(model_chunks(chunks, deltas)));
    }
    reservation.so_far([(&model, read)]);
    let answer = match llm::complete(&provider, request).await {
        Ok(answer) => answer,
        Err(error) => {
            reservation.so_far([]);
            return Err(provider_problem(error));
        }
    };
    reservation.settle([(&model, answer.usage)]).await;
    Ok(Json(completion(
        completion_id(),
        chat.model,
        answer.text,
        answer.finish,
        answer.usage,
    ))
    .into_response())
}

/// What a provider's failure is to the caller of one model.
pub(super) fn provider_problem(error: llm::Error) -> Problem {
    tracing::warn!(%error, "a provider failed a request");
    match error {
        llm::Error::UnknownModel(model) => model_not_found(model.as_str()),
        llm::Error::Unavailable(_) | llm::Error::Incomplete => Problem::unavailable(
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
