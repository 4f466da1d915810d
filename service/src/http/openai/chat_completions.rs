//! `/v1/chat/completions`: the panel or one model, as a whole or as it goes.

use axum::{
    Extension, Json,
    extract::State,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    PANEL,
    chunks::{Chunks, model_chunks, panel_chunks},
    conversation::to_conversation,
    failure::{Failure, failed},
    model_not_found, pass,
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
        body::{JsonBytes, is_object, parse},
        sse::respond,
    },
    ledger,
    limits::Allowance,
    llm::{self, Completion, FinishReason, Role, openai::Envelope},
};

/// Complete a conversation.
#[utoipa::path(
    post,
    path = "/v1/chat/completions",
    tag = "openai",
    operation_id = "openai_create_chat_completion",
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key and body are answered once in 24 hours; not for streams.")),
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
    let Some(envelope) = is_object(&body).then(|| Envelope::read(&body).ok()).flatten() else {
        // What is wrong with it is told by whoever reads all of it.
        return Err(read(&body).err().unwrap_or_else(Problem::internal));
    };
    let name = envelope.model().unwrap_or_default();
    if name == PANEL {
        return ask_panel(&api, read(&body)?, &principal, allowance).await;
    }
    let Some(model) = api.catalog.find(&name).map(|info| info.id.clone()) else {
        read(&body)?;
        return Err(model_not_found(&name));
    };
    let asking = Asking {
        api: &api,
        principal: &principal,
        allowance: &allowance,
        body: &body,
        envelope: &envelope,
    };
    asking.ask_in_turn(model).await
}

/// All that is in a request.
fn read(body: &Bytes) -> Result<Chat, Problem> {
    Chat::try_from(parse::<ChatRequest>(body)?)
}

/// A request for one model, or for those who answer in its place.
#[derive(Clone, Copy)]
pub(super) struct Asking<'a> {
    pub(super) api: &'a Api,
    pub(super) principal: &'a Principal,
    pub(super) allowance: &'a Allowance,
    pub(super) body: &'a Bytes,
    pub(super) envelope: &'a Envelope<'a>,
}

impl Asking<'_> {
    /// Asks a model, and each of its fallbacks as long as nobody begins to answer.
    async fn ask_in_turn(self, model: ModelId) -> Result<Response, Problem> {
        let mut fallbacks = self.api.catalog.fallbacks(&model).iter();
        let mut current = &model;
        loop {
            let failure = match self.ask(current.clone(), *current == model).await {
                Ok(response) => return Ok(response),
                Err(failure) => failure,
            };
            match (failure, fallbacks.next()) {
                (Failure::Provider(error), Some(next)) if !error.is_callers() => {
                    tracing::warn!(%error, model = %current, %next, "a provider failed a request, and the next one is asked");
                    current = next;
                }
                (failure, _) => return Err(failure.into()),
            }
        }
    }

    async fn ask(self, model: ModelId, by_its_name: bool) -> Result<Response, Failure> {
        match self.api.catalog.pass_through(&model) {
            Some(way) => pass::ask(self, model, &*way).await,
            None => self.ask_in_our_words(model, by_its_name).await,
        }
    }

    async fn ask_in_our_words(self, model: ModelId, by_its_name: bool) -> Result<Response, Failure> {
        let mut chat = read(self.body)?;
        if !by_its_name {
            chat.model = model.as_str().to_owned();
        }
        let (name, stream) = (chat.model.clone(), chat.stream);
        let chunks = Chunks::new(completion_id(), &chat);
        let mut request = chat.into_request(model);
        request.max_output_tokens = self.answer_bound(request.max_output_tokens);
        let worst_case = Usage {
            input_tokens: request.input_bound(),
            output_tokens: request.max_output_tokens.unwrap_or_default().into(),
        };
        let bill = self.open_bill(&request.model, worst_case).await?;
        let provider = bill.metering(self.api.catalog.clone());
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
        bill.finish(Outcome::Completed).await.map_err(Problem::from)?;
        Ok(Json(completion(completion_id(), name, answer)).into_response())
    }

    /// The longest answer that a model may give: what is asked for, or as long as it likes. Whoever has a quota needs a
    /// bound, because that much of it is set aside.
    pub(super) fn answer_bound(self, asked: Option<u32>) -> Option<u32> {
        let bound = || self.api.analyses.panel.max_output_tokens;
        asked.or_else(|| self.allowance.has_quota().then(bound))
    }

    /// Sets aside what a call of one model can take at most, and begins its record.
    pub(super) async fn open_bill(self, model: &ModelId, worst_case: Usage) -> Result<Bill, Problem> {
        let reservation = self.allowance.call(model, worst_case).await?;
        let to_record = ledger::Request {
            account: self.principal.account(),
            key: self.principal.key(),
            operation: Operation::Chat(model.clone()),
            analysis: None,
        };
        Ok(Bill::open(&self.api.analyses.ledger, to_record, reservation).await?)
    }
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
        ..Question::new(to_conversation(&chat.messages)?, principal.account(), allowance)
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
