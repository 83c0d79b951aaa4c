//! Proof that one knows a logarithm (C. P. Schnorr, "Efficient signature
//! generation by smart cards", 1991), made non-interactive by a hash (A. Fiat
//! and A. Shamir, 1986) and bound to a context.
//!
//! Roles: the prover knows s; the verifier knows K = s * G and the context, the
//! bytes that say what the proof is for.
//! 1. The prover picks a nonce r and computes N = r * G.
//! 2. The challenge c is a hash of the context, G, K and N.
//! 3. The proof is (c, z) with z = r - c * s.
//!
//! The verifier computes z * G + c * K, which is N if the proof is right, and
//! compares the challenge. What each input of the hash is for:
//! - the context: a proof cannot be replayed where it was not meant for, by
//!   another person, in another session or under another claim;
//! - K: a proof for one key cannot be turned into one for a related key;
//! - G: a proof in one group says nothing in another.
//!
//! Used in [dealings](crate::dealing), for the possession of encryption keys,
//! and to claim a share: who shows that it knows a guardian's share, with a
//! context that names the claimant, has shown it to everyone and has given it to
//! no one.
//!
//! It never says how the prover came to know s, and never hides K. Proofs are
//! checked one at a time: a proof in the form (c, z) is the shortest, and checking
//! many at once would need the form (N, z), whose gain is small beside the
//! decoding of the commitments that come with the proofs.

use alloc::vec::Vec;

use allod_crypto::CryptoRng;
use allod_crypto::group::{Group, SecretScalar};

pub use crate::chaum_pedersen::Proof;

use crate::chaum_pedersen::{accept, hash_to_scalar, respond};
use crate::{Error, Point};

/// Separates these challenges from every other hash to a scalar.
const TAG: &[u8] = b"Allod-Knowledge-V1";

/// Proves knowledge of `secret`, which times the generator is `public`. `context`
/// says what the proof is for, and binds it to that.
pub fn prove<G: Group>(
    context: &[u8],
    secret: &SecretScalar<G>,
    public: &Point<G>,
    rng: &mut impl CryptoRng,
) -> Proof<G> {
    let nonce = SecretScalar::<G>::random(rng);
    let commitment = G::encode(&nonce.mul_generator());
    let challenge = challenge(context, public, &commitment);
    Proof { challenge, response: respond(&nonce, &challenge, secret) }
}

/// Checks what [`prove`] proves.
///
/// # Errors
/// [`Error::ProofRefused`].
pub fn verify<G: Group>(context: &[u8], public: &Point<G>, proof: &Proof<G>) -> Result<(), Error> {
    let commitment = G::mul_add_generator_vartime(&proof.challenge, public.element(), &proof.response);
    accept::<G>(&challenge(context, public, &G::encode(&commitment)), &proof.challenge)
}

/// Every part is of fixed length but the context, which its length precedes.
fn challenge<G: Group>(context: &[u8], public: &Point<G>, commitment: &G::ElementBytes) -> G::Scalar {
    let length = (context.len() as u64).to_be_bytes();
    let generator = G::encode(&G::generator());
    let message = Vec::from([
        length.as_slice(),
        context,
        generator.as_ref(),
        public.bytes().as_ref(),
        commitment.as_ref(),
    ]);
    hash_to_scalar::<G>(&message, &[TAG])
}

#[cfg(test)]
mod tests;
