//! Which pages of other origins may call the service from a browser.

use std::{
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    extract::Request,
    http::{HeaderName, Method, header},
    response::Response,
};
use futures::future::Either;
use tower::{Layer, Service};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::limits;
use crate::config::{Cors, Origins};

/// How long a browser may remember the answer to its question.
const MAX_AGE: Duration = Duration::from_secs(600);

/// The layer that answers browsers. Without configuration there is none, which allows nobody.
pub(super) fn layer(cors: Option<&Cors>) -> Option<Browsers> {
    cors.map(|cors| Browsers(allowing(cors)))
}

/// Answers what browsers ask before they let a page ask, and passes every other question by OPTIONS on, as one by any
/// method: the route's gate answers it.
#[derive(Clone)]
pub(super) struct Browsers(CorsLayer);

impl<S: Clone> Layer<S> for Browsers {
    type Service = Answering<S>;

    fn layer(&self, inner: S) -> Answering<S> {
        Answering {
            browsers: self.0.layer(inner.clone()),
            others: inner,
        }
    }
}

/// The service that [`Browsers`] makes.
#[derive(Clone)]
pub(super) struct Answering<S> {
    browsers: tower_http::cors::Cors<S>,
    others: S,
}

impl<S> Service<Request> for Answering<S>
where
    S: Service<Request, Response = Response>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Either<<tower_http::cors::Cors<S> as Service<Request>>::Future, S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        ready!(self.browsers.poll_ready(context))?;
        self.others.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let is_preflight = request
            .headers()
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if request.method() == Method::OPTIONS && !is_preflight {
            Either::Right(self.others.call(request))
        } else {
            Either::Left(self.browsers.call(request))
        }
    }
}

fn allowing(Cors { origins, credentials }: &Cors) -> CorsLayer {
    let origins = match origins {
        Origins::Any => AllowOrigin::any(),
        Origins::These(origins) => AllowOrigin::list(origins.iter().cloned()),
    };
    CorsLayer::new()
        .allow_origin(origins)
        .allow_credentials(*credentials)
        .allow_methods([
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::ACCEPT,
            HeaderName::from_static("x-request-id"),
            HeaderName::from_static("last-event-id"),
        ])
        .expose_headers([
            HeaderName::from_static("x-request-id"),
            HeaderName::from_static("x-ultra-cache"),
            HeaderName::from_static("x-ultra-analysis-id"),
            limits::POLICY.clone(),
            limits::STANDING.clone(),
            limits::ALONE.clone(),
            header::RETRY_AFTER,
            header::WWW_AUTHENTICATE,
        ])
        .max_age(MAX_AGE)
}
