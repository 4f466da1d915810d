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
    failure::provider_failed,
    model_not_found,
    pass::Passable,
    request::Chat,
    wire::{
        AssistantMessage, ChatCompletion, ChatCompletionChunk, ChatRequest, Choice, ErrorBody, Logprobs,
        ToolCall,
    },
};
use crate::{
    analyses::{Analysis, Question},
    auth::Principal,
    bill::Bill,
    domain::{ModelId, Operation, Outcome, Usage},
    http::{
        Api, Problem,
        analyses::cache_header,
        body::{JsonBytes, parse},
        sse::respond,
    },
    ledger,
    limits::Allowance,
    llm::{self, Completion, FinishReason, Role},
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
    JsonBytes(body): JsonBytes,
) -> Result<Response, Problem> {
    if let Some(passable) = Passable::find(&api, &body) {
        return passable.pass(&api, &principal, &allowance).await;
    }
    let chat = Chat::try_from(parse::<ChatRequest>(&body)?)?;
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
    chat.refuse_for_panel()?;
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
    let answer = Completion {
        text: answer,
        tool_calls: Vec::new(),
        logprobs: Vec::new(),
        finish,
        usage,
    };
    let body = completion(format!("chatcmpl-{id}"), chat.model, answer);
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
    let (name, stream) = (chat.model.clone(), chat.stream);
    let chunks = Chunks::new(completion_id(), &chat);
    let mut request = chat.into_request(model);
    request.max_output_tokens = answer_bound(api, request.max_output_tokens, allowance);
    let worst_case = Usage {
        input_tokens: request.input_bound(),
        output_tokens: request.max_output_tokens.unwrap_or_default().into(),
    };
    let bill = open_bill(api, &request.model, worst_case, principal, allowance).await?;
    let provider = bill.metering(api.catalog.clone());
    if stream {
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
    Ok(Json(completion(completion_id(), name, answer)).into_response())
}

/// The longest answer that a model may give: what is asked for, or as long as it likes. Whoever has a quota needs a
/// bound, because that much of it is set aside.
pub(super) fn answer_bound(api: &Api, asked: Option<u32>, allowance: &Allowance) -> Option<u32> {
    asked.or_else(|| {
        allowance
            .has_quota()
            .then_some(api.analyses.panel.max_output_tokens)
    })
}

/// Sets aside what a call of one model can take at most, and begins its record.
pub(super) async fn open_bill(
    api: &Api,
    model: &ModelId,
    worst_case: Usage,
    principal: &Principal,
    allowance: &Allowance,
) -> Result<Bill, Problem> {
    let reservation = allowance.call(model, worst_case).await?;
    let to_record = ledger::Request {
        account: principal.account(),
        key: principal.key(),
        operation: Operation::Chat(model.clone()),
        analysis: None,
    };
    Ok(Bill::open(&api.analyses.ledger, to_record, reservation).await?)
}

/// Ends a request that a provider failed.
pub(super) async fn failed(bill: Bill, error: llm::Error) -> Problem {
    // The answer is an error, whether that is recorded or not.
    let _ = bill.finish(Outcome::Failed).await;
    provider_failed(error)
}

fn completion_id() -> String {
    format!("chatcmpl-{}", Uuid::now_v7())
}

fn completion(id: String, model: String, answer: Completion) -> ChatCompletion {
    let Completion {
        text,
        tool_calls,
        logprobs,
        finish,
        usage,
    } = answer;
    let message = AssistantMessage {
        role: Role::Assistant,
        content: (!text.is_empty() || tool_calls.is_empty()).then_some(text),
        refusal: None,
        tool_calls: tool_calls.into_iter().map(ToolCall::from).collect(),
    };
    ChatCompletion {
        id,
        object: "chat.completion",
        created: OffsetDateTime::now_utc().unix_timestamp(),
        model,
        choices: vec![Choice {
            index: 0,
            message,
            logprobs: (!logprobs.is_empty()).then_some(Logprobs { content: logprobs }),
            finish_reason: finish,
        }],
        usage: usage.into(),
    }
}
