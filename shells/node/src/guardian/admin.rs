//! The operator's own listener: how the guardian is and what it counted. It is
//! plain HTTP, takes no body, and changes nothing.
//!
//! | call | answer |
//! |---|---|
//! | `GET /livez` | `ok`: the process answers |
//! | `GET /readyz` | `ok` once the store was read, else 503 |
//! | `GET /metrics` | counters, in Prometheus's text format 0.0.4 |
//!
//! It stands on an address of its own, which the operator keeps from strangers:
//! how many accounts there are and how often is guessed is nobody else's matter.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use allod_guardian::realm::Answer;
use allod_wire::Locator;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::service::{Call, Service};

#[cfg(test)]
mod tests;

/// How long reading the store may take.
const READY: Duration = Duration::from_secs(2);

/// The routes of the operator's listener.
pub(super) fn router(service: Service) -> Router {
    Router::new()
        .route("/livez", get(async || "ok"))
        .route("/readyz", get(async |State(service): State<Service>| ready(&service).await))
        .route("/metrics", get(async |State(service): State<Service>| metrics(&service)))
        .with_state(service)
}

/// Says whether requests get through to the store: one that reads is put behind
/// those that wait.
pub(super) async fn ready(service: &Service) -> Response {
    // Nothing is kept at this locator, as far as anybody can tell; whatever is
    // there, it was read.
    let read = service.call(Call::Fetch(Locator([0; 32])));
    match tokio::time::timeout(READY, read).await {
        Ok(Answer::Descriptor(_)) => "ok".into_response(),
        Ok(_) => (StatusCode::SERVICE_UNAVAILABLE, "the store cannot be read").into_response(),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the store is slow to answer").into_response(),
    }
}

/// What the guardian counted since it started, and what it holds.
pub(super) fn metrics(service: &Service) -> Response {
    let counters = service.counters();
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let mut text = String::new();
    for (name, help, counter) in [
        ("registered", "Registrations stored", &counters.registered),
        ("guesses", "Guesses spent", &counters.guesses),
        ("recovered", "Right unlock tags shown", &counters.recovered),
        ("destroyed", "Shares destroyed for want of guesses", &counters.destroyed),
        ("deleted", "Registrations deleted by their owners", &counters.deleted),
        ("too_many", "Requests refused for coming too often", &counters.too_many),
    ] {
        put(&mut text, &format!("{name}_total"), help, "counter", read(counter));
    }
    put(&mut text, "accounts", "Accounts kept, destroyed ones included", "gauge", read(&counters.accounts));
    put(&mut text, "accounts_max", "Accounts that it takes", "gauge", service.accounts_max());
    let info = format!("info{{realm=\"{}\",version=\"{}\"}}", service.realm(), env!("CARGO_PKG_VERSION"));
    put(&mut text, &info, "Which guardian this is, and its program's version", "gauge", 1);
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

/// One figure with its description. Labels stand behind the name.
fn put(text: &mut String, name: &str, help: &str, kind: &str, value: u64) {
    let bare = name.split('{').next().unwrap_or(name);
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "# HELP allod_guardian_{bare} {help}.\n# TYPE allod_guardian_{bare} {kind}\nallod_guardian_{name} {value}"
    );
}
