//! Encryption keys of receivers, and the pads over their shares.
//!
//! A pad is hashed from the Diffie-Hellman element of the dealer's ephemeral and
//! the receiver's key. There is no tag to authenticate: the commitment says what
//! the share must be. Encryption is over ristretto255 whatever the target group.
//!
//! A receiver announces its key with a proof of possession. Secrecy does not hang
//! on it: under the gap Diffie-Hellman assumption, with a pad that hashes in the
//! session, dealer, receiver and ephemeral, a key derived from another's
//! (E + x * G) opens nothing, and a complaint needs the logarithm anyway. The
//! proof keeps such keys out all the same, which makes the argument for sharing
//! one ephemeral among receivers the simple one (Bellare, Boldyreva and Staddon
//! ask for it), and finds a receiver that could never decrypt before anyone
//! deals to it.

use alloc::vec::Vec;
use core::fmt;

use allod_crypto::group::{Group, Ristretto255, SecretScalar};
use allod_crypto::{CryptoRng, Secret, Zeroizing, kdf};

use super::Terms;
use crate::knowledge::{self, Proof};
use crate::{Error, Index, Part, Point};

type Element = <Ristretto255 as Group>::Element;

const PAD_TAG: &[u8] = b"Allod-Dealing-Pad-V1";
const POSSESSION_TAG: &[u8] = b"Allod-Dealing-Possession-V1";

/// A receiver's public key for one session: 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncryptionKey(Point<Ristretto255>);

impl EncryptionKey {
    /// Decodes 32 bytes.
    ///
    /// # Errors
    /// [`Error::Malformed`] for bytes of another length, bytes that are not
    /// canonical, and the identity.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        Point::decode(bytes)
            .map(Self)
            .map_err(|reason| Error::Malformed { part: Part::EncryptionKey, reason })
    }

    /// The canonical encoding.
    pub fn bytes(&self) -> &[u8; 32] {
        self.0.bytes()
    }

    /// The element and its encoding.
    pub fn point(&self) -> &Point<Ristretto255> {
        &self.0
    }

    /// Checks that whoever announced this key as `receiver` of `session` knows
    /// its secret.
    ///
    /// # Errors
    /// [`Error::PossessionRefused`], naming the receiver.
    pub fn verify_possession(
        &self,
        session: &[u8; 32],
        receiver: Index,
        proof: &Proof<Ristretto255>,
    ) -> Result<(), Error> {
        knowledge::verify(&possession(session, receiver), &self.0, proof)
            .map_err(|_| Error::PossessionRefused(receiver))
    }
}

/// A receiver's secret for one session. Wiped on drop.
#[derive(Clone)]
pub struct EncryptionSecret {
    scalar: SecretScalar<Ristretto255>,
    key: EncryptionKey,
}

impl EncryptionSecret {
    /// A fresh secret.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        let (scalar, point) = random_pair(rng);
        Self { scalar, key: EncryptionKey(point) }
    }

    /// Decodes what [`Self::encode`] gives.
    ///
    /// # Errors
    /// [`Error::Malformed`] for bytes that are no canonical scalar, and for zero.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let malformed = |reason| Error::Malformed { part: Part::PrivateKey, reason };
        let scalar = SecretScalar::<Ristretto255>::decode(bytes).map_err(malformed)?;
        let point = Point::new(scalar.mul_generator()).map_err(malformed)?;
        Ok(Self { scalar, key: EncryptionKey(point) })
    }

    /// The secret in 32 bytes, for a receiver that must survive a restart within
    /// the session. To be erased with the session.
    pub fn encode(&self) -> Zeroizing<[u8; 32]> {
        self.scalar.encode()
    }

    /// The public key.
    pub fn key(&self) -> &EncryptionKey {
        &self.key
    }

    /// Proves, as `receiver` of `session`, to know this secret.
    pub fn prove_possession(
        &self,
        session: &[u8; 32],
        receiver: Index,
        rng: &mut impl CryptoRng,
    ) -> Proof<Ristretto255> {
        knowledge::prove(&possession(session, receiver), &self.scalar, &self.key.0, rng)
    }

    /// The Diffie-Hellman element with an ephemeral.
    pub(super) fn shared(&self, ephemeral: &Point<Ristretto255>) -> Zeroizing<Element> {
        Zeroizing::new(self.scalar.mul(ephemeral.element()))
    }

    /// The secret scalar.
    pub(super) fn scalar(&self) -> &SecretScalar<Ristretto255> {
        &self.scalar
    }
}

impl fmt::Debug for EncryptionSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EncryptionSecret(..)")
    }
}

/// A fresh scalar and that times the generator.
pub(super) fn random_pair(rng: &mut impl CryptoRng) -> (SecretScalar<Ristretto255>, Point<Ristretto255>) {
    loop {
        let scalar = SecretScalar::<Ristretto255>::random(rng);
        if let Ok(point) = Point::new(scalar.mul_generator()) {
            return (scalar, point);
        }
    }
}

/// The encodings of the Diffie-Hellman elements of `r` with every receiver's key,
/// in their order. Made as doubles of halves, which are encoded together.
pub(super) fn shared_with_all(r: &SecretScalar<Ristretto255>, terms: &Terms) -> Zeroizing<Vec<[u8; 32]>> {
    let half = r.halve();
    let halves = terms.receivers().iter().map(|(_, key)| half.mul(key.0.element())).collect::<Vec<_>>();
    let halves = Zeroizing::new(halves);
    Zeroizing::new(Ristretto255::encode_doubles(&halves))
}

/// The pad over one share. All parts but the tag, which is a salt of its own, are
/// of fixed length. The terms hold the session and the receiver's key.
pub(super) fn pad(
    terms: &Terms,
    dealer: Index,
    receiver: Index,
    ephemeral: &Point<Ristretto255>,
    commitment_hash: &[u8; 32],
    shared: &[u8; 32],
) -> Secret<64> {
    let (dealer, receiver) = (dealer.get().to_be_bytes(), receiver.get().to_be_bytes());
    kdf::derive(shared, PAD_TAG, &[terms.digest(), &dealer, &receiver, ephemeral.bytes(), commitment_hash])
}

/// The context of a proof of possession.
fn possession(session: &[u8; 32], receiver: Index) -> Vec<u8> {
    [POSSESSION_TAG, session, &receiver.get().to_be_bytes()].concat()
}
