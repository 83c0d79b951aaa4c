//! Heads: the newest state of something that is kept elsewhere, such as a vault, as its
//! owner says. Whoever has an older state can be shown that there was a newer one.
//!
//! The ledger does not know what it is. An owner who wants nobody to know it either names it by
//! something that nobody else can compute.

use allod_did::Did;
use allod_wire::{Instant, Wire};
use minicbor::{Decode, Encode};

use crate::Rejection;
use crate::context::Context;
use crate::draft::{Draft, Stop, Values};
use crate::record::Record;

/// The newest state of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Head {
    /// The number of the state: each is higher than the one before.
    #[n(0)]
    pub number: u64,
    /// The state's hash.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub hash: [u8; 32],
    /// Since when it is here.
    #[n(2)]
    pub at: Instant,
}

impl Record for Head {
    /// Whose, and what it is the state of.
    type Id = (Did, [u8; 32]);
    const KIND: &'static str = "head";
}

impl Wire for Head {
    const SIZE_MAX: usize = 64;
}

/// [`crate::Action::Tell`].
pub(crate) fn tell<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    context: &Context,
    author: Did,
    of: &[u8; 32],
    number: u64,
    hash: &[u8; 32],
) -> Result<(), Stop> {
    let id = (author, *of);
    if draft.find::<Head>(&id)?.is_some_and(|before| number <= before.number) {
        return Err(Rejection::OldHead.into());
    }
    draft.put(&id, &Head { number, hash: *hash, at: context.at });
    Ok(())
}
