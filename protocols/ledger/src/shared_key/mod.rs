//! Keys that guardians hold together, how they are made, and how they are handed
//! on.
//!
//! Roles: the guardians of the next sharing (members), drawn by the beacon; the
//! dealers: the members themselves for a new key, the holders so far for one that
//! is handed on; and the ledger, which is the channel that everybody reads in the
//! same order, and checks all that is public.
//!
//! Flow, each phase until its time is over or everybody has spoken:
//! 1. *Announcing*: each member tells an encryption key made for this session.
//!    Who does not is left out; if too few do, the session is given up.
//! 2. *Dealing*: each dealer posts a dealing ([`allod_threshold::dealing`]).
//! 3. *Verifying*: a member who cannot open a dealing posts a complaint, which
//!    either disqualifies the dealer or is refused. A member for whom all dealings
//!    that are left are good says that it is ready.
//! 4. The dealings that are left at that height are the qualified ones. If they
//!    and the ready members suffice, the ledger computes the outcome, and the new
//!    sharing is in force from this height on. Otherwise the session is given up,
//!    the old sharing stays in force, and another attempt follows without those
//!    who were absent.
//!
//! A session begins with a word of the beacon that nobody could know when it became
//! due. One that failed is tried again without waiting for another word.
//!
//! A session that fails costs nothing but time: nobody forgets an old share
//! before the new sharing is in force. Holders forget it then, and members
//! forget the key of the session.

mod advance;
mod ceremony;
mod outcome;
mod spec;

use alloc::vec::Vec;

use allod_wire::{GuardianId, Instant, SessionId, Wire};
use minicbor::{Decode, Encode};

pub(crate) use advance::advance;
pub use ceremony::{Ceremony, Dealt, Member, Phase};
pub(crate) use ceremony::{announce, complain, deal, ready};
pub(crate) use outcome::knows_share;
pub use outcome::{share_context, sharing_terms, terms};
pub use spec::{KeyName, KeySpec, NETWORK_KEY};
pub(crate) use spec::{approve, establish};

use crate::context::Context;
use crate::draft::{Draft, Stop, Values};
use crate::guardian::GUARDIANS_MAX;
use crate::record::{Identifier, Record};
use crate::{Error, NetworkKey, beacon};

/// Keys that a network may have.
pub const KEYS_MAX: usize = 64;

/// A shared key.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SharedKey {
    /// What it is, and who may hold it.
    #[n(0)]
    pub spec: KeySpec,
    /// The generation of the sharing in force; none before the first.
    #[n(1)]
    pub generation: Option<u32>,
    /// The session under way.
    #[n(2)]
    pub ceremony: Option<Ceremony>,
    /// How many sessions there were, those included that did not begin because
    /// too few guardians were drawn.
    #[n(3)]
    pub sessions: u32,
    /// Members who were absent from the session before.
    #[n(4)]
    pub absent: Vec<GuardianId>,
    /// The dealers of the session that made the sharing in force. Their dealings
    /// stay as long as the sharing is in force, for members who come late.
    #[n(7)]
    pub dealt: Vec<u16>,
    /// Whether the next session should begin,
    #[n(5)]
    pub due: bool,
    /// with the beacon's word of this round or a later one. Nobody could know it
    /// when the session became due, so nobody had it begin because of whom it would
    /// draw. 0 if the network had no key then.
    #[n(8)]
    pub word: u64,
    /// Not before this time: after a session that failed.
    #[n(6)]
    pub not_before: Instant,
}

impl SharedKey {
    /// Has the next session begin with the beacon's word of round `word`.
    fn call(&mut self, word: u64) {
        self.due = true;
        self.word = word;
    }
}

impl Record for SharedKey {
    type Id = KeyName;
    const KIND: &'static str = "shared key";
}

impl Wire for SharedKey {
    const SIZE_MAX: usize = 1024 + GUARDIANS_MAX * 128;
}

/// All shared keys, in ascending order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct Keys(#[n(0)] pub Vec<KeyName>);

impl Record for Keys {
    type Id = ();
    const KIND: &'static str = "list of shared keys";
}

impl Wire for Keys {
    const SIZE_MAX: usize = 8 + KEYS_MAX * 40;
}

/// One who holds a share.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Holder {
    /// The share's index.
    #[n(0)]
    pub index: u16,
    /// Who.
    #[n(1)]
    pub guardian: GuardianId,
    /// The share times the group's generator.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub public_share: Vec<u8>,
    /// The key to which its shares of the dealings were encrypted, so that a
    /// holder who comes late can still open them.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub key: [u8; 32],
}

