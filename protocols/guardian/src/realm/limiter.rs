//! How often anybody may ask: token buckets.

use alloc::collections::BTreeMap;
use alloc::string::String;

use allod_wire::Instant;

use crate::account::Permit;
use crate::token::Caller;

/// Keys whose buckets are kept. Past it, full buckets go first.
const KEYS_MAX: usize = 65_536;

/// A steady rate with bursts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Requests that may come at once.
    pub burst: u32,
    /// Requests a second that may come for ever.
    pub per_second: u32,
}

/// What a guardian allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For all of a tenant's accounts together.
    pub tenant: Rate,
    /// For one account.
    pub account: Rate,
}

impl Default for Limits {
    /// A tenant of some ten thousand people, each recovering now and then.
    fn default() -> Self {
        Self { tenant: Rate { burst: 2_000, per_second: 500 }, account: Rate { burst: 60, per_second: 1 } }
    }
}

/// What was asked for too often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany {
    /// When one more request will be taken, in milliseconds from now.
    pub retry_in_ms: u64,
}

/// Token buckets by key, in bounded memory.
#[derive(Debug)]
pub struct Buckets<K> {
    rate: Rate,
    buckets: BTreeMap<K, Bucket>,
}

impl<K: Ord + Clone> Buckets<K> {
    /// For each key the same rate, and its whole burst to begin with.
    pub fn new(rate: Rate) -> Self {
        Self { rate, buckets: BTreeMap::new() }
    }

    /// Takes one request from a key's allowance.
    ///
    /// # Errors
    /// [`TooMany`], and takes nothing.
    pub fn admit(&mut self, now: Instant, key: &K) -> Result<(), TooMany> {
        self.check(now, key)?;
        self.take(key);
        Ok(())
    }

    /// Whether a key has a request left, where several allowances must have one.
    ///
    /// # Errors
    /// [`TooMany`].
    pub(crate) fn check(&mut self, now: Instant, key: &K) -> Result<(), TooMany> {
        self.make_room(now);
        let rate = self.rate;
        self.buckets.entry(key.clone()).or_insert_with(|| Bucket::full(rate, now)).wait(rate, now)
    }

    /// Takes a request that [`Self::check`] found.
    pub(crate) fn take(&mut self, key: &K) {
        if let Some(bucket) = self.buckets.get_mut(key) {
            bucket.milli = bucket.milli.saturating_sub(1000);
        }
    }

    /// Forgets keys that have their whole allowance anyway; where that is not
    /// enough, the table starts afresh, since memory must stay bounded. Guesses
    /// are counted on disk.
    fn make_room(&mut self, now: Instant) {
        if self.buckets.len() >= KEYS_MAX {
            let rate = self.rate;
            self.buckets.retain(|_, bucket| !bucket.is_full(rate, now));
            if self.buckets.len() >= KEYS_MAX {
                self.buckets.clear();
            }
        }
    }
}

#[derive(Debug)]
pub(super) struct Limiter {
    tenants: Buckets<String>,
    /// The owner's requests and the card's apart, so that a thief of the card
    /// cannot keep the owner from making it useless.
    accounts: Buckets<(Permit, [u8; 32])>,
}

impl Limiter {
    pub(super) fn new(limits: Limits) -> Self {
        Self { tenants: Buckets::new(limits.tenant), accounts: Buckets::new(limits.account) }
    }

    /// Takes one request from the account's and, where `shared`, its tenant's
    /// allowance: from both or from neither.
    pub(super) fn admit(&mut self, now: Instant, caller: &Caller, shared: bool) -> Result<(), TooMany> {
        let account = (caller.permit, caller.account);
        self.accounts.check(now, &account)?;
        if shared {
            self.tenants.admit(now, &caller.tenant)?;
        }
        self.accounts.take(&account);
        Ok(())
    }

    /// Takes one request from the allowance of those who need no account.
    pub(super) fn admit_anybody(&mut self, now: Instant, what: &str) -> Result<(), TooMany> {
        self.tenants.admit(now, &what.into())
    }
}

/// Thousandths of a request that may still come.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    milli: u64,
    at: Instant,
}

