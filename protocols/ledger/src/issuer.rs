//! Who issues credentials, and which are revoked.
//!
//! The ledger keeps of an issuer what a verifier needs offline: its key, and the
//! root of its newest list. It judges neither.

use alloc::string::String;
use alloc::vec::Vec;

use allod_did::Did;
use allod_wire::{Instant, Wire};
use minicbor::{Decode, Encode};

use crate::Rejection;
use crate::context::Context;
use crate::draft::{Draft, Stop, Values};
use crate::label::is_label;
use crate::record::Record;

/// Bytes of an issuer's key.
const KEY_MAX: usize = 256;
/// Bytes of a label.
const LABEL_MAX: usize = 64;
/// Bytes of the address where a list can be fetched.
const SOURCE_MAX: usize = 255;

/// What an issuer says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct IssuerTerms {
    /// What people call it.
    #[n(0)]
    pub label: String,
    /// Which kind of credentials it issues.
    #[n(1)]
    pub class: String,
    /// The key with which it signs them, in that kind's own form.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub key: Vec<u8>,
}

/// An issuer.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Issuer {
    /// What it says of itself.
    #[n(0)]
    pub terms: IssuerTerms,
    /// When it said so.
    #[n(1)]
    pub at: Instant,
    /// How often it changed that, from 1.
    #[n(2)]
    pub version: u32,
}

impl Record for Issuer {
    type Id = Did;
    const KIND: &'static str = "issuer";
}

impl Wire for Issuer {
    const SIZE_MAX: usize = 64 + KEY_MAX + 2 * LABEL_MAX;
}

/// Which credentials of an issuer are revoked, under one hash.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RevocationList {
    /// The number of this list: each is higher than the one before.
    #[n(0)]
    pub number: u64,
    /// The root or hash of the list.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub root: [u8; 32],
    /// Where the list itself can be fetched.
    #[n(2)]
    pub source: String,
}

/// An issuer's newest list.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Revocations {
    /// The list.
    #[n(0)]
    pub list: RevocationList,
    /// Since when it is here.
    #[n(1)]
    pub at: Instant,
}

impl Record for Revocations {
    type Id = Did;
    const KIND: &'static str = "revocations";
}

impl Wire for Revocations {
    const SIZE_MAX: usize = 96 + SOURCE_MAX;
}

/// [`crate::Action::DeclareIssuer`].
pub(crate) fn declare<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    context: &Context,
    author: Did,
    terms: &IssuerTerms,
) -> Result<(), Stop> {
    let good = is_label(&terms.label, LABEL_MAX)
        && is_label(&terms.class, LABEL_MAX)
        && (1..=KEY_MAX).contains(&terms.key.len());
    if !good {
        return Err(Rejection::BadTerms.into());
    }
    let version = draft.find::<Issuer>(&author)?.map_or(1, |before| before.version.saturating_add(1));
    draft.put(&author, &Issuer { terms: terms.clone(), at: context.at, version });
    Ok(())
}

/// [`crate::Action::Revoke`].
pub(crate) fn revoke<V: Values + ?Sized>(
    draft: &mut Draft<'_, V>,
    context: &Context,
    author: Did,
    list: &RevocationList,
) -> Result<(), Stop> {
    draft.find::<Issuer>(&author)?.ok_or(Rejection::NoIssuer)?;
    if list.source.len() > SOURCE_MAX {
        return Err(Rejection::BadTerms.into());
    }
    if draft.find::<Revocations>(&author)?.is_some_and(|before| list.number <= before.list.number) {
        return Err(Rejection::OldList.into());
    }
    draft.put(&author, &Revocations { list: list.clone(), at: context.at });
    Ok(())
}
