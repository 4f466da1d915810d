//! The way of a request through the provider, the same for every wire format.

use std::{
    future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    body::{Body, Bytes},
    extract::{ConnectInfo, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header},
    response::Response,
};
use serde_json::Value;
use tokio::time;

use super::{
    Fault, Request, Script,
    answer::Answer,
    body::{self, Step},
    connection::ConnectionHandle,
    journal::{Call, Journal},
    script::{Reply, Turn},
    wire::{Failure, Prompt, WireFormat},
};

const SECRET_HEADERS: [&str; 3] = ["authorization", "x-api-key", "x-goog-api-key"];
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream; charset=utf-8");
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const HTML_PAGE: &str = "<!doctype html><title>Sign in</title><h1>This network needs you to sign in</h1>\n";

/// What all handlers share.
#[derive(Debug)]
pub(super) struct Server {
    script: Mutex<Script>,
    pub(super) journal: Arc<Journal>,
}

impl Server {
    pub(super) fn new(script: Script) -> Self {
        Self {
            script: Mutex::new(script),
            journal: Arc::default(),
        }
    }

    pub(super) fn set_script(&self, script: Script) {
        *self.script() = script;
    }

    /// A script is whole after every step, so a panic elsewhere cannot spoil it.
    pub(super) fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a request that has come in.
    pub(super) fn begin(
        &self,
        uri: &Uri,
        mut headers: HeaderMap,
        model: String,
        body: Value,
    ) -> (Request, Call) {
        for name in SECRET_HEADERS {
            if let Some(value) = headers.get_mut(name) {
                value.set_sensitive(true);
            }
        }
        let request = Request {
            path: uri.path().to_owned(),
            headers,
            model,
            body,
        };
        let call = self.journal.begin(request.clone());
        (request, call)
    }
}

/// The handler of every request for an answer.
pub(super) async fn answer<W: WireFormat>(
    State(server): State<Arc<Server>>,
    ConnectInfo(connection): ConnectInfo<ConnectionHandle>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let body = serde_json::from_slice(&body).unwrap_or_default();
    let model = W::model(&uri, &body);
    let (request, call) = server.begin(&uri, headers, model, body);
    let exchange = Exchange { call, connection };
    match W::read(&uri, &request) {
        Ok(prompt) => {
            let Turn { delay, pace, reply } = server.script().next(&prompt.model);
            time::sleep(delay).await;
            exchange.reply::<W>(&prompt, pace, reply).await
        }
        Err(failure) => exchange.refuse::<W>(&failure),
    }
}

/// A request that has yet to be answered.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) call: Call,
    pub(super) connection: ConnectionHandle,
}

impl Exchange {
    async fn reply<W: WireFormat>(self, prompt: &Prompt, pace: time::Duration, reply: Reply) -> Response {
        let (answer, fault) = match reply {
            Reply::Echo => (Answer::echo(prompt), None),
            Reply::Text(text) => (Answer::new(prompt, &text), None),
            Reply::Ending(text, finish) => (Answer::ending(prompt, &text, finish), None),
            Reply::Calls(calls) => match Answer::calling(prompt, &calls) {
                Ok(answer) => (answer, None),
                Err(failure) => return self.refuse::<W>(&failure),
            },
            Reply::Fault(Fault::Oversized(bytes)) => (Answer::oversized(prompt, bytes), None),
            Reply::Fault(fault) => (Answer::echo(prompt), Some(fault)),
        };
        if let Some(failure) = fault.as_ref().and_then(|fault| fault.refusal(prompt.stream)) {
            return self.refuse::<W>(&failure);
        }
        match &fault {
            Some(Fault::WrongContentType) => return self.whole::<W>(StatusCode::OK, HTML, HTML_PAGE.into()),
            Some(Fault::Page { status }) => {
                let status = Failure::scripted(*status).status;
                return self.whole::<W>(status, HTML, HTML_PAGE.into());
            }
            Some(Fault::Slow(time)) => time::sleep(*time).await,
            Some(Fault::Silence) => future::pending().await,
            _ => {}
        }
        if prompt.stream {
            self.stream::<W>(&answer, pace, fault.as_ref())
        } else {
            self.plain::<W>(&answer, fault.as_ref())
        }
    }

    fn stream<W: WireFormat>(self, answer: &Answer, pace: time::Duration, fault: Option<&Fault>) -> Response {
        let error = match fault {
            Some(Fault::StreamError { status }) => W::error_event(&Failure::scripted(*status)).into(),
            _ => Bytes::new(),
        };
        let events = W::events(answer).into_iter().map(Bytes::from).collect();
        let steps = match fault {
            Some(Fault::SilentBody) => vec![Step::Hang],
            fault => body::steps(events, pace, fault, error),
        };
        self.respond::<W>(StatusCode::OK, EVENT_STREAM, None, steps)
    }

    fn plain<W: WireFormat>(self, answer: &Answer, fault: Option<&Fault>) -> Response {
        let mut message = Bytes::from(W::message(answer).to_string());
        let Some(fault) = fault else {
            return self.whole::<W>(StatusCode::OK, JSON, message);
        };
        let length = message.len();
        if *fault == Fault::SilentBody {
            return self.respond::<W>(StatusCode::OK, JSON, Some(length), vec![Step::Hang]);
        }
        let rest = message.split_off(length / 2);
        let (fault, length) = match fault {
            // A client waits for the promised length, so that only these two must not promise the whole.
            Fault::MalformedJson | Fault::MalformedSse => (&Fault::MalformedJson, None),
            other => (other, Some(length)),
        };
        let steps = body::steps(
            vec![message, rest],
            time::Duration::ZERO,
            Some(fault),
            Bytes::new(),
        );
        self.respond::<W>(StatusCode::OK, JSON, length, steps)
    }

    pub(super) fn refuse<W: WireFormat>(self, failure: &Failure) -> Response {
        let error = W::error(failure, Some(&self.call.id()));
        let mut response = self.whole::<W>(failure.status, JSON, error.to_string().into());
        if let (Some(seconds), true) = (failure.retry_after, W::RETRY_AFTER) {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }

    pub(super) fn whole<W: WireFormat>(
        self,
        status: StatusCode,
        content_type: HeaderValue,
        body: Bytes,
    ) -> Response {
        let length = body.len();
        self.respond::<W>(status, content_type, Some(length), vec![Step::Send(body)])
    }

    fn respond<W: WireFormat>(
        self,
        status: StatusCode,
        content_type: HeaderValue,
        length: Option<usize>,
        steps: Vec<Step>,
    ) -> Response {
        let id = self.call.id();
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, content_type);
        if let Some(length) = length {
            headers.insert(header::CONTENT_LENGTH, length.into());
        }
        if let (Some(name), Ok(id)) = (W::REQUEST_ID, HeaderValue::try_from(id)) {
            headers.insert(HeaderName::from_static(name), id);
        }
        *response.body_mut() = body::body(steps, self.call, self.connection);
        response
    }
}
