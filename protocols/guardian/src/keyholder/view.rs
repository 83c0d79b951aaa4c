//! What the ledger says of a key, as far as one guardian's part goes.

use alloc::vec::Vec;

use allod_threshold::dealing::Terms;
use allod_wire::{Instant, SessionId};

/// What the ledger says of a key.
#[derive(Clone, Debug)]
pub struct View {
    /// The time of the ledger's last block. From an old one is learnt what is in
    /// force; in a session takes part only who sees the ledger as it is now.
    pub at: Instant,
    /// How many sessions of the key there were, the one under way included. A
    /// ledger that is still catching up shows fewer than a record has seen.
    pub sessions: u32,
    /// The session under way.
    pub session: Option<Session>,
    /// The sharing in force.
    pub sharing: Option<Sharing>,
}

/// What a session waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The members' encryption keys.
    Announcing,
    /// The dealers' dealings.
    Dealing,
    /// The members' complaints, or their word that they are ready.
    Verifying,
}

/// A session under way.
#[derive(Clone, Debug)]
pub struct Session {
    /// Its name.
    pub id: SessionId,
    /// What it waits for.
    pub phase: Phase,
    /// This guardian's index, if it is to hold a share.
    pub index: Option<u16>,
    /// Whether its encryption key is on the ledger.
    pub announced: bool,
    /// Whether its word that it is ready is on the ledger.
    pub ready: bool,
    /// The index under which it is to deal, if it is.
    pub dealer: Option<u16>,
    /// Whether its dealing is on the ledger.
    pub dealt: bool,
    /// The generation that is handed on; none where the key is new.
    pub from: Option<u32>,
    /// The session's terms, once all encryption keys are there.
    pub terms: Option<Terms>,
    /// The dealings that stand, verified by the ledger. Needed when the session is
    /// verifying.
    pub dealings: Vec<(u16, Vec<u8>)>,
}

/// The sharing in force.
#[derive(Clone, Debug)]
pub struct Sharing {
    /// Which one, from 0.
    pub generation: u32,
    /// The session in which it was made.
    pub session: SessionId,
    /// This guardian's index, if it is to hold a share.
    pub index: Option<u16>,
    /// The terms of that session.
    pub terms: Terms,
    /// The sharing before; none where the key was new.
    pub handed_on: Option<PublicPart>,
    /// The dealings that count, while the ledger has them.
    pub dealings: Vec<(u16, Vec<u8>)>,
}

/// What everybody knows of a sharing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicPart {
    /// Shares that give the key back.
    pub threshold: u16,
    /// The key's public counterpart.
    pub public_key: Vec<u8>,
    /// The public counterpart of each share, behind its index.
    pub shares: Vec<(u16, Vec<u8>)>,
}
