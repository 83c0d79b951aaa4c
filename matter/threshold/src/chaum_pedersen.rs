//! Proof that two elements have the same logarithm (D. Chaum and T. P. Pedersen,
//! "Wallet databases with observers", 1992), made non-interactive by a hash.
//!
//! Roles: the prover knows k; the verifier knows a generator G, P = k * G, a base
//! B and R = k * B.
//! 1. The prover picks a nonce r and computes r * G and r * B.
//! 2. The challenge c is a hash of P, B, R and both of these.
//! 3. The proof is (c, s) with s = r - c * k.
//!
//! The verifier computes s * G + c * P and s * B + c * R, which are the nonce's
//! elements if the proof is right, and compares the challenge. A nonce is never
//! kept, never repeated and never shorter than the group's order.

use alloc::vec::Vec;

use allod_crypto::group::{Group, HashInputError, SecretScalar};
use allod_crypto::{ConstantTimeEq, CryptoRng};

use crate::{Error, Part, Point};

/// Separates these challenges from every other hash to a scalar.
const TAG: &[u8] = b"Allod-ChaumPedersen-V1";

/// A proof: challenge and response, encoded in this order (as in RFC 9497,
/// section 2.2). Public.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Proof<G: Group> {
    /// c, the hash.
    pub(crate) challenge: G::Scalar,
    /// s = r - c * k.
    pub(crate) response: G::Scalar,
}

impl<G: Group> Proof<G> {
    /// Bytes in an encoded proof.
    pub const LEN: usize = 2 * G::SCALAR_LEN;

    /// Challenge and response, [`Self::LEN`] bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Self::LEN);
        bytes.extend_from_slice(G::encode_scalar(&self.challenge).as_ref());
        bytes.extend_from_slice(G::encode_scalar(&self.response).as_ref());
        bytes
    }

    /// Decodes what [`Self::encode`] gives.
    ///
    /// # Errors
    /// [`Error::Malformed`] naming the scalar at fault.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let (challenge, response) = bytes.split_at(bytes.len().min(G::SCALAR_LEN));
        Ok(Self {
            challenge: G::decode_scalar(challenge)
                .map_err(|reason| Error::Malformed { part: Part::ProofChallenge, reason })?,
            response: G::decode_scalar(response)
                .map_err(|reason| Error::Malformed { part: Part::ProofResponse, reason })?,
        })
    }
}

impl<G: Group> core::fmt::Debug for Proof<G> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Proof(")?;
        for byte in self.encode() {
            write!(f, "{byte:02x}")?;
        }
        f.write_str(")")
    }
}

/// Proves that `public` is `key` times the generator and `result` is `key` times
/// `base`. `domain` says what the proof is for, and binds it to that.
pub fn prove<G: Group>(
    domain: &[u8],
    key: &SecretScalar<G>,
    public: &Point<G>,
    base: &Point<G>,
    result: &Point<G>,
    rng: &mut impl CryptoRng,
) -> Proof<G> {
    let nonce = SecretScalar::<G>::random(rng);
    let half = nonce.halve();
    let elements = G::encode_doubles(&[half.mul_generator(), half.mul(base.element())]);
    let challenge = challenge(domain, public, base, result, &elements);
    Proof { challenge, response: respond(&nonce, &challenge, key) }
}

/// Checks what [`prove`] proves.
///
/// # Errors
/// [`Error::ProofRefused`].
pub fn verify<G: Group>(
    domain: &[u8],
    public: &Point<G>,
    base: &Point<G>,
    result: &Point<G>,
    proof: &Proof<G>,
) -> Result<(), Error> {
    let elements = reconstruct(&proof.challenge, &proof.response, public, base, result);
    accept::<G>(&challenge(domain, public, base, result, &elements), &proof.challenge)
}

/// s = r - c * k.
pub(crate) fn respond<G: Group>(
    nonce: &SecretScalar<G>,
    challenge: &G::Scalar,
    key: &SecretScalar<G>,
) -> G::Scalar {
    *nonce.expose() - *challenge * *key.expose()
}

/// The encodings of s * G + c * P and s * B + c * R.
pub(crate) fn reconstruct<G: Group>(
    challenge: &G::Scalar,
    response: &G::Scalar,
    public: &Point<G>,
    base: &Point<G>,
    result: &Point<G>,
) -> Vec<G::ElementBytes> {
    let (c, s) = (G::halve(challenge), G::halve(response));
    G::encode_doubles(&[
        G::mul_add_generator_vartime(&c, public.element(), &s),
        G::multi_mul_vartime(&[s, c], &[*base.element(), *result.element()]),
    ])
}

/// Compares the challenge that came out with the one in the proof.
pub(crate) fn accept<G: Group>(expected: &G::Scalar, given: &G::Scalar) -> Result<(), Error> {
    if expected.ct_eq(given).into() { Ok(()) } else { Err(Error::ProofRefused) }
}

/// Every part is of fixed length but the domain, which its length precedes.
fn challenge<G: Group>(
    domain: &[u8],
    public: &Point<G>,
    base: &Point<G>,
    result: &Point<G>,
    nonce_elements: &[G::ElementBytes],
) -> G::Scalar {
    let length = (domain.len() as u64).to_be_bytes();
    let mut message = Vec::from([
        length.as_slice(),
        domain,
        public.bytes().as_ref(),
        base.bytes().as_ref(),
        result.bytes().as_ref(),
    ]);
    message.extend(nonce_elements.iter().map(AsRef::as_ref));
    hash_to_scalar::<G>(&message, &[TAG])
}

/// [`Group::hash_to_scalar`] with a tag known to be of legal length.
pub(crate) fn hash_to_scalar<G: Group>(message: &[&[u8]], tag: &[&[u8]]) -> G::Scalar {
    match G::hash_to_scalar(message, tag) {
        Ok(scalar) => scalar,
        Err(HashInputError) => unreachable!("the tag is a constant of legal length"),
    }
}

#[cfg(test)]
mod tests;
