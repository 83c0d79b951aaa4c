//! The signed head of a catalogue: what lets a peer replace a catalogue by a newer one of the
//! same person only, and lets the person tell which is the newest.
//!
//! `account (32) ‖ generation (8) ‖ made (8) ‖ size (4) ‖ hash of the sealed catalogue (32) ‖
//! signature (64)`, numbers little endian. The account's own key signs.

use alloc::vec::Vec;

use allod_crypto::hash::{blake3, tagged};
use allod_crypto::sign::{Signature, VerifyingKey};

use super::catalogue::Catalogue;
use super::error::Lie;
use super::keys::Account;

/// Bytes of a signed head.
pub const HEAD: usize = 32 + 8 + 8 + 4 + 32 + 64;

/// The most bytes of a sealed catalogue.
pub const CATALOGUE_MAX: usize = 64 << 20;

/// A head whose signature was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Whose catalogue it is.
    pub account: VerifyingKey,
    /// Higher for each newer catalogue.
    pub generation: u64,
    /// When it was made, in milliseconds since 1970, as the person's device said.
    pub made: u64,
    /// Bytes of the sealed catalogue.
    pub size: u32,
    /// BLAKE3 of the sealed catalogue.
    pub hash: [u8; 32],
}

impl Head {
    /// The signed head of a sealed catalogue, and the catalogue: what a peer keeps.
    pub fn sign(account: &Account, generation: u64, made: u64, sealed: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD + sealed.len());
        bytes.extend_from_slice(&account.id().0);
        bytes.extend_from_slice(&generation.to_le_bytes());
        bytes.extend_from_slice(&made.to_le_bytes());
        // A sealed catalogue has at most 64 MiB.
        bytes.extend_from_slice(&(sealed.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&blake3(sealed));
        let signature = account.key.sign(&signed_hash(&bytes));
        bytes.extend_from_slice(&signature.0);
        bytes.extend_from_slice(sealed);
        bytes
    }

    /// The head, and the sealed catalogue behind it, of the account with this key.
    ///
    /// # Errors
    /// [`Lie::Forged`], [`Lie::OtherAccount`], [`Lie::NoCatalogue`].
    pub fn check<'a>(account: &VerifyingKey, bytes: &'a [u8]) -> Result<(Self, &'a [u8]), Lie> {
        let (head, sealed) = bytes.split_first_chunk::<HEAD>().ok_or(Lie::Forged)?;
        let (body, signature) = head.split_last_chunk::<64>().ok_or(Lie::Forged)?;
        let mut rest = body;
        let head = Self {
            account: VerifyingKey(take(&mut rest)?),
            generation: u64::from_le_bytes(take(&mut rest)?),
            made: u64::from_le_bytes(take(&mut rest)?),
            size: u32::from_le_bytes(take(&mut rest)?),
            hash: take(&mut rest)?,
        };
        if head.account != *account {
            return Err(Lie::OtherAccount);
        }
        account.verify(&signed_hash(body), &Signature(*signature)).map_err(|_| Lie::Forged)?;
        if sealed.len() != head.size as usize || blake3(sealed) != head.hash {
            return Err(Lie::NoCatalogue);
        }
        Ok((head, sealed))
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], Lie> {
    let (taken, after) = rest.split_first_chunk::<N>().ok_or(Lie::Forged)?;
    *rest = after;
    Ok(*taken)
}

fn signed_hash(body: &[u8]) -> [u8; 32] {
    tagged("allod 2026 backup, head", &[body])
}

/// What a peer answered that was asked for the catalogue.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// The account that it was asked for.
    pub account: &'a Account,
    /// The number that the backup knows the peer by, where that is known beforehand.
    pub address: &'a str,
    /// A signed head and a sealed catalogue, if the peer is honest.
    pub bytes: &'a [u8],
}

/// The newest catalogue among several answers.
#[derive(Debug)]
pub struct Newest {
    /// It; nothing where no answer was good.
    pub catalogue: Option<Catalogue>,
    /// What each answer was, in their order: the generation of its catalogue, or a lie.
    pub answers: Vec<Result<u64, Lie>>,
}

/// Finds the newest catalogue. An answer that is older than what its peer had acknowledged,
/// by what the newest catalogue says, is a lie; one that is merely older is not: the peer may
/// have been away when newer ones were made.
pub fn newest(answers: &[Answer<'_>]) -> Newest {
    let checked: Vec<_> =
        answers.iter().map(|answer| Head::check(&answer.account.id(), answer.bytes)).collect();
    // The newest that opens, so that only few have to be opened.
    let mut order: Vec<usize> = (0..answers.len()).filter(|place| checked[*place].is_ok()).collect();
    order.sort_by_key(|place| core::cmp::Reverse(checked[*place].map_or(0, |(head, _)| head.generation)));
    let mut shown: Vec<Result<u64, Lie>> =
        checked.iter().map(|checked| checked.map(|(head, _)| head.generation)).collect();
    let mut catalogue: Option<Catalogue> = None;
    for place in order {
        let (Some(answer), Some(Ok((head, sealed)))) = (answers.get(place), checked.get(place)) else {
            continue;
        };
        match Catalogue::open(answer.account, sealed) {
            Ok(opened) if opened.generation == head.generation => {
                catalogue = Some(opened);
                break;
            }
            _ => shown[place] = Err(Lie::Unreadable),
        }
    }
    if let Some(catalogue) = &catalogue {
        for (answer, shown) in answers.iter().zip(&mut shown) {
            let Ok(generation) = *shown else { continue };
            let peer = catalogue.peers.iter().find(|peer| peer.address == answer.address);
            let acknowledged = peer.map_or(0, |peer| peer.acknowledged);
            if generation < acknowledged {
                *shown = Err(Lie::PutBack { shown: generation, acknowledged });
            }
        }
    }
    Newest { catalogue, answers: shown }
}
