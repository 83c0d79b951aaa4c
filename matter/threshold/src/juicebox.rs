//! The oblivious function and proof of the Juicebox protocol, which are not
//! those of RFC 9497 (source: `rust/oprf` and `rust/secret_sharing` of
//! juicebox-systems/juicebox-sdk).
//!
//! - An input maps to the ristretto255 element of SHA-512(input).
//! - The output is SHA-512 of "Juicebox_OPRF_2023_1;", the input, and the
//!   encoded element times the key.
//! - A proof is (c, z) with z = t + k * c, where c is SHA-512 of
//!   "Juicebox_DLEQ_2023_1;", the blinded input, the public key, the blinded
//!   output, t * G and t * blinded input, reduced modulo the order.
//! - A key is one user's and is split among realms: realm i evaluates under its
//!   share, and the client interpolates.
//!
//! Nothing here knows a realm, a message or a guess.

use alloc::vec::Vec;

use allod_crypto::group::{Group, Ristretto255, SecretScalar, Suite};
use allod_crypto::{CryptoRng, Secret, Zeroizing};

use crate::chaum_pedersen::{accept, reconstruct};
use crate::shamir::{self, Share};
use crate::{Error, Index, Part, Point};

/// Starts the hash that ends an evaluation.
const OUTPUT_TAG: &[u8] = b"Juicebox_OPRF_2023_1;";

/// Starts the hash of a proof.
const PROOF_TAG: &[u8] = b"Juicebox_DLEQ_2023_1;";

type Scalar = <Ristretto255 as Group>::Scalar;

/// Defines public wrappers of an element with a 32-byte encoding.
macro_rules! element_type {
    ($(#[$doc:meta])* $name:ident, $part:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name(Point<Ristretto255>);

        impl $name {
            /// Decodes 32 bytes.
            ///
            /// # Errors
            /// [`Error::Malformed`] for bytes that are not canonical, and for the
            /// identity.
            pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, Error> {
                Point::decode(bytes).map(Self).map_err(|reason| Error::Malformed { part: $part, reason })
            }

            /// The canonical encoding.
            pub fn to_bytes(&self) -> [u8; 32] {
                *self.0.bytes()
            }
        }
    };
}

element_type! {
    /// What a client sends: its input's element, blinded.
    BlindedInput, Part::BlindedElement
}

element_type! {
    /// What a realm answers: the blinded input times its share of the key.
    BlindedOutput, Part::EvaluatedElement
}

element_type! {
    /// The public counterpart of a key or share: a client checks proofs under
    /// it.
    PublicKey, Part::PublicKey
}

/// A user's key, or one realm's share of it. Never zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrivateKey(SecretScalar<Ristretto255>);

impl PrivateKey {
    /// A fresh key, from 64 bytes of randomness.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        Self(SecretScalar::random(rng))
    }

    /// Decodes 32 bytes.
    ///
    /// # Errors
    /// [`Error::Malformed`] for a scalar that is not canonical, and for zero.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, Error> {
        let malformed = |reason| Error::Malformed { part: Part::PrivateKey, reason };
        Self::new(SecretScalar::decode(bytes).map_err(malformed)?)
    }

    /// The canonical encoding, as secret as the key.
    pub fn expose_bytes(&self) -> Zeroizing<[u8; 32]> {
        self.0.encode()
    }

    /// The public key.
    pub fn public_key(&self) -> PublicKey {
        let element = self.0.mul_generator();
        PublicKey(Point::known(element, Ristretto255::encode(&element)))
    }

    /// Shares of this key for the indices 1 to `shares`.
    ///
    /// # Errors
    /// [`Error::ThresholdOutOfRange`] unless 1 <= `threshold` <= `shares`;
    /// [`Error::Malformed`] should a share come out as zero.
    pub fn split(
        &self,
        threshold: u16,
        shares: u16,
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<(Index, Self)>, Error> {
        shamir::split(&self.0, threshold, shares, rng)?
            .into_iter()
            .map(|share| Ok((share.index, Self::new(share.value)?)))
            .collect()
    }

    fn new(scalar: SecretScalar<Ristretto255>) -> Result<Self, Error> {
        if scalar.is_zero() {
            let reason = allod_crypto::group::DecodeError::Zero;
            return Err(Error::Malformed { part: Part::PrivateKey, reason });
        }
        Ok(Self(scalar))
    }
}

/// A realm's proof that it used the key of its public key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Proof {
    c: Scalar,
    beta_z: Scalar,
}

impl Proof {
    /// Decodes the two scalars, 32 bytes each.
    ///
    /// # Errors
    /// [`Error::Malformed`] naming the scalar that is not canonical.
    pub fn from_bytes(c: &[u8; 32], beta_z: &[u8; 32]) -> Result<Self, Error> {
        let scalar = |part, bytes: &[u8; 32]| {
            Ristretto255::decode_scalar(bytes).map_err(|reason| Error::Malformed { part, reason })
        };
        Ok(Self { c: scalar(Part::ProofChallenge, c)?, beta_z: scalar(Part::ProofResponse, beta_z)? })
    }

    /// The challenge, 32 bytes.
    pub fn c(&self) -> [u8; 32] {
        self.c.to_bytes()
    }

    /// The response, 32 bytes.
    pub fn beta_z(&self) -> [u8; 32] {
        self.beta_z.to_bytes()
    }
}

impl core::fmt::Debug for Proof {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Proof").field("c", &self.c()).field("beta_z", &self.beta_z()).finish()
    }
}

/// A client's blinding factor: secret, and of use for one input only.
#[derive(Clone, Debug)]
pub struct Blinding(SecretScalar<Ristretto255>);

