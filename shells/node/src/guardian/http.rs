//! A guardian's HTTP interface.
//!
//! | call | token | body | answer |
//! |---|---|---|---|
//! | `POST /req` | yes | a Juicebox request | a Juicebox response |
//! | `PUT /descriptor/{sequence}` | the owner's | the sealed descriptor | nothing |
//! | `GET /descriptor/{locator}` | no | – | the sealed descriptor; its number in `allod-sequence` |
//! | `GET /` | no | – | JSON: the realm's id |
//! | `GET /health` | no | – | `ok` while people are served: the store was read; else 503 |
//! | `GET /metrics` | no | – | counters, where the operator has no listener for them |
//!
//! Refusals that Juicebox has no words for are JSON: `error` (a fixed name),
//! `message`, and where they apply `guesses_left` and `retry_in_ms`. A Juicebox
//! response that refuses carries `allod-guesses-left` as a header as well.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use allod_guardian::juicebox::Request;
use allod_guardian::realm::{Answer, Refusal, SealedDescriptor, TooMany};
use allod_guardian::token::Caller;
use allod_wire::{Locator, limits};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::header::{self, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};

use super::addresses::Place;
use super::admin::{self, Watched};
use super::service::{Call, Service};
use crate::callers::Callers;

/// Says which version of the protocol a Juicebox client speaks.
const VERSION: HeaderName = HeaderName::from_static("x-juicebox-version");
/// The oldest version that is served, as Juicebox's own realms have it.
const VERSION_MIN: (u64, u64) = (0, 2);

