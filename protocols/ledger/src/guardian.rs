//! The guardians: who they are, and what they stand to lose.

use alloc::string::String;
use alloc::vec::Vec;

use allod_crypto::hash;
use allod_did::Did;
use allod_wire::limits::ADDRESS_MAX;
use allod_wire::{GuardianId, Instant, NetworkId, Wire};
use minicbor::{Decode, Encode};

use crate::draft::{Draft, Values};
use crate::label::is_label;
use crate::record::Record;
use crate::window::Window;
use crate::{Error, Rejection};

/// Guardians that a network may have.
pub const GUARDIANS_MAX: usize = 256;

/// How often in an epoch a guardian may say something else of itself. It costs nothing
/// but the bond, which a candidate has put up too, whom nobody has let in.
pub const RESTATEMENTS_MAX: u32 = 4;

/// Bytes of a label.
const LABEL_MAX: usize = 64;

/// Where a guardian is and what it says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Terms {
    /// Where other guardians reach it: host and port.
    #[n(0)]
    pub peers: String,
    /// Where people reach it: a URL.
    #[n(1)]
    pub service: String,
    /// Who runs it, as a label: of one operator only so many are drawn into a
    /// committee. Nobody checks it but those who bond and watch.
    #[n(2)]
    pub operator: String,
    /// Whose law it is under, as a label.
    #[n(3)]
    pub jurisdiction: String,
}

impl Terms {
    /// # Errors
    /// [`Rejection::BadTerms`].
    pub(crate) fn check(&self) -> Result<(), Rejection> {
        let good = is_label(&self.peers, ADDRESS_MAX)
            && is_label(&self.service, ADDRESS_MAX)
            && is_label(&self.operator, LABEL_MAX)
            && is_label(&self.jurisdiction, LABEL_MAX);
        if good { Ok(()) } else { Err(Rejection::BadTerms) }
    }
}

/// Where a guardian stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Standing {
    /// It votes and holds shares, or will from the next epoch on.
    #[n(0)]
    Active,
    /// It left, or is about to at the end of the epoch.
    #[n(1)]
    Left {
        /// When.
        #[n(0)]
        at: Instant,
    },
    /// A fault of its was proven.
    #[n(2)]
    Evicted {
        /// When.
        #[n(0)]
        at: Instant,
        /// For what.
        #[n(1)]
        fault: Fault,
    },
    /// It put up a bond and waits for the others to admit it: it has no vote and no
    /// share, and is not drawn.
    #[n(3)]
    Candidate,
}

/// What a guardian was evicted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Fault {
    /// It signed two votes of which an honest guardian signs one.
    #[n(0)]
    Equivocation,
    /// It signed two answers of which one is wrong, or one that is.
    #[n(1)]
    FalseAnswer,
    /// Its share is known to somebody else.
    #[n(2)]
    ShareKnown,
}

/// A guardian.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Guardian {
    /// Who answers for it, and has the bond back.
    #[n(0)]
    pub operator: Did,
    /// Where it is and what it says of itself.
    #[n(1)]
    pub terms: Terms,
    /// What it stands to lose, in units of the network's first asset.
    #[n(2)]
    pub bond: u64,
    /// Where it stands.
    #[n(3)]
    pub standing: Standing,
    /// Which numbers it has used.
    #[n(4)]
    window: Window,
    /// The epoch in which it last vouched for somebody, and how often.
    #[n(5)]
    sponsored: (u64, u32),
    /// The first round of the beacon that nobody knew when it joined, or, once it was
    /// admitted, when it was. A guardian's key, or the moment of its admission, could
    /// be chosen so that it is drawn by what was known before.
    #[n(6)]
    pub since_round: u64,
    /// The epoch in which it last said anew what it says of itself, and how often.
    #[n(7)]
    restated: (u64, u32),
}

impl Record for Guardian {
    type Id = GuardianId;
    const KIND: &'static str = "guardian";
}

impl Wire for Guardian {
    const SIZE_MAX: usize = 1024;
}

/// All guardians that are active, candidates or hold a bond, in ascending order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct Roster(#[n(0)] pub Vec<GuardianId>);

impl Record for Roster {
    type Id = ();
    const KIND: &'static str = "roster";
}

impl Wire for Roster {
    const SIZE_MAX: usize = 8 + GUARDIANS_MAX * 34;
}

impl Guardian {
    /// One that is active.
    pub(crate) fn new(operator: Did, terms: Terms, bond: u64, since_round: u64) -> Self {
        let (standing, window) = (Standing::Active, Window::default());
        Self { operator, terms, bond, standing, window, sponsored: (0, 0), since_round, restated: (0, 0) }
    }

    /// One that waits to be admitted.
    pub(crate) fn candidate(operator: Did, terms: Terms, bond: u64, since_round: u64) -> Self {
        Self { standing: Standing::Candidate, ..Self::new(operator, terms, bond, since_round) }
    }

    /// Whether the ledger still takes its word: it has not been evicted, and has
    /// not taken its bond back. Who left still deals for those who come after, and a
    /// candidate says where it is.
    pub(crate) fn has_a_say(&self) -> bool {
        self.bond > 0 && !matches!(self.standing, Standing::Evicted { .. })
    }

    /// Whether it may act as a guardian.
    pub fn is_active(&self) -> bool {
        self.standing == Standing::Active
    }

    /// Whether it waits to be admitted.
    pub fn is_candidate(&self) -> bool {
        self.standing == Standing::Candidate
    }

    /// The number that it should give its next operation.
    pub fn next_nonce(&self) -> u64 {
        self.window.next()
    }

    pub(crate) fn take_nonce(&mut self, nonce: u64) -> bool {
        self.window.take(nonce)
    }

    /// Counts one more identity that it vouched for; tells whether its quota
    /// allows that.
    pub(crate) fn sponsor(&mut self, epoch: u64, quota: u32) -> bool {
        count(&mut self.sponsored, epoch, quota)
    }

    /// Counts that it says something else of itself; tells whether it may in this epoch.
    pub(crate) fn restate(&mut self, epoch: u64) -> bool {
        count(&mut self.restated, epoch, RESTATEMENTS_MAX)
    }
}

/// Counts one more in `epoch`, if fewer than `quota` were counted in it.
fn count((last, times): &mut (u64, u32), epoch: u64, quota: u32) -> bool {
    if *last != epoch {
        (*last, *times) = (epoch, 0);
    }
    let allowed = *times < quota;
    *times += u32::from(allowed);
    allowed
}

/// What a guardian signs when it joins under `operator`.
pub fn joining(network: &NetworkId, operator: &Did, terms: &Terms, bond: u64) -> [u8; 32] {
    hash::tagged(
        "allod/ledger/joining",
        &[network.as_bytes(), operator.as_bytes(), &bond.to_be_bytes(), &allod_wire::encode(terms)],
    )
}

/// The guardians that are active, in ascending order.
pub(crate) fn active<V: Values + ?Sized>(draft: &Draft<'_, V>) -> Result<Vec<(GuardianId, Guardian)>, Error> {
    let mut active = Vec::new();
    for id in draft.expect::<Roster>(&())?.0 {
        let guardian = draft.expect::<Guardian>(&id)?;
        if guardian.is_active() {
            active.push((id, guardian));
        }
    }
    Ok(active)
}