/// Blinds `input`, with 64 bytes of randomness. The blinded input goes to the
/// realms; the blinding stays.
pub fn start(input: &[u8], rng: &mut impl CryptoRng) -> (Blinding, BlindedInput) {
    let blinding = SecretScalar::random(rng);
    let element = blinding.mul(&input_element(input));
    (Blinding(blinding), BlindedInput(Point::known(element, Ristretto255::encode(&element))))
}

/// A realm's answer with its proof. `public_key` must be the key's own, kept so
/// that it need not be computed anew. Takes 64 bytes of randomness.
pub fn blind_evaluate(
    key: &PrivateKey,
    public_key: &PublicKey,
    blinded: &BlindedInput,
    rng: &mut impl CryptoRng,
) -> (BlindedOutput, Proof) {
    let nonce = SecretScalar::<Ristretto255>::random(rng);
    let half_nonce = nonce.halve();
    let base = blinded.0.element();
    let half_output = key.0.halve().mul(base);
    let encodings =
        Ristretto255::encode_doubles(&[half_nonce.mul_generator(), half_nonce.mul(base), half_output]);
    let [generator_t, input_t, output] = encodings.as_slice() else {
        unreachable!("three elements were encoded")
    };
    let c = challenge(blinded.0.bytes(), public_key.0.bytes(), output, generator_t, input_t);
    let beta_z = *nonce.expose() + *key.0.expose() * c;
    let output = Point::known(half_output + half_output, *output);
    (BlindedOutput(output), Proof { c, beta_z })
}

/// Checks a realm's answer under its public key.
///
/// # Errors
/// [`Error::ProofRefused`].
pub fn verify(
    public_key: &PublicKey,
    blinded: &BlindedInput,
    output: &BlindedOutput,
    proof: &Proof,
) -> Result<(), Error> {
    // z * G - c * V and z * U - c * W.
    let encodings =
        reconstruct::<Ristretto255>(&-proof.c, &proof.beta_z, &public_key.0, &blinded.0, &output.0);
    let [generator_t, input_t] = encodings.as_slice() else { unreachable!("two elements were encoded") };
    let (u, v, w) = (blinded.0.bytes(), public_key.0.bytes(), output.0.bytes());
    accept::<Ristretto255>(&challenge(u, v, w, generator_t, input_t), &proof.c)
}

/// The answer of the whole key, from the checked answers of as many realms as
/// its threshold. All of those given are used.
///
/// # Errors
/// [`Error::DuplicateIndex`]; [`Error::TooFewShares`] for none;
/// [`Error::Malformed`] when they sum up to the identity.
pub fn combine(outputs: &[(Index, BlindedOutput)]) -> Result<BlindedOutput, Error> {
    let elements = outputs.iter().map(|(index, output)| (*index, *output.0.element())).collect::<Vec<_>>();
    let element = shamir::combine_elements::<Ristretto255>(all_of(outputs.len())?, &elements)?;
    Point::new(element)
        .map(BlindedOutput)
        .map_err(|reason| Error::Malformed { part: Part::EvaluatedElement, reason })
}

/// Takes the blinding off a combined answer and hashes it with the input.
pub fn finalize(input: &[u8], blinding: &Blinding, combined: &BlindedOutput) -> Secret<64> {
    output(input, &blinding.0.invert().mul(combined.0.element()))
}

/// The output for an input that the owner of the whole key knows.
pub fn evaluate_unblinded(key: &PrivateKey, input: &[u8]) -> Secret<64> {
    output(input, &key.0.mul(&input_element(input)))
}

/// Splits a scalar, zero included, into shares for the indices 1 to `shares`.
///
/// # Errors
/// [`Error::ThresholdOutOfRange`] unless 1 <= `threshold` <= `shares`.
pub fn split_scalar(
    scalar: &SecretScalar<Ristretto255>,
    threshold: u16,
    shares: u16,
    rng: &mut impl CryptoRng,
) -> Result<Vec<Share<Ristretto255>>, Error> {
    shamir::split(scalar, threshold, shares, rng)
}

/// The scalar behind as many shares as its threshold. All of those given are
/// used.
///
/// # Errors
/// [`Error::DuplicateIndex`]; [`Error::TooFewShares`] for none.
pub fn recover_scalar(shares: &[Share<Ristretto255>]) -> Result<SecretScalar<Ristretto255>, Error> {
    shamir::combine(all_of(shares.len())?, shares)
}

/// The threshold that makes use of everything given.
fn all_of(given: usize) -> Result<u16, Error> {
    match u16::try_from(given) {
        Ok(0) => Err(Error::TooFewShares { needed: 1, given }),
        Ok(threshold) => Ok(threshold),
        // More than there are indices, so the duplicates will be found.
        Err(_) => Ok(u16::MAX),
    }
}

/// The element an input maps to.
fn input_element(input: &[u8]) -> <Ristretto255 as Group>::Element {
    Ristretto255::element_from_wide(&Ristretto255::hash(&[input]))
}

/// The hash that ends an evaluation.
fn output(input: &[u8], element: &<Ristretto255 as Group>::Element) -> Secret<64> {
    Secret::from(Ristretto255::hash(&[OUTPUT_TAG, input, &Ristretto255::encode(element)]))
}

/// The challenge of a proof, named as in the source.
fn challenge(u: &[u8; 32], v: &[u8; 32], w: &[u8; 32], v_t: &[u8; 32], w_t: &[u8; 32]) -> Scalar {
    Ristretto255::scalar_from_wide(&Ristretto255::hash(&[PROOF_TAG, u, v, w, v_t, w_t]))
}

#[cfg(test)]
mod tests;
