//! How often a tenant and an account may ask: token buckets.

use alloc::collections::BTreeMap;
use alloc::string::String;

use allod_wire::Instant;

/// Accounts whose buckets are kept. Past it, full buckets go first.
const ACCOUNTS_MAX: usize = 65_536;

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

#[derive(Debug)]
pub(super) struct Limiter {
    limits: Limits,
    tenants: BTreeMap<String, Bucket>,
    accounts: BTreeMap<[u8; 32], Bucket>,
}

impl Limiter {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, tenants: BTreeMap::new(), accounts: BTreeMap::new() }
    }

    /// Takes one request from the tenant's and, if there is one, the account's
    /// allowance: from both or from neither.
    pub(super) fn admit(
        &mut self,
        now: Instant,
        tenant: &str,
        account: Option<&[u8; 32]>,
    ) -> Result<(), TooMany> {
        let Limits { tenant: tenant_rate, account: account_rate } = self.limits;
        if !self.tenants.contains_key(tenant) {
            self.tenants.insert(tenant.into(), Bucket::full(tenant_rate, now));
        }
        if let Some(account) = account {
            self.make_room(now);
            self.accounts
                .entry(*account)
                .or_insert_with(|| Bucket::full(account_rate, now))
                .wait(account_rate, now)?;
        }
        if let Some(bucket) = self.tenants.get_mut(tenant) {
            bucket.wait(tenant_rate, now)?;
            bucket.take();
        }
        if let Some(bucket) = account.and_then(|account| self.accounts.get_mut(account)) {
            bucket.take();
        }
        Ok(())
    }

    /// Forgets accounts that have their whole allowance anyway; where that is
    /// not enough, the table starts afresh, since memory must stay bounded. The
    /// tenant's rate still holds then, and guesses are counted on disk.
    fn make_room(&mut self, now: Instant) {
        if self.accounts.len() >= ACCOUNTS_MAX {
            let rate = self.limits.account;
            self.accounts.retain(|_, bucket| !bucket.is_full(rate, now));
            if self.accounts.len() >= ACCOUNTS_MAX {
                self.accounts.clear();
            }
        }
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

    fn take(&mut self) {
        self.milli = self.milli.saturating_sub(1000);
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

    #[test]
    fn an_account_gets_its_burst_and_then_its_rate() {
        let mut limiter = limiter();
        let now = Instant(1_000_000);
        assert_eq!(limiter.admit(now, "t", Some(&[1; 32])), Ok(()));
        assert_eq!(limiter.admit(now, "t", Some(&[1; 32])), Ok(()));
        assert_eq!(limiter.admit(now, "t", Some(&[1; 32])), Err(TooMany { retry_in_ms: 1000 }));
        assert_eq!(limiter.admit(now.plus_ms(999), "t", Some(&[1; 32])), Err(TooMany { retry_in_ms: 1 }));
        assert_eq!(limiter.admit(now.plus_ms(1000), "t", Some(&[1; 32])), Ok(()));
    }

    #[test]
    fn one_account_cannot_use_up_its_tenant() {
        let mut limiter = limiter();
        let now = Instant(1_000_000);
        for _ in 0..100 {
            let _ = limiter.admit(now, "t", Some(&[1; 32]));
        }
        assert_eq!(limiter.admit(now, "t", Some(&[2; 32])), Ok(()));
    }

    #[test]
    fn a_tenant_is_held_to_its_rate_across_accounts() {
        let mut limiter = limiter();
        let now = Instant(1_000_000);
        for account in 0..5 {
            assert_eq!(limiter.admit(now, "t", Some(&[account; 32])), Ok(()));
        }
        assert_eq!(limiter.admit(now, "t", Some(&[9; 32])), Err(TooMany { retry_in_ms: 100 }));
        assert_eq!(limiter.admit(now, "other", Some(&[9; 32])), Ok(()));
    }

    #[test]
    fn a_clock_that_jumps_back_gives_nothing_away() {
        let mut limiter = limiter();
        let now = Instant(1_000_000);
        for _ in 0..2 {
            assert_eq!(limiter.admit(now, "t", Some(&[1; 32])), Ok(()));
        }
        assert!(limiter.admit(Instant(0), "t", Some(&[1; 32])).is_err());
    }

    #[test]
    fn memory_stays_bounded_whoever_calls() {
        let mut limiter = Limiter::new(Limits {
            tenant: Rate { burst: u32::MAX, per_second: 1 },
            account: Rate { burst: 2, per_second: 1 },
        });
        for account in 0..(ACCOUNTS_MAX as u64 + 10) {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&account.to_le_bytes());
            let _ = limiter.admit(Instant(1), "t", Some(&key));
        }
        assert!(limiter.accounts.len() <= ACCOUNTS_MAX);
    }
}
