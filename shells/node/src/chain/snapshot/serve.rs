//! Serving the ledger to guardians that lack it.

use std::sync::Arc;

use allod_ledger::Values;
use allod_ledger::jellyfish::KeyHash;
use allod_wire::Wire;
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use data_encoding::HEXLOWER_PERMISSIVE;

use super::{Entry, Offer, PART_FILL, Part};
use crate::chain::ChainError;
use crate::chain::http::{Answer, Trouble, blocking, bytes, malformed};
use crate::chain::ordering::Ordering;
use crate::chain::store::{At, Store};

/// The most bytes of a value that is served. Records are shorter: the longest are
/// those that an operation carried.
const VALUE_MAX: usize = Part::SIZE_MAX - PART_FILL - allod_ledger::jellyfish::Path::SIZE_MAX - 64;

/// What the routes work with.
#[derive(Clone)]
pub(in crate::chain) struct Serving {
    pub(in crate::chain) store: Arc<Store>,
    pub(in crate::chain) ordering: Arc<dyn Ordering>,
}

/// The routes.
pub(in crate::chain) fn router(serving: Serving) -> Router {
    Router::new()
        .route("/chain/snapshot", get(newest))
        .route("/chain/snapshot/{height}", get(offer))
        .route("/chain/snapshot/{height}/{after}", get(part))
        .with_state(serving)
}

/// The newest height that is signed, readable, and final by votes on itself.
async fn newest(State(serving): State<Serving>) -> Answer {
    let mut top = u64::MAX;
    loop {
        let store = Arc::clone(&serving.store);
        let found = blocking(move || Ok(store.certificate(0..=top)?)).await?;
        let Some(certificate) = found else { return Err(Trouble::Nothing("there is no snapshot here")) };
        let height = certificate.checkpoint.height;
        // Whoever cannot be read is the end: those before it cannot, either.
        let store = Arc::clone(&serving.store);
        blocking(move || Ok(store.at(height).map(drop)?)).await?;
        if let Some(finality) = serving.ordering.certificate(height).await {
            return Ok(bytes(allod_wire::encode(&Offer { certificate, finality })));
        }
        let Some(below) = height.checked_sub(1) else {
            return Err(Trouble::Nothing("there is no snapshot here"));
        };
        top = below;
    }
}

async fn offer(State(serving): State<Serving>, Path(height): Path<u64>) -> Answer {
    let store = Arc::clone(&serving.store);
    let certificate = blocking(move || Ok(store.certificate(height..=height)?)).await?;
    let finality = serving.ordering.certificate(height).await;
    match (certificate, finality) {
        (Some(certificate), Some(finality)) => {
            Ok(bytes(allod_wire::encode(&Offer { certificate, finality })))
        }
        _ => Err(Trouble::Nothing("this height is no snapshot here")),
    }
}

async fn part(State(serving): State<Serving>, Path((height, after)): Path<(u64, String)>) -> Answer {
    let after = key(&after)?;
    let part = blocking(move || {
        // Only what can be checked is worth keeping for somebody.
        if serving.store.certificate(height..=height)?.is_none() {
            return Err(Trouble::Nothing("this height is no snapshot here"));
        }
        let ledger = serving.store.at(height)?;
        serving.store.fetched(height)?;
        let part = part_of(&ledger, after.as_ref())?;
        part.ok_or(Trouble::Nothing("there is nothing after this key"))
    });
    Ok(bytes(allod_wire::encode(&part.await?)))
}

/// The next values after a key; nothing after the last.
pub(super) fn part_of(ledger: &At, after: Option<&KeyHash>) -> Result<Option<Part>, ChainError> {
    let (mut entries, mut room) = (Vec::new(), 0);
    ledger.leaves(after, |leaf| {
        let missing = || ChainError::Store(format!("the value of {} is missing", leaf.key));
        let value = ledger.value(&leaf.key)?.ok_or_else(missing)?;
        if value.len() > VALUE_MAX {
            return Err(ChainError::Store(format!("the value of {} is too long to be served", leaf.key)));
        }
        let entry = Entry { key: leaf.key, value };
        room += entry.room();
        entries.push(entry);
        Ok(room < PART_FILL)
    })?;
    let Some(last) = entries.last() else { return Ok(None) };
    let path = ledger.prove(&last.key)?;
    Ok(Some(Part { entries, path }))
}

/// A key in hexadecimal; "-" before the first.
fn key(text: &str) -> Result<Option<KeyHash>, Trouble> {
    if text == "-" {
        return Ok(None);
    }
    let bytes = HEXLOWER_PERMISSIVE.decode(text.as_bytes()).map_err(|why| malformed(&why))?;
    let bytes = bytes.try_into().map_err(|_| malformed(&"a key has 32 bytes"))?;
    Ok(Some(KeyHash(bytes)))
}
