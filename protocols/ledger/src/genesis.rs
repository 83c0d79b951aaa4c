//! How a network begins: its rules, its first guardians, its first keys.
//!
//! The hash of a genesis is the network's id. Every signature in the ledger
//! covers it, so nothing signed for one network counts in another.

use alloc::string::String;
use alloc::vec::Vec;

use allod_crypto::hash;
use allod_did::{Did, Operation};
use allod_wire::{GuardianId, Instant, NetworkId, Wire};
use minicbor::{Decode, Encode};

use crate::asset::ASSET_NAME_MAX;
use crate::committee::MEMBERS_MAX;
use crate::guardian::{GUARDIANS_MAX, Terms};
use crate::label::is_label;
use crate::shared_key::KeySpec;
use crate::{Error, Parameters};

/// A guardian that is there from the beginning.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Founder {
    /// Its key.
    #[n(0)]
    pub guardian: GuardianId,
    /// Who answers for it with a bond.
    #[n(1)]
    pub operator: Did,
    /// Where it is and what it says of itself.
    #[n(2)]
    pub terms: Terms,
    /// Its bond, from its operator's balance.
    #[n(3)]
    pub bond: u64,
}

/// An identity and what it owns of the network's first asset.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Endowment {
    /// The operation that founds the identity.
    #[n(0)]
    pub identity: Operation,
    /// Units.
    #[n(1)]
    pub amount: u64,
}

/// Everything that a network begins with.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Genesis {
    /// What people call the network: 1 to 32 characters.
    #[n(0)]
    pub name: String,
    /// When it began.
    #[n(1)]
    pub at: Instant,
    /// Randomness for the draws before the beacon speaks, 32 bytes.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub seed: [u8; 32],
    /// The rules.
    #[n(3)]
    pub parameters: Parameters,
    /// The name of the first asset, in which bonds are put up: 1 to 32 bytes.
    #[n(4)]
    pub asset: String,
    /// The first identities.
    #[n(5)]
    pub endowments: Vec<Endowment>,
    /// The first guardians.
    #[n(6)]
    pub founders: Vec<Founder>,
    /// The keys that guardians make together.
    #[n(7)]
    pub keys: Vec<KeySpec>,
}

impl Wire for Genesis {
    const SIZE_MAX: usize = 1 << 20;
}

impl Genesis {
    /// The network's id: the hash of the canonical bytes.
    pub fn network(&self) -> NetworkId {
        NetworkId(hash::tagged("allod/ledger/genesis", &[&allod_wire::encode(self)]))
    }

    /// Checks what the state machine relies on.
    ///
    /// # Errors
    /// [`Error::BadGenesis`] with the part at fault.
    pub fn check(&self) -> Result<(), Error> {
        let p = &self.parameters;
        let rules: [(bool, &'static str); 10] = [
            ((1..=32).contains(&self.name.chars().count()), "the name"),
            (is_label(&self.asset, ASSET_NAME_MAX), "the asset's name"),
            ((1..=GUARDIANS_MAX).contains(&self.founders.len()), "the number of guardians"),
            (p.epoch_heights >= 2, "the length of an epoch"),
            ((1..=MEMBERS_MAX).contains(&usize::from(p.committee_max)), "the committee's size"),
            (p.checkpoint_every >= 1, "the checkpoints' distance"),
            (p.beacon_period_ms >= 1, "the beacon's period"),
            (p.reward_permille < 1000, "the reward: all of a bond"),
            (p.allowance_max >= 1 && p.allowance_ms >= 1, "the allowance"),
            (p.stamp_bits <= 64, "the work of a stamp"),
        ];
        match rules.iter().find(|(holds, _)| !holds) {
            Some((_, part)) => Err(Error::BadGenesis { part }),
            None => Ok(()),
        }
    }
}
