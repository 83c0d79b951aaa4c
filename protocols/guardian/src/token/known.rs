//! Tokens that a guardian has checked before: whoever calls again with one of them
//! is known without its signature being checked anew. Whether the time is right is
//! looked at each time.
//!
//! A token is found by its hash, so how long a look-up takes says nothing about the
//! tokens of others.

use alloc::collections::BTreeMap;

use allod_crypto::hash;
use allod_wire::{Instant, limits};

use super::{Caller, Verified};

/// Tokens that are remembered, at most: some megabytes.
const TOKENS_MAX: usize = 16_384;

/// The tokens that were checked for one guardian, in bounded memory.
///
/// What is in here holds for the realm and the tenants that it was checked for, so
/// it must not outlive a change of either.
#[derive(Debug, Default)]
pub struct Known(BTreeMap<[u8; 32], Verified>);

impl Known {
    /// Who calls with this token, if it was checked before and is valid now.
    pub fn caller(&self, token: &str, now: Instant) -> Option<Caller> {
        // None that is longer was ever good.
        if token.len() > limits::TOKEN_MAX {
            return None;
        }
        self.0.get(&place(token))?.caller(now).ok().cloned()
    }

    /// Remembers a token that was checked. Those that ended make room first; where
    /// that is not enough, all do, and are checked again when they come again.
    pub fn remember(&mut self, token: &str, verified: Verified, now: Instant) {
        if self.0.len() >= TOKENS_MAX {
            self.0.retain(|_, known| known.caller(now).is_ok());
            if self.0.len() >= TOKENS_MAX {
                self.0.clear();
            }
        }
        self.0.insert(place(token), verified);
    }
}

fn place(token: &str) -> [u8; 32] {
    hash::tagged("allod 2026 known token", &[token.as_bytes()])
}

#[cfg(test)]
mod tests {
    use allod_crypto::Secret;
    use allod_crypto::sign::SigningKey;
    use allod_wire::RealmId;

    use super::*;
    use crate::account::AccountKeys;
    use crate::token::{SELF_LIFETIME_MS_MAX, Tenants, authenticate, mint};

    const REALM: RealmId = RealmId([7; 16]);
    const NOW: Instant = Instant(1_800_000_000_000);

    fn token(account: u8) -> alloc::string::String {
        let key = |byte| SigningKey::from_seed(&Secret::from([byte; 32]));
        let (card, owner) = (key(200), key(account));
        let keys = AccountKeys { recover: card.verifying_key(), owner: owner.verifying_key() };
        mint(&keys, None, &owner, &REALM, NOW)
    }

    fn verified(token: &str) -> Verified {
        Verified::new(token, &REALM, &Tenants::new()).unwrap()
    }

    #[test]
    fn a_token_that_was_checked_is_known_and_no_other() {
        let (mut known, token, other) = (Known::default(), token(1), token(2));
        assert_eq!(known.caller(&token, NOW), None);
        known.remember(&token, verified(&token), NOW);
        assert_eq!(known.caller(&token, NOW), authenticate(&token, &REALM, &Tenants::new(), NOW).ok());
        assert_eq!(known.caller(&other, NOW), None);
        // The same claims under another signature are another token.
        let mut forged = token.clone();
        let last = forged.pop().unwrap();
        forged.push(if last == 'A' { 'B' } else { 'A' });
        assert_eq!(known.caller(&forged, NOW), None);
        assert_eq!(known.caller(&token[..token.len() - 1], NOW), None);
    }

    #[test]
    fn a_token_that_is_known_ends_when_it_ends() {
        let (mut known, token) = (Known::default(), token(1));
        known.remember(&token, verified(&token), NOW);
        for (at, good) in [
            (NOW, true),
            (NOW.plus_ms(SELF_LIFETIME_MS_MAX), false),
            (Instant(NOW.0 - SELF_LIFETIME_MS_MAX), false),
        ] {
            assert_eq!(known.caller(&token, at).is_some(), good);
            assert_eq!(authenticate(&token, &REALM, &Tenants::new(), at).is_ok(), good);
        }
    }

    #[test]
    fn memory_stays_bounded_and_tokens_that_ended_go_first() {
        let (mut known, token) = (Known::default(), token(1));
        let lasting = verified(&token);
        let past = Instant(NOW.0 - SELF_LIFETIME_MS_MAX);
        let ended = Verified { begin: past, end: past, ..lasting.clone() };
        known.remember(&token, lasting.clone(), NOW);
        for number in 1..TOKENS_MAX {
            known.remember(&alloc::format!("{number}"), ended.clone(), NOW);
        }
        assert_eq!(known.0.len(), TOKENS_MAX);
        known.remember("one more", lasting.clone(), NOW);
        assert_eq!(known.0.len(), 2);
        for number in 0..TOKENS_MAX {
            known.remember(&alloc::format!("{number}"), lasting.clone(), NOW);
        }
        assert!(known.0.len() <= TOKENS_MAX);
    }
}
