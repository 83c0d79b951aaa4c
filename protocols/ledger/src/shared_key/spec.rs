//! What a shared key is, and how guardians agree on one.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use allod_crypto::hash;
use allod_threshold::GroupName;
use allod_wire::GuardianId;
use minicbor::decode::{Decoder, Error as DecodeError};
use minicbor::{Decode, Encode};

use super::{KEYS_MAX, Keys, SharedKey, word_to_wait_for};
use crate::Rejection;
use crate::context::Context;
use crate::draft::{Draft, Stop, Values};
use crate::record::Identifier;
use crate::voting::{self, Kind};

/// The name of the key that signs checkpoints and the beacon.
pub const NETWORK_KEY: &str = "network";

/// Bytes of a key's name.
const KEY_NAME_MAX: usize = 32;

/// A shared key's name: 1 to 32 of the characters a-z, 0-9, '-', '/' and '.'.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode)]
#[cbor(transparent)]
pub struct KeyName(#[n(0)] String);

impl KeyName {
    /// The name that `text` is.
    ///
    /// # Errors
    /// [`Rejection::BadKey`].
    pub fn new(text: &str) -> Result<Self, Rejection> {
        let allowed = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'/' | b'.')
        };
        let good = (1..=KEY_NAME_MAX).contains(&text.len()) && text.bytes().all(allowed);
        if good { Ok(Self(text.into())) } else { Err(Rejection::BadKey) }
    }

    /// The name of the network's key.
    pub fn network() -> Self {
        Self(NETWORK_KEY.into())
    }

    /// The name's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'b, C> Decode<'b, C> for KeyName {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        Self::new(d.str()?).map_err(|_| DecodeError::message("not a key's name"))
    }
}

impl Identifier for KeyName {
    fn bytes(&self) -> Vec<u8> {
        self.0.as_bytes().to_vec()
    }
}

/// What a shared key is, and who may hold it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct KeySpec {
    /// Its name.
    #[n(0)]
    pub name: KeyName,
    /// Its group.
    #[cbor(n(1), with = "group_code")]
    pub group: GroupName,
    /// How many guardians hold a share, where there are so many.
    #[n(2)]
    pub size: u16,
    /// How many of them are needed.
    #[n(3)]
    pub threshold: u16,
    /// Holders that one operator may run; 0 for any number.
    #[n(4)]
    pub per_operator: u16,
    /// Holders under one jurisdiction; 0 for any number.
    #[n(5)]
    pub per_jurisdiction: u16,
    /// A key none of whose holders may hold this one: what both evaluate is
    /// added, and nobody sees both.
    #[n(6)]
    pub apart_from: Option<KeyName>,
}

/// The fewest members with whom a threshold can be kept: even if a third less
/// one of them fail, enough are left.
pub(super) fn quorum(members: usize) -> usize {
    members - members.saturating_sub(1) / 3
}

impl KeySpec {
    /// # Errors
    /// [`Rejection::BadKey`].
    pub(crate) fn check(&self) -> Result<(), Rejection> {
        let size = usize::from(self.size);
        let threshold = usize::from(self.threshold);
        let good = (1..=allod_threshold::dealing::RECEIVERS_MAX).contains(&size)
            && threshold >= 1
            && threshold <= quorum(size)
            // More than half, or two groups of holders could each have the key.
            && threshold * 2 > size
            && self.apart_from.as_ref() != Some(&self.name)
            && (self.name.as_str() != NETWORK_KEY || self.group == GroupName::Bls12381G2);
        if good { Ok(()) } else { Err(Rejection::BadKey) }
    }
}

/// [`crate::Action::Approve`].
pub(crate) fn approve<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    context: &Context,
    author: GuardianId,
    spec: &KeySpec,
) -> Result<(), Stop> {
    spec.check()?;
    let id = hash::tagged("allod/ledger/proposal", &[&allod_wire::encode(spec)]);
    let current: Option<SharedKey> = draft.find(&spec.name)?;
    if let Some(key) = &current {
        // The group cannot change: the key would be another one.
        if key.spec.group != spec.group {
            return Err(Rejection::BadKey.into());
        }
        if key.spec == *spec {
            return Err(Rejection::NothingNew.into());
        }
    }
    if voting::vote(draft, &author, Kind::Key, &id)? {
        let word = word_to_wait_for(draft, context)?;
        establish(draft, spec, current, word)?;
    }
    Ok(())
}

/// Puts a decision into effect: the next session, drawn by the beacon's round `word`
/// or a later one, makes it true.
pub(crate) fn establish<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    spec: &KeySpec,
    current: Option<SharedKey>,
    word: u64,
) -> Result<(), Stop> {
    let key = match current {
        Some(key) => SharedKey { spec: spec.clone(), due: true, word, ..key },
        None => {
            let mut keys: Keys = draft.expect(&())?;
            if keys.0.len() >= KEYS_MAX {
                return Err(Rejection::BadKey.into());
            }
            if let Err(place) = keys.0.binary_search(&spec.name) {
                keys.0.insert(place, spec.name.clone());
            }
            draft.put(&(), &keys);
            SharedKey {
                spec: spec.clone(),
                generation: None,
                ceremony: None,
                sessions: 0,
                absent: Vec::new(),
                dealt: Vec::new(),
                due: true,
                word,
                not_before: allod_wire::Instant(0),
            }
        }
    };
    draft.put(&spec.name, &key);
    Ok(())
}

/// A group's name as its number.
mod group_code {
    use allod_threshold::GroupName;
    use minicbor::decode::{Decoder, Error as DecodeError};
    use minicbor::encode::{Encoder, Error as EncodeError, Write};

    pub(super) fn encode<C, W: Write>(
        group: &GroupName,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        e.u8(group.code())?.ok()
    }

    pub(super) fn decode<C>(d: &mut Decoder<'_>, _: &mut C) -> Result<GroupName, DecodeError> {
        GroupName::from_code(d.u8()?).ok_or_else(|| DecodeError::message("not a group"))
    }
}
