//! Proofs of RFC 9497, section 2.2: one proof for a whole batch.
//!
//! The elements of a batch are folded into one pair by public weights: M is the
//! weighted sum of the blinded elements, Z that of the evaluated ones, and the
//! proof shows that Z is the key times M. Key and nonce are multiplied in
//! constant time; the weights are known to everyone, so M and Z need not be.
//! Every product is computed for half of its scalar and encoded as a double,
//! since doubles can be encoded together.

use alloc::vec::Vec;

use allod_crypto::CryptoRng;
use allod_crypto::group::{SecretScalar, Suite};

use super::{Blinded, Evaluated, KeyPair, Mode, Proof, PublicKey};
use crate::chaum_pedersen::{accept, hash_to_scalar, respond};
use crate::{Error, Point};

/// The length of an encoded element in two bytes.
pub(super) fn element_length<G: Suite>() -> [u8; 2] {
    // An element's encoding is far below 65,536 bytes in every group.
    (G::ELEMENT_LEN as u16).to_be_bytes()
}

/// The seed of all weights under a public key.
pub(super) fn seed<G: Suite>(public: &Point<G>) -> [u8; 64] {
    let tag = Mode::Voprf.tag::<G>("Seed-");
    let tag_length = tag.iter().map(|part| part.len()).sum::<usize>() as u16;
    let (length, tag_length) = (element_length::<G>(), tag_length.to_be_bytes());
    let mut parts = Vec::from([length.as_slice(), public.bytes().as_ref(), &tag_length]);
    parts.extend(tag);
    G::hash(&parts)
}

/// Evaluates a batch and proves it (`BlindEvaluate` and `GenerateProof`, with
/// the composites of `ComputeCompositesFast`).
pub(super) fn evaluate<G: Suite>(
    key: &KeyPair<G>,
    blinded: &[Blinded<G>],
    rng: &mut impl CryptoRng,
) -> Result<(Vec<Evaluated<G>>, Proof<G>), Error> {
    check_batch(blinded.len(), blinded.len())?;
    let nonce = SecretScalar::<G>::random(rng);
    let half_nonce = nonce.halve();

    // Halves of the evaluated elements, and last half of r * G: encoded together.
    let mut halves = Vec::with_capacity(blinded.len() + 1);
    halves.extend(blinded.iter().map(|blinded| key.half.mul(blinded.point().element())));
    halves.push(half_nonce.mul_generator());
    let mut encodings = G::encode_doubles(&halves);
    let (Some(_), Some(t2)) = (halves.pop(), encodings.pop()) else {
        unreachable!("both lists just got an element")
    };

    let weights = weights::<G>(&key.public, blinded, &encodings);
    let half_weights = weights.iter().map(G::halve).collect::<Vec<_>>();
    let elements = blinded.iter().map(|blinded| *blinded.point().element()).collect::<Vec<_>>();
    let half_m = G::multi_mul_vartime(&half_weights, &elements);
    let half_z = G::multi_mul_vartime(&weights, &halves);
    let composites = G::encode_doubles(&[half_m, half_z, nonce.mul(&half_m)]);

    let challenge = challenge(&key.public, &composites, &t2);
    let proof = Proof { challenge, response: respond(&nonce, &challenge, &key.secret) };
    let evaluated = halves
        .into_iter()
        .zip(encodings)
        .map(|(half, bytes)| Evaluated(Point::known(half + half, bytes)))
        .collect();
    Ok((evaluated, proof))
}

/// Checks a batch (`VerifyProof`).
pub(super) fn verify<G: Suite>(
    public: &PublicKey<G>,
    blinded: &[Blinded<G>],
    evaluated: &[Evaluated<G>],
    proof: &Proof<G>,
) -> Result<(), Error> {
    check_batch(blinded.len(), evaluated.len())?;
    let encodings = evaluated.iter().map(|evaluated| *evaluated.bytes()).collect::<Vec<_>>();
    let half_weights = weights::<G>(public, blinded, &encodings).iter().map(G::halve).collect::<Vec<_>>();
    let blinded = blinded.iter().map(|blinded| *blinded.point().element()).collect::<Vec<_>>();
    let evaluated = evaluated.iter().map(|evaluated| *evaluated.point().element()).collect::<Vec<_>>();
    let half_m = G::multi_mul_vartime(&half_weights, &blinded);
    let half_z = G::multi_mul_vartime(&half_weights, &evaluated);

    let (c, s) = (proof.challenge, proof.response);
    let half_t2 = G::mul_add_generator_vartime(&G::halve(&c), public.point().element(), &G::halve(&s));
    let half_t3 = G::multi_mul_vartime(&[s, c], &[half_m, half_z]);
    let mut encodings = G::encode_doubles(&[half_m, half_z, half_t3, half_t2]);
    let Some(t2) = encodings.pop() else { unreachable!("four elements were encoded") };
    accept::<G>(&challenge(public, &encodings, &t2), &c)
}

/// # Errors
/// [`Error::BatchSize`].
fn check_batch(blinded: usize, evaluated: usize) -> Result<(), Error> {
    if blinded == 0 || blinded > usize::from(u16::MAX) || blinded != evaluated {
        return Err(Error::BatchSize { blinded, evaluated });
    }
    Ok(())
}

/// The weight of each pair of elements (the d of `ComputeComposites`).
fn weights<G: Suite>(
    public: &PublicKey<G>,
    blinded: &[Blinded<G>],
    evaluated: &[G::ElementBytes],
) -> Vec<G::Scalar> {
    let tag = Mode::Voprf.tag::<G>("HashToScalar-");
    let length = element_length::<G>();
    blinded
        .iter()
        .zip(evaluated)
        .zip(0u16..=u16::MAX)
        .map(|((blinded, evaluated), i)| {
            let message = [
                // The length of the seed.
                [0, 64].as_slice(),
                &public.seed,
                &i.to_be_bytes(),
                &length,
                blinded.bytes().as_ref(),
                &length,
                evaluated.as_ref(),
                b"Composite",
            ];
            hash_to_scalar::<G>(&message, &tag)
        })
        .collect()
}

/// The challenge, from the encodings of M, Z and t3 in `composites` and of t2.
fn challenge<G: Suite>(
    public: &PublicKey<G>,
    composites: &[G::ElementBytes],
    t2: &G::ElementBytes,
) -> G::Scalar {
    let [m, z, t3] = composites else { unreachable!("three composites were encoded") };
    let length = element_length::<G>();
    let message = [
        length.as_slice(),
        public.bytes().as_ref(),
        &length,
        m.as_ref(),
        &length,
        z.as_ref(),
        &length,
        t2.as_ref(),
        &length,
        t3.as_ref(),
        b"Challenge",
    ];
    hash_to_scalar::<G>(&message, &Mode::Voprf.tag::<G>("HashToScalar-"))
}
