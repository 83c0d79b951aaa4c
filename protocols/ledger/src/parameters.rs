//! The rules of a network.

use allod_wire::Wire;
use minicbor::{Decode, Encode};

use crate::record::Record;

/// The network's rules. They are the same for its whole life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Parameters {
    /// Heights of a consensus epoch; the committee changes between epochs.
    #[n(0)]
    pub epoch_heights: u64,
    /// Guardians that vote in one epoch: 1 to [`crate::committee::MEMBERS_MAX`].
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
    /// Of a bond that is lost because somebody else knows the share, the thousandths
    /// that go to who does. The rest is destroyed, so that betraying oneself never
    /// pays; of a bond that is lost for a lie, all is.
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
