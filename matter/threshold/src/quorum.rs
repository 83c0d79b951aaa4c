//! Threshold decryption: TDH2 of V. Shoup and R. Gennaro, "Securing threshold
//! cryptosystems against chosen ciphertext attack", J. Cryptology 15 (2002),
//! section 4.
//!
//! Roles: who encrypts a key of 32 bytes to the guardians' public key K, under a
//! label that says who may ask for it and why; guardians, each with a share; and
//! whoever asks t of them and combines.
//!
//! Messages: a [`Ciphertext`] with its label, both public; a
//! [`PartialDecryption`] of each guardian asked.
//!
//! Flow:
//! 1. Encrypting picks r and gives u = r * G, the key masked with a hash of r * K,
//!    and v = r * H for a second generator H whose logarithm nobody knows, with a
//!    proof that u and v have the same logarithm. The proof binds K, the label and
//!    the masked key.
//! 2. A guardian decides by the label whether it helps at all. It then checks the
//!    proof, and only then multiplies u by its share, and proves that it used the
//!    share of its public counterpart.
//! 3. Whoever combines checks both kinds of proof and interpolates t answers to
//!    r * K.
//!
//! Each check has an attack that it is for:
//!
//! | check | without it |
//! |---|---|
//! | the ciphertext's proof, before the share is used | guardians multiply any element they are sent, and who asks turns answers for one ciphertext into those for another |
//! | the proof binds the label | a ciphertext is given a label under which its thief may ask |
//! | the proof binds the masked key | changing one bit of it and having it decrypted tells the rest |
//! | the second generator | whoever made u from another's u could still prove |
//! | the partial's proof | one guardian spoils the result unnoticed |
//!
//! It never decides who may decrypt, never decrypts in one place, and a guardian
//! never answers for a ciphertext that it did not check: there is no way here to do
//! one without the other.

mod partial;

use alloc::vec::Vec;

use allod_crypto::group::{DecodeError, Group, HashInputError, SecretScalar};
use allod_crypto::{CryptoRng, Secret, Zeroizing, hash, kdf};

pub use partial::{DecryptionShare, PartialDecryption, combine};

use crate::chaum_pedersen::{self, Proof};
use crate::{Error, Part, Point};

/// Bytes in an encrypted key.
const KEY_LEN: usize = 32;

const GENERATOR_TAG: &[u8] = b"Allod-Quorum-Generator-V1";
const MASK_TAG: &[u8] = b"Allod-Quorum-Mask-V1";

/// An encrypted key of 32 bytes. Public.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ciphertext<G: Group> {
    /// The key under its mask.
    masked: [u8; KEY_LEN],
    /// u = r * G.
    ephemeral: Point<G>,
    /// v = r * H.
    second: Point<G>,
    /// That u and v have the same logarithm.
    proof: Proof<G>,
}

impl<G: Group> Ciphertext<G> {
    /// Bytes in an encoded ciphertext.
    pub const LEN: usize = KEY_LEN + 2 * G::ELEMENT_LEN + Proof::<G>::LEN;

