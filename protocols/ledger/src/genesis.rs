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

use crate::asset::{ASSET_NAME_MAX, is_label};
use crate::guardian::Terms;
use crate::shared_key::KeySpec;
use crate::{Error, record::Record};

/// Guardians that a network may have.
pub const GUARDIANS_MAX: usize = 256;

/// The network's rules. They are the same for its whole life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Parameters {
    /// Heights of a consensus epoch; the committee changes between epochs.
    #[n(0)]
    pub epoch_heights: u64,
    /// Guardians that vote in one epoch.
    #[n(1)]
    pub committee_max: u16,
    /// A checkpoint is signed at every height divisible by this.
    #[n(2)]
    pub checkpoint_every: u64,
    /// Milliseconds between the beacon's rounds.
    #[n(3)]
    pub beacon_period_ms: u64,
    /// Milliseconds of each phase in which a shared key is made or handed over.
    #[n(4)]
    pub phase_ms: u64,
    /// Heights that each phase has at least, however fast blocks come.
    #[n(5)]
    pub phase_heights: u64,
    /// Epochs after which every shared key is handed over, though nobody left.
    #[n(6)]
    pub reshare_epochs: u64,
    /// Milliseconds from leaving until a bond may be taken back.
    #[n(7)]
    pub unbond_ms: u64,
    /// The least that a guardian puts up, in units of the network's first asset.
    #[n(8)]
    pub bond_min: u64,
    /// Of a bond that is lost, the thousandths that go to whoever proved the
    /// fault. The rest is destroyed, so that betraying oneself never pays.
    #[n(9)]
    pub reward_permille: u16,
    /// Heights that a commitment to a name must be old before the name is told.
    #[n(10)]
    pub name_age_heights: u64,
    /// Milliseconds after which a commitment to a name has no effect any more.
    #[n(11)]
    pub name_commit_ms: u64,
    /// The longest time for which a name can be held ahead, in milliseconds.
    #[n(12)]
    pub name_term_max_ms: u64,
    /// Milliseconds after a name's end in which only its owner may renew it.
    #[n(13)]
    pub name_grace_ms: u64,
    /// Milliseconds in which a device can object to what a root did alone.
    #[n(14)]
    pub recovery_ms: u64,
    /// Leading zero bits of the work that stands in for a sponsor.
    #[n(15)]
    pub stamp_bits: u8,
    /// Milliseconds for which an identity without a sponsor is new.
    #[n(16)]
    pub settle_ms: u64,
    /// Operations that an identity can save up.
    #[n(17)]
    pub allowance_max: u32,
    /// Milliseconds after which an identity may do one operation more.
    #[n(18)]
    pub allowance_ms: u64,
    /// Identities that a guardian may sponsor in one epoch.
    #[n(19)]
    pub sponsor_quota: u32,
    /// The longest time for which something may be locked, in milliseconds.
    #[n(20)]
    pub lock_max_ms: u64,
}

impl Record for Parameters {
    type Id = ();
    const KIND: &'static str = "parameters";
}

impl Wire for Parameters {
    const SIZE_MAX: usize = 256;
}

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
            (p.committee_max >= 1 && usize::from(p.committee_max) <= GUARDIANS_MAX, "the committee's size"),
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
