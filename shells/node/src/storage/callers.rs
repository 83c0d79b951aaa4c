//! Who asks: the signature, the time and the number of a request, and whether it came before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use allod_crypto::sign::VerifyingKey;
use allod_vault::backup::Authorization;
use allod_wire::Instant;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use data_encoding::BASE64URL_NOPAD;

use super::Refusal;
use super::http::SCHEME;

/// How far a request's time may be from the time here, in milliseconds.
const WINDOW_MS: u64 = 5 * 60 * 1000;

/// Requests of one account that are remembered.
const REMEMBERED_MAX: usize = 50_000;

/// Requests of all accounts that are remembered.
const ALL_REMEMBERED_MAX: usize = 1_000_000;

/// Requests of one account that has nothing here that are remembered: enough to begin.
const STRANGER_REMEMBERED_MAX: usize = 500;

/// Requests of all accounts that have nothing here that are remembered: what strangers ask
/// takes no room from those that have.
const STRANGERS_REMEMBERED_MAX: usize = 200_000;

/// Requests of one account that are worked on at once.
const AT_ONCE_MAX: usize = 8;

/// Who is served, and what they asked lately.
#[derive(Debug)]
pub(super) struct Callers {
    listed: Option<BTreeSet<VerifyingKey>>,
    /// What was asked before this is not remembered, and so refused.
    started: Instant,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// With whether it was of an account that had nothing.
    requests: BTreeMap<(Instant, VerifyingKey, [u8; 16]), bool>,
    strangers: usize,
    counts: BTreeMap<VerifyingKey, usize>,
    at_once: BTreeMap<VerifyingKey, usize>,
}

/// A request that is worked on, until dropped.
#[derive(Debug)]
pub(super) struct Admitted {
    callers: Arc<Callers>,
    pub(super) authorization: Authorization,
}

impl Callers {
    pub(super) fn new(listed: Option<Vec<VerifyingKey>>, now: Instant) -> Arc<Self> {
        let listed = listed.map(|listed| listed.into_iter().collect());
        Arc::new(Self { listed, started: now, seen: Mutex::default() })
    }

    /// Lets a request in that is signed, new, and of somebody who is served.
    pub(super) fn admit(
        self: &Arc<Self>,
        headers: &HeaderMap,
        method: &str,
        path: &str,
        now: Instant,
        has_anything: impl FnOnce(&VerifyingKey) -> bool,
    ) -> Result<Admitted, Refusal> {
        let authorization = headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok()?.strip_prefix(SCHEME)?.strip_prefix(' '))
            .and_then(|text| BASE64URL_NOPAD.decode(text.as_bytes()).ok())
            .and_then(|bytes| Authorization::decode(&bytes))
            .ok_or(Refusal::Unauthorized("the request is not signed"))?;
        let account = authorization.account;
        if self.listed.as_ref().is_some_and(|listed| !listed.contains(&account)) {
            return Err(Refusal::NotListed);
        }
        let time = authorization.time;
        if time.ms_since(now) > WINDOW_MS || now.ms_since(time) > WINDOW_MS {
            return Err(Refusal::Unauthorized(
                "the request's time is far from the time here; see to your clock",
            ));
        }
        if time < self.started {
            return Err(Refusal::Unauthorized("the request was made before this place was up; ask again"));
        }
        let wrong = |_| Refusal::Unauthorized("the request's signature is not the account's");
        authorization.check(method, path).map_err(wrong)?;
        let is_stranger = self.listed.is_none() && !has_anything(&account);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.forget(Instant(now.0.saturating_sub(WINDOW_MS)));
        if seen.requests.contains_key(&(time, account, authorization.once)) {
            return Err(Refusal::Unauthorized("the request was answered before"));
        }
        let count = seen.counts.get(&account).copied().unwrap_or_default();
        let at_once = seen.at_once.get(&account).copied().unwrap_or_default();
        let known = seen.requests.len() - seen.strangers;
        let is_full = if is_stranger {
            count >= STRANGER_REMEMBERED_MAX || seen.strangers >= STRANGERS_REMEMBERED_MAX
        } else {
            count >= REMEMBERED_MAX || known >= ALL_REMEMBERED_MAX - STRANGERS_REMEMBERED_MAX
        };
        if is_full || at_once >= AT_ONCE_MAX {
            return Err(Refusal::TooMany);
        }
        seen.requests.insert((time, account, authorization.once), is_stranger);
        seen.strangers += usize::from(is_stranger);
        seen.counts.insert(account, count + 1);
        seen.at_once.insert(account, at_once + 1);
        Ok(Admitted { callers: Arc::clone(self), authorization })
    }
}

impl Seen {
    /// Forgets what was asked before this, which would be refused for its time.
    fn forget(&mut self, before: Instant) {
        while let Some(first) = self.requests.first_entry().filter(|first| first.key().0 < before) {
            let ((_, account, _), was_stranger) = first.remove_entry();
            self.strangers -= usize::from(was_stranger);
            if let Some(count) = self.counts.get_mut(&account) {
                *count -= 1;
                if *count == 0 {
                    self.counts.remove(&account);
                }
            }
        }
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut seen = self.callers.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let account = &self.authorization.account;
        if let Some(count) = seen.at_once.get_mut(account) {
            *count -= 1;
            if *count == 0 {
                seen.at_once.remove(account);
            }
        }
    }
}
