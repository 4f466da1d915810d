//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): the same key and body are answered once, by all
//! replicas together. Who loses the answer on its way asks again and gets it, and nothing is done twice.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    extract::{MatchedPath, Request},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use time::OffsetDateTime;
use tokio::time::{Instant, sleep};
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use super::{Api, Problem, analyses::accepts_events, body};
use crate::{
    domain::Account,
    limits::whole_seconds,
    store::{self, Digest, KeptAnswer, Once, OnceClaim, Store},
};

/// The caller's name for what is to be done once.
pub(super) static KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Says that an answer is given again.
static REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Where it is looked at. Elsewhere nothing is done that costs anything, or that cannot be done twice.
const PATHS: [&str; 2] = [ANALYSES, CHAT_COMPLETIONS];
const ANALYSES: &str = "/api/v1/analyses";
const CHAT_COMPLETIONS: &str = "/v1/chat/completions";

/// The longest key.
const MAX_KEY_BYTES: usize = 255;

/// How long an answer is kept.
const KEPT: time::Duration = time::Duration::hours(24);

/// How long a replica that was not heard of any more keeps others from answering.
const LEASE: Duration = Duration::from_secs(15);

/// How often it is heard of.
const PROLONG: Duration = Duration::from_secs(5);

/// How long an answer is tried to be kept that the store did not take.
const TRY_TO_KEEP: Duration = Duration::from_secs(60);

/// How often.
const TRY_EVERY: Duration = Duration::from_secs(1);

/// The headers that belong to an answer and not to its delivery.
const ANSWERS_OWN: [&str; 3] = ["content-type", "x-ultra-cache", "x-ultra-analysis-id"];

/// Answers a request that has a key; what is no answer that can be kept is let through.
pub(super) async fn answer_once(
    api: &Api,
    account: Account,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let path = request.extensions().get::<MatchedPath>();
    let path = path.and_then(|path| PATHS.into_iter().find(|kept| *kept == path.as_str()));
    let Some(path) = path.filter(|_| *request.method() == Method::POST) else {
        return Ok(next.run(request).await);
    };
    let key = key_of(request.headers())?;
    let (parts, body) = request.into_parts();
    let bytes = body::bytes(Request::from_parts(parts.clone(), body)).await?;
    if is_stream(path, &parts.headers, &bytes) {
        let detail = "A stream cannot be answered once: leave the idempotency-key out, or stream off; \
                      options.resumable lets a stream go on where it broke off.";
        return Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency-key-on-stream",
            detail,
        ));
    }
    let now = OffsetDateTime::now_utc();
    let claim = OnceClaim {
        name: Digest::of(&[account.to_string().as_bytes(), key.as_bytes()]),
        account,
        fingerprint: Digest::of(&[path.as_bytes(), &bytes]),
        holder: Uuid::new_v4(),
        now,
        held_until: now + LEASE,
        expires_at: now + KEPT,
    };
    if api.analyses.database.is_down() {
        return Err(cannot_promise(&store::Error::Timeout));
    }
    match api.store.claim_once(&claim).await {
        Ok(Once::Claimed) => {}
        Ok(Once::UnderWay { until }) => return Err(under_way(until - now)),
        Ok(Once::Answered(answer)) => return Ok(again(answer)),
        Ok(Once::Another) => return Err(used_for_another()),
        Err(error) => return Err(cannot_promise(&error)),
    }
    let held = Held::new(api.store.clone(), &claim);
    let response = next.run(Request::from_parts(parts, Body::from(bytes))).await;
    if !response.status().is_success() {
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.map_err(|error| {
        tracing::error!(%error, "an answer broke off");
        Problem::internal()
    })?;
    held.answer(kept(parts.status, &parts.headers, &body)).await;
    Ok(Response::from_parts(parts, Body::from(body)))
}

/// The key, which the draft has as a quoted string and most clients send bare.
fn key_of(headers: &HeaderMap) -> Result<String, Problem> {
    let mut given = headers.get_all(&KEY).iter();
    let key = match (given.next(), given.next()) {
        (Some(key), None) => key.to_str().unwrap_or_default().trim(),
        _ => "",
    };
    let key = key
        .strip_prefix('"')
        .and_then(|key| key.strip_suffix('"'))
        .unwrap_or(key);
    let printable = key.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if key.is_empty() || key.len() > MAX_KEY_BYTES || !printable {
        let detail =
            format!("There must be one idempotency-key, of 1 to {MAX_KEY_BYTES} printable ASCII characters.");
        return Err(Problem::bad_request("invalid-idempotency-key", detail));
    }
    Ok(key.to_owned())
}

fn is_stream(path: &str, headers: &HeaderMap, body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Streamed {
        stream: Option<bool>,
    }
    if path == ANALYSES {
        return accepts_events(headers);
    }
    let asked = serde_json::from_slice::<Streamed>(body).ok();
    asked.is_some_and(|asked| asked.stream == Some(true))
}

fn kept(status: StatusCode, headers: &HeaderMap, body: &Bytes) -> KeptAnswer {
    let own = ANSWERS_OWN.into_iter().filter_map(|name| {
        let value = headers.get(name)?.to_str().ok()?;
        Some((name.to_owned(), value.to_owned()))
    });
    KeptAnswer {
        status: status.as_u16(),
        headers: own.collect(),
        body: body.to_vec(),
    }
}