impl Bucket {
    fn full(rate: Rate, now: Instant) -> Self {
        Self { milli: u64::from(rate.burst) * 1000, at: now }
    }

    fn is_full(mut self, rate: Rate, now: Instant) -> bool {
        self.refill(rate, now);
        self.milli >= u64::from(rate.burst) * 1000
    }

    fn refill(&mut self, rate: Rate, now: Instant) {
        // One request a second is one thousandth a millisecond.
        let gained = now.ms_since(self.at).saturating_mul(u64::from(rate.per_second));
        self.milli = self.milli.saturating_add(gained).min(u64::from(rate.burst) * 1000);
        self.at = now;
    }

    fn wait(&mut self, rate: Rate, now: Instant) -> Result<(), TooMany> {
        self.refill(rate, now);
        if self.milli >= 1000 {
            Ok(())
        } else {
            Err(TooMany { retry_in_ms: (1000 - self.milli).div_ceil(u64::from(rate.per_second.max(1))) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter() -> Limiter {
        Limiter::new(Limits {
            tenant: Rate { burst: 5, per_second: 10 },
            account: Rate { burst: 2, per_second: 1 },
        })
    }

    fn caller(tenant: &str, account: u8) -> Caller {
        Caller { tenant: tenant.into(), account: [account; 32], permit: Permit::Own, locator: None }
    }

    #[test]
    fn the_card_cannot_use_up_the_owners_allowance() {
        let mut limiter = limiter();
        let now = Instant(1_000_000);
        let thief = Caller { permit: Permit::Recover, ..caller("t", 1) };
        for _ in 0..100 {
            let _ = limiter.admit(now, &thief, false);
        }
        assert_eq!(limiter.admit(now, &caller("t", 1), false), Ok(()));
    }

    #[test]
    fn an_account_gets_its_burst_and_then_its_rate() {
        let mut limiter = limiter();
        let now = Instant(1_000_000);
        assert_eq!(limiter.admit(now, &caller("t", 1), true), Ok(()));
        assert_eq!(limiter.admit(now, &caller("t", 1), true), Ok(()));
        assert_eq!(limiter.admit(now, &caller("t", 1), true), Err(TooMany { retry_in_ms: 1000 }));
        assert_eq!(limiter.admit(now.plus_ms(999), &caller("t", 1), true), Err(TooMany { retry_in_ms: 1 }));
        assert_eq!(limiter.admit(now.plus_ms(1000), &caller("t", 1), true), Ok(()));
    }

    #[test]
    fn one_account_cannot_use_up_its_tenant() {
        let mut limiter = limiter();
        let now = Instant(1_000_000);
        for _ in 0..100 {
            let _ = limiter.admit(now, &caller("t", 1), true);
        }
        assert_eq!(limiter.admit(now, &caller("t", 2), true), Ok(()));
    }

    #[test]
    fn a_tenant_is_held_to_its_rate_across_accounts() {
        let mut limiter = limiter();
        let now = Instant(1_000_000);
        for account in 0..5 {
            assert_eq!(limiter.admit(now, &caller("t", account), true), Ok(()));
        }
        assert_eq!(limiter.admit(now, &caller("t", 9), true), Err(TooMany { retry_in_ms: 100 }));
        assert_eq!(limiter.admit(now, &caller("other", 9), true), Ok(()));
    }

    #[test]
    fn a_clock_that_jumps_back_gives_nothing_away() {
        let mut limiter = limiter();
        let now = Instant(1_000_000);
        for _ in 0..2 {
            assert_eq!(limiter.admit(now, &caller("t", 1), true), Ok(()));
        }
        assert!(limiter.admit(Instant(0), &caller("t", 1), true).is_err());
    }

    #[test]
    fn memory_stays_bounded_whoever_calls() {
        let mut limiter = Limiter::new(Limits {
            tenant: Rate { burst: u32::MAX, per_second: 1 },
            account: Rate { burst: 2, per_second: 1 },
        });
        for account in 0..(KEYS_MAX as u64 + 10) {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&account.to_le_bytes());
            let _ = limiter.admit(Instant(1), &Caller { account: key, ..caller("t", 0) }, true);
        }
        assert!(limiter.accounts.buckets.len() <= KEYS_MAX);
    }
}