/// One generation of a key's shares.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Sharing {
    /// The key's public counterpart, the same in all generations.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub public_key: Vec<u8>,
    /// Shares that give the key back.
    #[n(1)]
    pub threshold: u16,
    /// Who holds a share, by ascending index.
    #[n(2)]
    pub holders: Vec<Holder>,
    /// The session in which it was made.
    #[n(3)]
    pub session: SessionId,
    /// The dealers whose dealings count, ascending.
    #[n(4)]
    pub dealers: Vec<u16>,
    /// Since which height it is in force.
    #[n(5)]
    pub since: u64,
}

impl Sharing {
    /// The holder that is this guardian.
    pub fn holder(&self, guardian: &GuardianId) -> Option<&Holder> {
        self.holders.iter().find(|holder| holder.guardian == *guardian)
    }
}

impl Record for Sharing {
    type Id = (KeyName, u32);
    const KIND: &'static str = "sharing";
}

impl Wire for Sharing {
    const SIZE_MAX: usize = 1024 + GUARDIANS_MAX * 200;
}

/// The generation has a fixed length, so where the name ends is known.
impl Identifier for (KeyName, u32) {
    fn bytes(&self) -> Vec<u8> {
        [self.1.to_be_bytes().as_slice(), self.0.as_str().as_bytes()].concat()
    }
}

/// The network's key, if its guardians have made it.
pub(crate) fn network_key<V: Values + ?Sized>(draft: &Draft<'_, V>) -> Result<Option<NetworkKey>, Error> {
    let Some(key) = draft.find::<SharedKey>(&KeyName::network())? else {
        return Ok(None);
    };
    sharing(draft, &key)?.map(|(_, sharing)| NetworkKey::decode(&sharing.public_key)).transpose()
}

/// The round of the beacon that has to be waited for by what is to be drawn and
/// becomes due now. As long as the network has no key, nothing can be waited for.
pub(crate) fn word_to_wait_for<V: Values + ?Sized>(
    draft: &Draft<'_, V>,
    context: &Context,
) -> Result<u64, Error> {
    let network: Option<SharedKey> = draft.find(&KeyName::network())?;
    let has_key = network.is_some_and(|key| key.generation.is_some());
    Ok(if has_key { beacon::unknown_at(context.genesis, &context.rules, context.at) } else { 0 })
}

/// The sharing of `key` that is in force.
pub(crate) fn sharing<V: Values + ?Sized>(
    draft: &Draft<'_, V>,
    key: &SharedKey,
) -> Result<Option<(u32, Sharing)>, Error> {
    match key.generation {
        Some(generation) => {
            Ok(Some((generation, draft.expect::<Sharing>(&(key.spec.name.clone(), generation))?)))
        }
        None => Ok(None),
    }
}

/// Has every key handed on in which `guardian` has a part: it left, or was
/// evicted, and then a session in which it takes part is given up too. What was
/// given up is drawn by a later word: else whoever can have a guardian of theirs
/// evicted could look whether the next draw suits them better.
pub(crate) fn hand_over_from<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    context: &Context,
    guardian: &GuardianId,
    evicted: bool,
) -> Result<(), Stop> {
    let word = word_to_wait_for(draft, context)?;
    for name in draft.expect::<Keys>(&())?.0 {
        let mut key: SharedKey = draft.expect(&name)?;
        let holds = sharing(draft, &key)?.is_some_and(|(_, sharing)| sharing.holder(guardian).is_some());
        let takes_part = key.ceremony.as_ref().is_some_and(|ceremony| ceremony.has(guardian));
        let is_over = evicted && (takes_part || holds && key.ceremony.is_some());
        if is_over {
            advance::give_up(draft, &mut key)?;
        }
        if is_over || (holds || takes_part) && !key.due {
            key.call(word);
        }
        draft.put(&name, &key);
    }
    Ok(())
}

/// Whether `guardian` holds a share that counts, or is about to.
pub(crate) fn holds_shares<V: Values + ?Sized>(
    draft: &Draft<'_, V>,
    guardian: &GuardianId,
) -> Result<bool, Error> {
    for name in draft.expect::<Keys>(&())?.0 {
        let key: SharedKey = draft.expect(&name)?;
        let holds = sharing(draft, &key)?.is_some_and(|(_, sharing)| sharing.holder(guardian).is_some());
        if holds || key.ceremony.is_some_and(|ceremony| ceremony.has(guardian)) {
            return Ok(true);
        }
    }
    Ok(false)
}
