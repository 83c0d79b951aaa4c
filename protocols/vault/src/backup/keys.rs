//! The keys of one space's backup, all from one secret that comes from the identity's root:
//! they are there again as soon as the identity is recovered.
//!
//! Each peer knows the person by an account of its own, and gets the catalogue sealed under a
//! key of its own, so that two peers who compare what they keep find nothing equal.

use allod_crypto::Secret;
use allod_crypto::aead::SyntheticKey;
use allod_crypto::hash::tagged;
use allod_crypto::sign::{SigningKey, VerifyingKey};

/// The keys of one space's backup.
#[derive(Clone, Debug)]
pub struct BackupKeys {
    secret: Secret<32>,
    pub(super) pack: SyntheticKey,
}

impl BackupKeys {
    /// From one secret that is used for nothing else.
    pub fn new(secret: &Secret<32>) -> Self {
        let pack = Secret::from(tagged("allod 2026 backup, packs", &[secret.expose()]));
        Self { secret: secret.clone(), pack: SyntheticKey::new(&pack) }
    }

    /// The account at a peer. `peer` is what nobody but that peer can be reached by, such as
    /// the pin of its certificate.
    pub fn account(&self, peer: &str) -> Account {
        let derive = |context| Secret::from(tagged(context, &[self.secret.expose(), peer.as_bytes()]));
        Account {
            key: SigningKey::from_seed(&derive("allod 2026 backup, account")),
            catalogue: SyntheticKey::new(&derive("allod 2026 backup, catalogue")),
        }
    }
}

/// The person as one peer knows them.
#[derive(Clone, Debug)]
pub struct Account {
    pub(super) key: SigningKey,
    pub(super) catalogue: SyntheticKey,
}

impl Account {
    /// What the peer knows the account by.
    pub fn id(&self) -> VerifyingKey {
        self.key.verifying_key()
    }
}
