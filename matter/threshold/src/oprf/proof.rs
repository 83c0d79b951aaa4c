//! Proofs of RFC 9497, section 2.2: one proof for each batch.
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

/// A batch that was evaluated: its elements, in order, and the proof for them.
pub(super) type Answered<G> = (Vec<Evaluated<G>>, Proof<G>);

/// Evaluates batches and proves each by itself (`BlindEvaluate` and
/// `GenerateProof`, with the composites of `ComputeCompositesFast`). What batches
/// share is that their elements are encoded together.
///
/// # Errors
/// [`Error::BatchSize`].
pub(super) fn evaluate<G: Suite>(
    key: &KeyPair<G>,
    batches: &[&[Blinded<G>]],
    rng: &mut impl CryptoRng,
) -> Result<Vec<Answered<G>>, Error> {
    batches.iter().try_for_each(|batch| check_batch(batch.len(), batch.len()))?;
    let nonces = batches.iter().map(|_| SecretScalar::<G>::random(rng)).collect::<Vec<_>>();

    // Of each batch the halves of the evaluated elements, and last half of r * G.
    let mut halves = Vec::new();
    for (batch, nonce) in batches.iter().zip(&nonces) {
        halves.extend(batch.iter().map(|blinded| key.half.mul(blinded.point().element())));
        halves.push(nonce.halve().mul_generator());
    }
    let encodings = G::encode_doubles(&halves);
    let mut end = 0;
    let ranges = batches.iter().map(|batch| {
        let begin = end;
        // The batch's r * G stands behind its elements.
        end = begin + batch.len() + 1;
        begin..end - 1
    });
    let ranges = ranges.collect::<Vec<_>>();

    // Of each batch M, Z and t3, as halves.
    let mut composites = Vec::with_capacity(3 * batches.len());
    for ((batch, range), nonce) in batches.iter().zip(&ranges).zip(&nonces) {
        let weights = weights::<G>(&key.public, batch, &encodings[range.clone()]);
        let half_weights = weights.iter().map(G::halve).collect::<Vec<_>>();
        let elements = batch.iter().map(|blinded| *blinded.point().element()).collect::<Vec<_>>();
        let half_m = G::multi_mul_vartime(&half_weights, &elements);
        let half_z = G::multi_mul_vartime(&weights, &halves[range.clone()]);
        composites.extend([half_m, half_z, nonce.mul(&half_m)]);
    }
    let composites = G::encode_doubles(&composites);

    let answered = ranges.into_iter().zip(composites.chunks_exact(3)).zip(&nonces);
    let answered = answered.map(|((range, composites), nonce)| {
        let challenge = challenge(&key.public, composites, &encodings[range.end]);
        let proof = Proof { challenge, response: respond(nonce, &challenge, &key.secret) };
        let elements = halves[range.clone()].iter().zip(&encodings[range]);
        let evaluated = elements.map(|(half, bytes)| Evaluated(Point::known(*half + *half, *bytes)));
        (evaluated.collect(), proof)
    });
    Ok(answered.collect())
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
