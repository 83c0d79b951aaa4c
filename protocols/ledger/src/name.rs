//! Names: short words that one identity holds for a time.
//!
//! A name is announced by a commitment before it is told, so that nobody who
//! sees it on its way can register it first. After its end the owner has a time
//! of grace; then it is free again.

use alloc::string::String;
use core::fmt;

use allod_crypto::hash;
use allod_did::Did;
use allod_wire::{Instant, Wire};
use minicbor::decode::{Decoder, Error as DecodeError};
use minicbor::{Decode, Encode};

use crate::Rejection;
use crate::context::Context;
use crate::draft::{Draft, Stop, Values};
use crate::record::{Identifier, Record};

/// Bytes of the longest name.
pub const NAME_MAX: usize = 63;

/// A name: 3 to 63 of the characters a-z, 0-9 and '-', the latter neither first
/// nor last nor twice in a row. No two names look alike more than these do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode)]
#[cbor(transparent)]
pub struct Name(#[n(0)] String);

impl Name {
    /// The name that `text` is.
    ///
    /// # Errors
    /// [`Rejection::BadName`].
    pub fn new(text: &str) -> Result<Self, Rejection> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let good = (3..=NAME_MAX).contains(&text.len())
            && text.bytes().all(allowed)
            && !text.starts_with('-')
            && !text.ends_with('-')
            && !text.contains("--");
        if good { Ok(Self(text.into())) } else { Err(Rejection::BadName) }
    }

    /// The name's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'b, C> Decode<'b, C> for Name {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        Self::new(d.str()?).map_err(|_| DecodeError::message("not a name"))
    }
}

impl Identifier for Name {
    fn bytes(&self) -> alloc::vec::Vec<u8> {
        self.0.as_bytes().to_vec()
    }
}

/// A name that somebody holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct NameRecord {
    /// Who; nobody while it is locked or offered.
    #[n(0)]
    pub owner: Option<Did>,
    /// Until when.
    #[n(1)]
    pub until: Instant,
    /// Which lock or offer it is set aside by. A lock that outlived the name must
    /// not touch what somebody else registered since.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub aside: Option<[u8; 32]>,
}

impl Record for NameRecord {
    type Id = Name;
    const KIND: &'static str = "name";
}

impl Wire for NameRecord {
    const SIZE_MAX: usize = 96;
}

/// An announcement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Commitment {
    /// At which height it was made.
    #[n(0)]
    height: u64,
    /// When.
    #[n(1)]
    at: Instant,
}

impl Record for Commitment {
    type Id = [u8; 32];
    const KIND: &'static str = "name's commitment";
}

impl Wire for Commitment {
    const SIZE_MAX: usize = 32;
}

/// What is announced before a name is registered. The salt is 32 random bytes,
/// without which a short name could be guessed.
pub fn commitment(name: &Name, owner: &Did, salt: &[u8; 32]) -> [u8; 32] {
    hash::tagged("allod/ledger/name", &[owner.as_bytes(), salt, name.as_str().as_bytes()])
}

/// [`crate::Action::CommitName`].
pub(crate) fn commit<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    context: &Context,
    commitment: &[u8; 32],
) -> Result<(), Stop> {
    // One that is still good stays as it is, or its age could be set back.
    if let Some(earlier) = draft.find::<Commitment>(commitment)?
        && !is_stale(&earlier, context)
    {
        return Err(Rejection::CommitmentPresent.into());
    }
    draft.put(commitment, &Commitment { height: context.height, at: context.at });
    Ok(())
}

fn is_stale(commitment: &Commitment, context: &Context) -> bool {
    context.at.ms_since(commitment.at) > context.rules.name_commit_ms
}

/// [`crate::Action::RegisterName`].
pub(crate) fn register<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    context: &Context,
    owner: Did,
    name: &Name,
    salt: &[u8; 32],
    until: Instant,
) -> Result<(), Stop> {
    let id = commitment(name, &owner, salt);
    let committed = draft.find::<Commitment>(&id)?.ok_or(Rejection::NotCommitted)?;
    if is_stale(&committed, context) {
        return Err(Rejection::CommitmentOver.into());
    }
    if context.height < committed.height.saturating_add(context.rules.name_age_heights) {
        return Err(Rejection::CommitmentTooYoung.into());
    }
    if let Some(held) = draft.find::<NameRecord>(name)?
        && context.at <= held.until.plus_ms(context.rules.name_grace_ms)
    {
        return Err(Rejection::NameTaken.into());
    }
    check_term(context, until)?;
    draft.remove::<Commitment>(&id);
    draft.put(name, &NameRecord { owner: Some(owner), until, aside: None });
    Ok(())
}

/// [`crate::Action::RenewName`].
pub(crate) fn renew<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    context: &Context,
    owner: Did,
    name: &Name,
    until: Instant,
) -> Result<(), Stop> {
    let mut held = draft.find::<NameRecord>(name)?.ok_or(Rejection::NoName)?;
    if held.owner != Some(owner) {
        return Err(Rejection::NotYours.into());
    }
    if context.at > held.until.plus_ms(context.rules.name_grace_ms) {
        return Err(Rejection::NameOver.into());
    }
    if until <= held.until {
        return Err(Rejection::BadTerm.into());
    }
    check_term(context, until)?;
    held.until = until;
    draft.put(name, &held);
    Ok(())
}

/// A name is held from now on for a time that the network allows.
fn check_term(context: &Context, until: Instant) -> Result<(), Rejection> {
    let longest = context.at.plus_ms(context.rules.name_term_max_ms);
    if until > context.at && until <= longest { Ok(()) } else { Err(Rejection::BadTerm) }
}