/// How long a request may take to come and be answered.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a page's browser wants to read with every answer, to show it to the page.
const CROSS_ORIGIN: [(HeaderName, &str); 2] = [
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    (header::ACCESS_CONTROL_EXPOSE_HEADERS, "allod-guesses-left, allod-sequence, date"),
];
/// What it asks for beforehand.
const PREFLIGHT: [(HeaderName, &str); 3] = [
    (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PUT"),
    (header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type, user-agent, x-juicebox-version"),
    (header::ACCESS_CONTROL_MAX_AGE, "86400"),
];

const GUESSES_LEFT: HeaderName = HeaderName::from_static("allod-guesses-left");
const SEQUENCE: HeaderName = HeaderName::from_static("allod-sequence");

struct Shared {
    service: Service,
    callers: Arc<Callers>,
}

/// All routes of a guardian. Its counters are public where they are handed in.
pub(super) fn router(
    service: Service,
    callers: Arc<Callers>,
    counted: Option<Watched>,
    chain: Option<Router>,
) -> Router {
    let shared = Arc::new(Shared { service, callers });
    let metrics =
        |watched: Watched| Router::new().route("/metrics", get(async move || watched.metrics().await));
    counted
        .map(metrics)
        .unwrap_or_default()
        .route("/", get(about))
        .route("/health", get(health))
        .route("/req", post(request).layer(DefaultBodyLimit::max(limits::REALM_REQUEST_MAX)))
        .route(
            "/descriptor/{name}",
            put(describe).get(fetch).layer(DefaultBodyLimit::max(limits::DESCRIPTOR_MAX)),
        )
        .with_state(Arc::clone(&shared))
        .merge(chain.unwrap_or_default())
        .layer(middleware::from_fn_with_state(shared, front))
}

async fn about(State(shared): State<Arc<Shared>>) -> Response {
    json(StatusCode::OK, &serde_json::json!({ "realmID": shared.service.realm().to_string() }))
}

async fn health(State(shared): State<Arc<Shared>>) -> Response {
    admin::answer(admin::serves(&shared.service).await)
}

async fn request(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    if !speaks_our_version(&headers) {
        return refuse(
            StatusCode::UPGRADE_REQUIRED,
            "upgrade-required",
            "a newer client is needed",
            None,
            None,
        );
    }
    let caller = match caller(&shared, &headers) {
        Ok(caller) => caller,
        Err(response) => return *response,
    };
    match Request::decode(&body) {
        Ok(request) => respond(shared.service.call(Call::Secret(caller, request)).await),
        Err(why) => refuse(StatusCode::BAD_REQUEST, "malformed", &why.to_string(), None, None),
    }
}

async fn describe(
    State(shared): State<Arc<Shared>>,
    Path(sequence): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let caller = match caller(&shared, &headers) {
        Ok(caller) => caller,
        Err(response) => return *response,
    };
    let Ok(sequence) = sequence.parse() else {
        return refuse(StatusCode::BAD_REQUEST, "malformed", "the sequence is not a number", None, None);
    };
    let descriptor = SealedDescriptor { sequence, sealed: body.to_vec() };
    respond(shared.service.call(Call::Describe(caller, descriptor)).await)
}

async fn fetch(State(shared): State<Arc<Shared>>, Path(locator): Path<String>) -> Response {
    match locator.parse::<Locator>() {
        Ok(locator) => respond(shared.service.call(Call::Fetch(locator)).await),
        Err(why) => refuse(StatusCode::BAD_REQUEST, "malformed", &why.to_string(), None, None),
    }
}

/// Who is calling. A refused token is answered as such; the box keeps the
/// common case small.
fn caller(shared: &Shared, headers: &HeaderMap) -> Result<Caller, Box<Response>> {
    let unauthorized =
        |why: String| Box::new(refuse(StatusCode::UNAUTHORIZED, "unauthorized", &why, None, None));
    shared.callers.of(headers).map_err(unauthorized)
}

fn respond(answer: Answer) -> Response {
    match answer {
        Answer::Response { response, guesses_left } => {
            let mut response = bytes(response.encode().to_vec());
            if let Some(left) = guesses_left {
                response.headers_mut().insert(GUESSES_LEFT, left.into());
            }
            response
        }
        Answer::Described => StatusCode::NO_CONTENT.into_response(),
        Answer::Descriptor(Some(SealedDescriptor { sequence, sealed })) => {
            let mut response = bytes(sealed);
            response.headers_mut().insert(SEQUENCE, sequence.into());
            response
        }
        Answer::Descriptor(None) => {
            refuse(StatusCode::NOT_FOUND, "not-found", "nothing is kept there", None, None)
        }
        Answer::Refused { refusal, guesses_left } => {
            let (status, name, retry_in_ms) = match refusal {
                Refusal::NotPermitted => (StatusCode::FORBIDDEN, "not-permitted", None),
                Refusal::BadRequest(_) => (StatusCode::BAD_REQUEST, "bad-request", None),
                Refusal::TooMany { retry_in_ms } => {
                    (StatusCode::TOO_MANY_REQUESTS, "too-many", Some(retry_in_ms))
                }
                Refusal::NotRegistered => (StatusCode::FORBIDDEN, "not-registered", None),
                Refusal::Full => (StatusCode::INSUFFICIENT_STORAGE, "full", None),
                Refusal::Stale { .. } => (StatusCode::CONFLICT, "stale", None),
                Refusal::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable", None),
            };
            refuse(status, name, &refusal.to_string(), guesses_left, retry_in_ms)
        }
    }
}

fn bytes(body: Vec<u8>) -> Response {
    ([(CONTENT_TYPE, "application/octet-stream")], body).into_response()
}

fn json(status: StatusCode, value: &serde_json::Value) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

fn refuse(
    status: StatusCode,
    name: &str,
    message: &str,
    guesses_left: Option<u16>,
    retry_in_ms: Option<u64>,
) -> Response {
    let mut body = serde_json::json!({ "error": name, "message": message });
    if let Some(left) = guesses_left {
        body["guesses_left"] = left.into();
    }
    if let Some(ms) = retry_in_ms {
        body["retry_in_ms"] = ms.into();
    }
    json(status, &body)
}

fn speaks_our_version(headers: &HeaderMap) -> bool {
    let version = || {
        let mut numbers = headers.get(VERSION)?.to_str().ok()?.split('.');
        Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
    };
    version().is_some_and(|version: (u64, u64)| version >= VERSION_MIN)
}

/// What stands before all routes. Web pages of any origin may call: what they may
/// do, their token says.
async fn front(State(shared): State<Arc<Shared>>, request: axum::extract::Request, next: Next) -> Response {
    let mut response = if request.method() == Method::OPTIONS {
        (StatusCode::NO_CONTENT, PREFLIGHT).into_response()
    } else {
        allow(&shared, request, next).await
    };
    response.headers_mut().extend(CROSS_ORIGIN.map(|(name, value)| (name, HeaderValue::from_static(value))));
    response
}

/// Holds callers to their address's rate, and to sending their request in time.
async fn allow(shared: &Shared, request: axum::extract::Request, next: Next) -> Response {
    let place = request.extensions().get::<Arc<Place>>().cloned();
    let response = if let Some(Err(TooMany { retry_in_ms })) = place.map(|place| place.admit()) {
        let refusal = Refusal::TooMany { retry_in_ms };
        respond(Answer::Refused { refusal, guesses_left: None })
    } else {
        tokio::time::timeout(PATIENCE, next.run(request)).await.unwrap_or_else(|_| {
            refuse(StatusCode::REQUEST_TIMEOUT, "timeout", "the request took too long to come", None, None)
        })
    };
    if response.status() == StatusCode::TOO_MANY_REQUESTS {
        shared.service.counters().too_many.fetch_add(1, Ordering::Relaxed);
    }
    response
}