fn again(answer: KeptAnswer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let mut response = (status, answer.body).into_response();
    response.headers_mut().remove(header::CONTENT_TYPE);
    for (name, value) in answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
        .headers_mut()
        .insert(REPLAYED.clone(), HeaderValue::from_static("true"));
    response
}

fn under_way(left: time::Duration) -> Problem {
    let detail = "A request with this idempotency-key is under way; its answer can be had when it is over.";
    let left = Duration::try_from(left).unwrap_or_default();
    Problem::new(StatusCode::CONFLICT, "idempotency-key-under-way", detail)
        .retry_after(whole_seconds(left.min(PROLONG)).max(1))
}

fn used_for_another() -> Problem {
    Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "idempotency-key-reused",
        "This idempotency-key was used for another request; use a new one for each.",
    )
}

/// Without the store nobody knows what other replicas have answered. Who asks for the promise gets it or nothing.
fn cannot_promise(error: &store::Error) -> Problem {
    tracing::warn!(%error, "what is to be answered once cannot be looked up");
    if error.is_outage() {
        let class = error.class();
        let detail = format!(
            "Whether this was answered already cannot be looked up at the moment ({class}); try again later, or \
             without an idempotency-key."
        );
        Problem::unavailable("idempotency-unavailable", detail)
    } else {
        Problem::internal()
    }
}

/// A request that nobody else answers meanwhile. Dropped without an answer, as when its client goes away, it lets the
/// next one try.
struct Held {
    store: Arc<dyn Store>,
    name: Digest,
    holder: Uuid,
    answered: Arc<AtomicBool>,
    _done: DropGuard,
}

impl Held {
    fn new(store: Arc<dyn Store>, claim: &OnceClaim) -> Self {
        let (name, holder) = (claim.name, claim.holder);
        let done = CancellationToken::new();
        let answered = Arc::new(AtomicBool::new(false));
        let held = Self {
            store: store.clone(),
            name,
            holder,
            answered: answered.clone(),
            _done: done.clone().drop_guard(),
        };
        tokio::spawn(async move {
            while done.run_until_cancelled(sleep(PROLONG)).await.is_some() {
                // A lease that cannot be prolonged ends by itself.
                let _ = store
                    .prolong_once(&name, holder, OffsetDateTime::now_utc() + LEASE)
                    .await;
            }
            if !answered.load(Ordering::Relaxed) {
                let _ = store.give_up_once(&name, holder).await;
            }
        });
        held
    }

    /// Keeps the answer before it goes out. Where the store is lost meanwhile, the answer goes out all the same, and is
    /// kept as soon as that is possible.
    async fn answer(self, answer: KeptAnswer) {
        self.answered.store(true, Ordering::Relaxed);
        if self.try_answer(&answer).await {
            return;
        }
        tokio::spawn(async move {
            let until = Instant::now() + TRY_TO_KEEP;
            while Instant::now() < until {
                sleep(TRY_EVERY).await;
                if self.try_answer(&answer).await {
                    return;
                }
            }
            tracing::warn!("an answer that is to be given once could not be kept");
        });
    }

    /// Whether there is no more to be done.
    async fn try_answer(&self, answer: &KeptAnswer) -> bool {
        match self.store.answer_once(&self.name, self.holder, answer).await {
            Ok(true) => true,
            Ok(false) => {
                tracing::warn!("a request that is to be answered once was taken over by another");
                true
            }
            Err(error) => !error.is_outage(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(values: &[&str]) -> Result<String, ()> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(KEY.clone(), HeaderValue::from_str(value).unwrap());
        }
        key_of(&headers).map_err(drop)
    }

    #[test]
    fn a_key_is_one_short_text_bare_or_quoted() {
        assert_eq!(key(&["8e03978e"]), Ok("8e03978e".to_owned()));
        assert_eq!(key(&["\"8e03978e\""]), Ok("8e03978e".to_owned()));
        assert_eq!(key(&[&"a".repeat(255)]).map(|key| key.len()), Ok(255));
        for wrong in [
            &["", ""][..],
            &[""],
            &["\"\""],
            &["a", "b"],
            &[&"a".repeat(256)],
            &["\u{e9}"],
        ] {
            assert_eq!(key(wrong), Err(()), "{wrong:?}");
        }
    }

    #[test]
    fn a_stream_is_seen_by_what_is_accepted_and_by_what_is_asked() {
        let accepting = |accept| HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]);
        assert!(is_stream(ANALYSES, &accepting("text/event-stream"), b"{}"));
        assert!(!is_stream(ANALYSES, &accepting("application/json"), b"{}"));
        for (body, stream) in [
            (&b"{}"[..], false),
            (b"no json", false),
            (br#"{"stream": null}"#, false),
            (br#"{"stream": false}"#, false),
            (br#"{"model": "m", "stream": true}"#, true),
        ] {
            let accept = accepting("text/event-stream");
            assert_eq!(is_stream(CHAT_COMPLETIONS, &accept, body), stream, "{body:?}");
        }
    }

    #[test]
    fn parts_of_a_name_cannot_move_into_each_other() {
        assert_ne!(Digest::of(&[b"ab", b"c"]), Digest::of(&[b"a", b"bc"]));
    }
}
