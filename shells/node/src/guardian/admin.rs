//! The operator's own listener: how the guardian is and what it counted. It is
//! plain HTTP, takes no body, and changes nothing.
//!
//! | call | answer |
//! |---|---|
//! | `GET /livez` | `ok`: the process answers |
//! | `GET /readyz` | `ok` once the store was read and the chain, if there is one, does its part; else 503 with the reason in words |
//! | `GET /metrics` | counters and figures, in Prometheus's text format 0.0.4 |
//!
//! It stands on an address of its own, which the operator keeps from strangers:
//! how many accounts there are and how often is guessed is nobody else's matter.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use allod_guardian::realm::Answer;
use allod_wire::Locator;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::service::{Call, Service};
use crate::chain::{self, Standing, Unready};
use crate::exposition::{Kind, Page};

#[cfg(test)]
mod tests;

/// How long reading the store may take.
const READY: Duration = Duration::from_secs(2);

/// A guardian as its operator sees it.
#[derive(Clone, Debug)]
pub(super) struct Watched {
    service: Service,
    /// There from when the chain is up; `None` where the guardian has no part in
    /// one.
    chain: Option<Arc<OnceLock<chain::Watch>>>,
}

impl Watched {
    /// A guardian, and whether it is to have a part in a chain.
    pub(super) fn new(service: Service, chain: bool) -> Self {
        Self { service, chain: chain.then(Arc::default) }
    }

    /// Notes that the chain is up.
    pub(super) fn chain_is_up(&self, watch: chain::Watch) {
        if let Some(chain) = &self.chain {
            // It comes up once.
            let _ = chain.set(watch);
        }
    }

    /// Says whether the guardian does all that it is for: it serves people, and
    /// the chain does its part.
    async fn ready(&self) -> Result<(), String> {
        serves(&self.service).await?;
        match &self.chain {
            None => Ok(()),
            Some(_) => self.chain().await?.1.map_err(|why| why.to_string()),
        }
    }

    /// Where the chain stands, and whether it does its part; why not, where it
    /// does not stand anywhere.
    async fn chain(&self) -> Result<(Standing, Result<(), Unready>), String> {
        let watch = self.chain.as_ref().and_then(|chain| chain.get());
        let watch = watch.cloned().ok_or_else(|| Unready::Starting.to_string())?;
        let read = tokio::task::spawn_blocking(move || {
            let standing = watch.standing()?;
            let ready = watch.ready(&standing, crate::now());
            Ok((standing, ready))
        });
        let failed = |why: &dyn std::fmt::Display| format!("the ledger cannot be read: {why}");
        match tokio::time::timeout(READY, read).await {
            Ok(Ok(read)) => read.map_err(|why: chain::ChainError| failed(&why)),
            Ok(Err(why)) => Err(failed(&why)),
            Err(_) => Err("the ledger is slow to answer".into()),
        }
    }

    /// What the guardian counted since it started, what it holds, and where its
    /// chain stands.
    pub(super) async fn metrics(&self) -> Page {
        let mut page = Page::default();
        counted(&self.service, &mut page);
        if let Ok((standing, ready)) = self.chain().await {
            chain::figures::put(&mut page, &standing, ready.is_ok(), crate::now());
        }
        page
    }

    /// The same with what the ordering engine measures of itself.
    async fn all_metrics(&self) -> Page {
        let mut page = self.metrics().await;
        if let Some(watch) = self.chain.as_ref().and_then(|chain| chain.get()) {
            page.put_open_metrics("allod_engine_", &watch.metrics());
        }
        page
    }
}

/// The routes of the operator's listener.
pub(super) fn router(watched: Watched) -> Router {
    Router::new()
        .route("/livez", get(async || "ok"))
        .route("/readyz", get(async |State(watched): State<Watched>| answer(watched.ready().await)))
        .route("/metrics", get(async |State(watched): State<Watched>| watched.all_metrics().await))
        .with_state(watched)
}

/// A judgement as HTTP has it.
pub(super) fn answer(ready: Result<(), String>) -> Response {
    match ready {
        Ok(()) => "ok".into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, why).into_response(),
    }
}

/// Says whether people's requests get through to the store: one that reads is put
/// behind those that wait.
pub(super) async fn serves(service: &Service) -> Result<(), String> {
    // Nothing is kept at this locator, as far as anybody can tell; whatever is
    // there, it was read.
    let read = service.call(Call::Fetch(Locator([0; 32])));
    match tokio::time::timeout(READY, read).await {
        Ok(Answer::Descriptor(_)) => Ok(()),
        Ok(_) => Err("the store cannot be read".into()),
        Err(_) => Err("the store is slow to answer".into()),
    }
}

/// What the guardian counted since it started, and what it holds.
fn counted(service: &Service, page: &mut Page) {
    let counters = service.counters();
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    for (name, help, counter) in [
        ("registered", "Registrations stored", &counters.registered),
        ("guesses", "Guesses spent", &counters.guesses),
        ("recovered", "Right unlock tags shown", &counters.recovered),
        ("destroyed", "Shares destroyed for want of guesses", &counters.destroyed),
        ("deleted", "Registrations deleted by their owners", &counters.deleted),
        ("too_many", "Requests refused for coming too often", &counters.too_many),
    ] {
        page.put(&format!("allod_guardian_{name}_total"), help, Kind::Counter, read(counter));
    }
    let accounts = read(&counters.accounts);
    page.put("allod_guardian_accounts", "Accounts kept, destroyed ones included", Kind::Gauge, accounts);
    page.put("allod_guardian_accounts_max", "Accounts that it takes", Kind::Gauge, service.accounts_max());
    let labels = format!("realm=\"{}\",version=\"{}\"", service.realm(), env!("CARGO_PKG_VERSION"));
    let help = "Which guardian this is, and its program's version";
    page.put_each("allod_guardian_info", help, Kind::Gauge, [(labels, 1)]);
}
