//! Tokens that were minted for guardians, used again for a while: neither side has
//! to sign or to check a signature for each request.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use allod_wire::Instant;

/// How long a token is used, in milliseconds. It is good for five minutes, so the
/// rest is for requests under way and for clocks that differ.
const USED_MS: u64 = 2 * 60 * 1000;

/// One token for each guardian, by its place, with the time when it was minted.
/// Clones share them.
#[derive(Clone, Default)]
pub(super) struct Tokens(Arc<Mutex<BTreeMap<usize, (Instant, String)>>>);

impl Tokens {
    /// The guardian's token, minted now if there is none or it is too old.
    pub(super) fn get(&self, guardian: usize, now: Instant, mint: impl FnOnce() -> String) -> String {
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match tokens.get(&guardian) {
            // A clock that was set back makes it one of the future.
            Some((minted, token)) if *minted <= now && now.ms_since(*minted) < USED_MS => token.clone(),
            _ => {
                let token = mint();
                tokens.insert(guardian, (now, token.clone()));
                token
            }
        }
    }
}

/// Whoever has a token can use it.
impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_used_for_a_while_for_its_guardian_alone() {
        let tokens = Tokens::default();
        let at = |guardian, ms, fresh: &str| tokens.get(guardian, Instant(ms), || fresh.to_owned());
        assert_eq!(at(0, 1_000_000, "first"), "first");
        assert_eq!(at(1, 1_000_000, "another's"), "another's");
        assert_eq!(at(0, 1_000_000 + USED_MS - 1, "second"), "first");
        assert_eq!(at(0, 1_000_000 + USED_MS, "second"), "second");
        assert_eq!(at(1, 999_999, "third"), "third", "the clock was set back");
        assert_eq!(format!("{tokens:?}"), "Tokens(..)");
    }
}
