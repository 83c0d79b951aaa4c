//! Who may open a file at a quorum, and not before when.

use alloc::vec::Vec;

use allod_did::Did;
use allod_threshold::answer::KEY_NAME_MAX;
use allod_wire::{Instant, NetworkId};
use minicbor::decode::{Decode, Decoder, Error as DecodeError};
use minicbor::encode::{Encode, Encoder, Error as EncodeError, Write};

use super::Error;

/// Identities that one policy may name.
pub const OPENERS_MAX: usize = 16;

/// Who may open, and not before when. Public.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Ascending.
    openers: Vec<Did>,
    after: Instant,
}

impl Policy {
    /// Each of `openers`, 1 to [`OPENERS_MAX`] of them, may open alone, once the
    /// ledger's time has reached `after`.
    ///
    /// # Errors
    /// [`Error::Openers`] for none, too many, or one that is there twice.
    pub fn new(mut openers: Vec<Did>, after: Instant) -> Result<Self, Error> {
        openers.sort_unstable();
        let policy = Self { openers, after };
        if policy.is_canonical() { Ok(policy) } else { Err(Error::Openers) }
    }

    /// Who may open, in ascending order.
    pub fn openers(&self) -> &[Did] {
        &self.openers
    }

    /// Not before this time of the ledger.
    pub fn after(&self) -> Instant {
        self.after
    }

    /// Whether `did` may open.
    pub fn names(&self, did: &Did) -> bool {
        self.openers.binary_search(did).is_ok()
    }

    /// The label under which a file key is encrypted: binds network, key and policy.
    pub(super) fn label(&self, network: &NetworkId, key: &str) -> Vec<u8> {
        allod_wire::encode(&Label { network, key, policy: self })
    }

    fn is_canonical(&self) -> bool {
        let ascending = self.openers.iter().zip(self.openers.iter().skip(1)).all(|(a, b)| a < b);
        ascending && (1..=OPENERS_MAX).contains(&self.openers.len())
    }
}

/// `[[did, ..], after]`.
impl<C> Encode<C> for Policy {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, ctx: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.array(2)?;
        self.openers.encode(e, ctx)?;
        e.encode(self.after)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Policy {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        if d.array()? != Some(2) {
            return Err(DecodeError::message("not a policy"));
        }
        let len = d.array()?.filter(|len| *len <= OPENERS_MAX as u64);
        let len = len.ok_or_else(|| DecodeError::message("too many openers"))?;
        let openers = (0..len).map(|_| d.decode()).collect::<Result<_, _>>()?;
        let policy = Self { openers, after: d.decode()? };
        if policy.is_canonical() { Ok(policy) } else { Err(DecodeError::message("openers out of order")) }
    }
}

struct Label<'a> {
    network: &'a NetworkId,
    key: &'a str,
    policy: &'a Policy,
}

/// `["allod/sealed/label", network, key, policy]`.
impl<C> Encode<C> for Label<'_> {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, ctx: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.array(4)?.str("allod/sealed/label")?.encode(self.network)?.str(self.key)?;
        self.policy.encode(e, ctx)
    }
}

/// A key's name, as formats have it.
pub(super) fn key_name<'b>(d: &mut Decoder<'b>) -> Result<&'b str, DecodeError> {
    let name = d.str()?;
    if name.len() <= KEY_NAME_MAX && super::is_for_sealing(name) {
        Ok(name)
    } else {
        Err(DecodeError::message("not the name of a key for sealing"))
    }
}
