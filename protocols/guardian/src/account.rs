//! Who may guess, with no company to log in to.
//!
//! An account has two keys. The *recover-only* key is on the recovery card: it
//! authenticates guesses and nothing else. The *owner* key is derived from the
//! identity's root: it may also register and delete. The account's id is the
//! hash of both public keys, so a token signed by either proves by itself that
//! it speaks for the account, and a guardian needs no list of members.
//!
//! A thief of the card can spend guesses, but neither read nor replace what is
//! guarded. A stranger can do nothing.

use allod_crypto::hash;
use allod_crypto::sign::VerifyingKey;
use allod_wire::{AccountId, Locator};

/// The two public keys of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountKeys {
    /// Verifies the card's signatures.
    pub recover: VerifyingKey,
    /// Verifies the owner's signatures.
    pub owner: VerifyingKey,
}

impl AccountKeys {
    /// The account's id: a hash of both keys.
    pub fn id(&self) -> AccountId {
        AccountId(hash::tagged("allod 2026 guardian account id", &[&self.recover.0, &self.owner.0]))
    }

    /// Where guardians keep the account's descriptor.
    pub fn locator(&self) -> Locator {
        locator(&self.recover)
    }
}

/// What a card's key signs to agree to be an account's card.
pub(crate) fn binding(account: &AccountId) -> [u8; 32] {
    hash::tagged("allod 2026 guardian card binding", &[&account.0])
}

/// Where guardians keep the descriptor of the account whose card has this key.
/// It depends on the card alone, so that the card finds it.
pub fn locator(recover: &VerifyingKey) -> Locator {
    Locator(hash::tagged("allod 2026 guardian locator", &[&recover.0]))
}

/// What a caller may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permit {
    /// Guess: the three phases of recovery.
    Recover,
    /// Everything: register, recover, delete, write the descriptor.
    Own,
}

#[cfg(test)]
mod tests;
