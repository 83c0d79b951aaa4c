//! Whose votes count in which epoch.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use commonware_consensus::types::Epoch;
use commonware_cryptography::certificate::{Provider, Scoped};
use commonware_cryptography::ed25519::PublicKey;
use commonware_utils::ordered::Set;

use super::convert::{self, Scheme};

/// Epochs kept: those whose certificates may still have to be checked or put
/// into this project's form.
const KEPT: usize = 8;

/// The committees of the last epochs. Copies share them.
#[derive(Clone)]
pub(super) struct Schemes {
    network: [u8; 32],
    known: Arc<Mutex<BTreeMap<u64, Arc<Scheme>>>>,
}

impl Schemes {
    pub(super) fn new(network: [u8; 32]) -> Self {
        Self { network, known: Arc::default() }
    }

    /// Adds an epoch's voters.
    pub(super) fn add(&self, epoch: u64, members: Set<PublicKey>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(epoch, Arc::new(convert::scheme(&self.network, members, None)));
        while known.len() > KEPT {
            known.pop_first();
        }
    }

    /// What checks the votes of an epoch.
    pub(super) fn get(&self, epoch: u64) -> Option<Arc<Scheme>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&epoch).cloned()
    }
}

impl Provider for Schemes {
    type Scope = Epoch;
    type Scheme = Scheme;

    fn scoped(&self, epoch: Epoch) -> Option<Scoped<Scheme>> {
        // Whole, though it signs nothing: without its members, notarized blocks
        // that peers send are not looked at.
        self.get(epoch.get()).map(Scoped::scheme)
    }
}
