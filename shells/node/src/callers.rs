//! Who calls a guardian, by the bearer token of an HTTP request.

use std::sync::{Mutex, PoisonError};

use allod_guardian::token::{Caller, Known, Tenants, Verified};
use allod_wire::RealmId;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;

/// Whose tokens one guardian takes.
#[derive(Debug)]
pub struct Callers {
    realm: RealmId,
    tenants: Tenants,
    /// Tokens that were checked before.
    known: Mutex<Known>,
}

impl Callers {
    /// For the guardian that is this realm and serves these tenants.
    pub(crate) fn new(realm: RealmId, tenants: Tenants) -> Self {
        Self { realm, tenants, known: Mutex::default() }
    }

    /// Who is calling.
    ///
    /// # Errors
    /// Why the token is refused, in words for who is calling.
    pub(crate) fn of(&self, headers: &HeaderMap) -> Result<Caller, String> {
        let token = headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
            .ok_or("a bearer token is needed")?;
        let now = crate::now();
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(caller) = known().caller(token, now) {
            return Ok(caller);
        }
        // Not under the lock: others need not wait for a signature to be checked.
        let verified = Verified::new(token, &self.realm, &self.tenants).map_err(|why| why.to_string())?;
        let caller = verified.caller(now).cloned().map_err(|why| why.to_string())?;
        known().remember(token, verified, now);
        Ok(caller)
    }
}

#[cfg(test)]
mod tests {
    use allod_crypto::Secret;
    use allod_crypto::sign::SigningKey;
    use allod_guardian::account::AccountKeys;
    use allod_guardian::token::mint;

    use super::*;

    fn headers(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(AUTHORIZATION, value.parse().unwrap())])
    }

    #[test]
    fn a_token_is_taken_the_first_time_and_again_and_a_changed_one_never() {
        let realm = RealmId([7; 16]);
        let key = SigningKey::from_seed(&Secret::from([1; 32]));
        let keys = AccountKeys { recover: key.verifying_key(), owner: key.verifying_key() };
        let token = mint(&keys, None, &key, &realm, crate::now());
        let callers = Callers::new(realm, Tenants::new());
        let changed = token.replacen('.', ".A", 1);
        for _ in 0..2 {
            assert!(callers.of(&headers(&format!("Bearer {changed}"))).is_err());
            assert_eq!(callers.of(&headers(&format!("Bearer {token}"))).unwrap().tenant, "self");
        }
        assert!(callers.of(&HeaderMap::new()).unwrap_err().contains("bearer token"));
        assert!(callers.of(&headers(&token)).unwrap_err().contains("bearer token"));
        let elsewhere = Callers::new(RealmId([8; 16]), Tenants::new());
        assert!(elsewhere.of(&headers(&format!("Bearer {token}"))).is_err());
    }
}
