//! What a keyholder computes, in whichever group the key is.

use alloc::vec::Vec;

use allod_crypto::group::{Group, SecretScalar};
use allod_crypto::{CryptoRng, Secret, Zeroizing};
use allod_threshold::dealing::{Dealing, EncryptionSecret, Opened, Outcome, Terms};
use allod_threshold::shamir::Share;
use allod_threshold::{Error, Index, Part, PublicShares};

use super::record::HeldShare;
use super::view::Sharing;

/// The share that a record holds.
pub(super) fn share<G: Group>(held: &HeldShare) -> Result<Share<G>, Error> {
    let value = SecretScalar::decode(held.value.expose())
        .map_err(|reason| Error::Malformed { part: Part::PrivateKey, reason })?;
    Ok(Share { index: Index::new(held.index)?, value })
}

/// A dealing of a fresh secret, or of the share that is held.
pub(super) fn deal<G: Group>(
    terms: &Terms,
    dealer: u16,
    held: Option<&HeldShare>,
    rng: &mut impl CryptoRng,
) -> Result<Vec<u8>, Error> {
    let dealing = match held {
        Some(held) => Dealing::<G>::deal_share(terms, &share(held)?, rng)?,
        None => Dealing::<G>::deal_fresh(terms, Index::new(dealer)?, rng)?,
    };
    Ok(dealing.encode())
}

/// Opens a dealing, and gives the complaint if it is wrong.
pub(super) fn open<G: Group>(
    terms: &Terms,
    dealer: u16,
    dealing: &[u8],
    receiver: u16,
    secret: &EncryptionSecret,
    rng: &mut impl CryptoRng,
) -> Result<Option<Vec<u8>>, Error> {
    let dealing = Dealing::<G>::decode(Index::new(dealer)?, dealing)?;
    Ok(match dealing.open(terms, Index::new(receiver)?, secret, rng)? {
        Opened::Share(_) => None,
        Opened::Complaint(complaint) => Some(complaint.encode()),
    })
}

/// The share of a sharing in force, if its dealings are still here and all of
/// them are good. One that is not was never complained about in time; the others
/// hold their shares then, and this guardian none.
pub(super) fn derive<G: Group>(
    sharing: &Sharing,
    index: u16,
    secret: &EncryptionSecret,
    rng: &mut impl CryptoRng,
) -> Result<Option<Secret<32>>, Error> {
    if sharing.dealings.is_empty() {
        return Ok(None);
    }
    let receiver = Index::new(index)?;
    let terms = &sharing.terms;
    let dealings = sharing
        .dealings
        .iter()
        .map(|(dealer, bytes)| Dealing::<G>::decode(Index::new(*dealer)?, bytes))
        .collect::<Result<Vec<_>, _>>()?;
    let outcome = match &sharing.handed_on {
        Some(before) => {
            let shares = before.shares.iter().map(|(index, share)| (*index, share.as_slice()));
            let old = PublicShares::decode(before.threshold, &before.public_key, shares)?;
            Outcome::reshared(terms, &dealings, &old)?
        }
        None => Outcome::fresh(terms, &dealings, terms.threshold())?,
    };
    let counted = outcome.dealers().collect::<Vec<_>>();
    let mut opened = Vec::with_capacity(counted.len());
    for dealing in dealings.iter().filter(|dealing| counted.contains(&dealing.dealer())) {
        match dealing.open(terms, receiver, secret, rng)? {
            Opened::Share(share) => opened.push((dealing.dealer(), share.value)),
            Opened::Complaint(_) => return Ok(None),
        }
    }
    let share = outcome.combine(receiver, opened.iter().map(|(dealer, value)| (*dealer, value)))?;
    let bytes = Zeroizing::new(share.value.encode());
    let bytes = <[u8; 32]>::try_from(bytes.as_ref()).map_err(|_| Error::Malformed {
        part: Part::PrivateKey,
        reason: allod_crypto::group::DecodeError::Length,
    })?;
    Ok(Some(Secret::from(*Zeroizing::new(bytes))))
}