    /// The masked key, u, v, challenge and response: [`Self::LEN`] bytes. The
    /// label is not part of it.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Self::LEN);
        bytes.extend_from_slice(&self.masked);
        bytes.extend_from_slice(self.ephemeral.bytes().as_ref());
        bytes.extend_from_slice(self.second.bytes().as_ref());
        bytes.extend_from_slice(&self.proof.encode());
        bytes
    }

    /// Decodes what [`Self::encode`] gives.
    ///
    /// # Errors
    /// [`Error::Malformed`] naming the part.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let wrong_length = Error::Malformed { part: Part::Length, reason: DecodeError::Length };
        let (masked, rest) = bytes.split_first_chunk().ok_or(wrong_length)?;
        let (ephemeral, rest) = rest.split_at_checked(G::ELEMENT_LEN).ok_or(wrong_length)?;
        let (second, proof) = rest.split_at_checked(G::ELEMENT_LEN).ok_or(wrong_length)?;
        if bytes.len() != Self::LEN {
            return Err(wrong_length);
        }
        let point = |bytes, part| Point::decode(bytes).map_err(|reason| Error::Malformed { part, reason });
        Ok(Self {
            masked: *masked,
            ephemeral: point(ephemeral, Part::Ephemeral)?,
            second: point(second, Part::SecondEphemeral)?,
            proof: Proof::decode(proof)?,
        })
    }

    /// Checks that whoever made this knew what it encrypts, to this key and under
    /// this label. Anyone can, and storing what fails is pointless.
    ///
    /// # Errors
    /// [`Error::CiphertextRefused`].
    pub fn verify(&self, public_key: &Point<G>, label: &[u8]) -> Result<(), Error> {
        let domain = domain(public_key, label, &self.masked);
        let base = second_generator(public_key);
        chaum_pedersen::verify(&domain, &self.ephemeral, &base, &self.second, &self.proof)
            .map_err(|_| Error::CiphertextRefused)
    }

    /// The hash of ciphertext, label and key that partial decryptions are bound
    /// to.
    fn digest(&self, public_key: &Point<G>, label: &[u8]) -> [u8; 32] {
        hash::tagged(
            "Allod quorum ciphertext v1",
            &[&domain(public_key, label, &self.masked), &self.encode()],
        )
    }

    /// The key, from r * K.
    fn unmask(&self, public_key: &Point<G>, shared: &G::Element) -> Secret<KEY_LEN> {
        let mask = mask(public_key, &self.ephemeral, shared);
        xor(&self.masked, mask.expose())
    }
}

/// Encrypts `payload` to the guardians that share `public_key`. The label is bound
/// and not hidden.
pub fn encrypt<G: Group>(
    public_key: &Point<G>,
    label: &[u8],
    payload: &Secret<KEY_LEN>,
    rng: &mut impl CryptoRng,
) -> Ciphertext<G> {
    let base = second_generator(public_key);
    let (r, ephemeral, second) = loop {
        let r = SecretScalar::<G>::random(rng);
        if let (Ok(ephemeral), Ok(second)) =
            (Point::new(r.mul_generator()), Point::new(r.mul(base.element())))
        {
            break (r, ephemeral, second);
        }
    };
    let shared = Zeroizing::new(r.mul(public_key.element()));
    let masked = *xor(payload.expose(), mask(public_key, &ephemeral, &shared).expose()).expose();
    let domain = domain(public_key, label, &masked);
    let proof = chaum_pedersen::prove(&domain, &r, &ephemeral, &base, &second, rng);
    Ciphertext { masked, ephemeral, second, proof }
}

/// What a ciphertext's proof is bound to, apart from its elements.
fn domain<G: Group>(public_key: &Point<G>, label: &[u8], masked: &[u8; KEY_LEN]) -> [u8; 32] {
    let generator = G::encode(&G::generator());
    let parts = [generator.as_ref(), public_key.bytes().as_ref(), label, masked];
    hash::tagged("Allod quorum label v1", &parts)
}

/// The second generator, one for each key.
fn second_generator<G: Group>(public_key: &Point<G>) -> Point<G> {
    match G::hash_to_group(&[public_key.bytes().as_ref()], &[GENERATOR_TAG]).map(Point::new) {
        Ok(Ok(point)) => point,
        Ok(Err(_)) => unreachable!("nobody knows a key that hashes to the identity"),
        Err(HashInputError) => unreachable!("the tag is a constant of legal length"),
    }
}

/// The mask over a key. All parts are of fixed length.
fn mask<G: Group>(public_key: &Point<G>, ephemeral: &Point<G>, shared: &G::Element) -> Secret<KEY_LEN> {
    let shared = Zeroizing::new(G::encode(shared));
    kdf::derive(shared.as_ref(), MASK_TAG, &[public_key.bytes().as_ref(), ephemeral.bytes().as_ref()])
}

fn xor(bytes: &[u8; KEY_LEN], mask: &[u8; KEY_LEN]) -> Secret<KEY_LEN> {
    let mut out = Secret::from([0; KEY_LEN]);
    for ((out, byte), mask) in out.expose_mut().iter_mut().zip(bytes).zip(mask) {
        *out = byte ^ mask;
    }
    out
}

#[cfg(test)]
mod tests;
