//! Lies that need a dealer's or a receiver's secrets, for tests and rehearsals: a
//! network that was never lied to does not know whether it notices.
//!
//! Nothing here helps an honest party, and nothing here is more than what anyone
//! who changes this code can do. The other lies need no help: to be silent, to
//! change bytes, to deal something else than one's share, to copy.

use allod_crypto::CryptoRng;
use allod_crypto::group::{Group, Ristretto255, SecretScalar};

use super::{Complaint, Dealing, EncryptionSecret, Terms};
use crate::{Error, Index, Point};

/// A dealing that everyone accepts in public, and in which the share of `victim`
/// is wrong. `secret` is the dealer's share when a key is passed on.
///
/// # Errors
/// [`Error::NotReceiver`] for the victim; as the honest ways of dealing.
pub fn wrong_share<G: Group>(
    terms: &Terms,
    dealer: Index,
    secret: &SecretScalar<G>,
    victim: Index,
    rng: &mut impl CryptoRng,
) -> Result<Dealing<G>, Error> {
    let place = terms.place(victim)?;
    // What pads hide is changed by changing what hides it.
    let spoil = |encrypted: &mut [u8]| {
        for byte in encrypted.chunks_exact_mut(G::SCALAR_LEN).skip(place).take(1).flatten().take(1) {
            *byte ^= 1;
        }
    };
    Dealing::deal(terms, dealer, secret, spoil, rng)
}

/// A complaint about a dealing in which nothing is wrong, with a good proof.
///
/// # Errors
/// [`Error::NotReceiver`].
pub fn complaint<G: Group>(
    dealing: &Dealing<G>,
    terms: &Terms,
    receiver: Index,
    secret: &EncryptionSecret,
    rng: &mut impl CryptoRng,
) -> Result<Complaint, Error> {
    terms.key(receiver)?;
    let shared = *secret.shared(&dealing.ephemeral);
    let shared = Point::known(shared, Ristretto255::encode(&shared));
    Ok(Complaint::new(dealing, terms, receiver, secret, shared, rng))
}
