//! Whom a guardian knows, and for whom it vouches how often.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use allod_did::Did;

/// Tells whether an account is registered at this guardian.
pub type Knows = Arc<dyn Fn(&[u8; 32]) -> bool + Send + Sync>;

/// Identities of one account that are vouched for in an epoch.
const VOUCHED_MAX: usize = 2;

/// For whom this guardian vouched in the current epoch. Its quota is for all who
/// are registered with it.
#[derive(Debug, Default)]
pub(super) struct Vouching {
    epoch: u64,
    by_account: BTreeMap<[u8; 32], BTreeSet<Did>>,
}

impl Vouching {
    /// Counts one more identity of an account, if it may have one.
    pub(super) fn may(&mut self, epoch: u64, account: [u8; 32], did: Did) -> bool {
        if self.epoch != epoch {
            *self = Self { epoch, by_account: BTreeMap::new() };
        }
        let known = self.by_account.entry(account).or_default();
        known.contains(&did) || (known.len() < VOUCHED_MAX && known.insert(did))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_has_few_identities_vouched_for_in_an_epoch_and_one_of_them_as_often_as_it_asks() {
        let mut vouching = Vouching::default();
        let [a, b, c] = [1, 2, 3].map(|byte| Did([byte; 32]));
        assert!(vouching.may(1, [7; 32], a) && vouching.may(1, [7; 32], b));
        assert!(!vouching.may(1, [7; 32], c));
        assert!(vouching.may(1, [7; 32], a));
        assert!(vouching.may(1, [8; 32], c), "another account has its own");
        assert!(vouching.may(2, [7; 32], c), "and so has the next epoch");
    }
}
