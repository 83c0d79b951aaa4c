//! Elements, proofs and commitments of the threshold algebra.

use allod_crypto::group::Ristretto255;
use allod_threshold::feldman::Commitment;
use allod_threshold::oprf::{Blinded, Evaluated, Partial, PublicKey};
use allod_threshold::{Index, Point, chaum_pedersen, juicebox};

/// The commitment to a dealer's polynomial.
pub fn threshold_commitment(data: &[u8]) {
    if let Ok(commitment) = Commitment::<Ristretto255>::decode(data, 64) {
        assert_eq!(commitment.encode(), data);
        for index in Index::first(3) {
            let _ = commitment.public_share_key(index);
        }
    }
}

/// A proof of equal logarithms.
pub fn threshold_proof(data: &[u8]) {
    if let Ok(proof) = chaum_pedersen::Proof::<Ristretto255>::decode(data) {
        assert_eq!(proof.encode(), data);
    }
}

/// A group element.
pub fn threshold_point(data: &[u8]) {
    if let Ok(point) = Point::<Ristretto255>::decode(data) {
        assert_eq!(point.bytes(), data);
        assert_eq!(Point::<Ristretto255>::new(*point.element()), Ok(point));
    }
}

/// The elements of RFC 9497.
pub fn threshold_oprf(data: &[u8]) {
    if let Ok(blinded) = Blinded::<Ristretto255>::decode(data) {
        assert_eq!(blinded.bytes(), data);
    }
    if let Ok(evaluated) = Evaluated::<Ristretto255>::decode(data) {
        assert_eq!(evaluated.bytes(), data);
    }
    if let Ok(key) = PublicKey::<Ristretto255>::decode(data) {
        assert_eq!(key.bytes(), data);
    }
}

/// A guardian's answer to a batch: the first byte says to how many.
pub fn threshold_partial(data: &[u8]) {
    let (Some((asked, data)), Ok(index)) = (data.split_first(), Index::new(1)) else { return };
    if let Ok(partial) = Partial::<Ristretto255>::decode(index, (*asked).into(), data) {
        assert_eq!(partial.encode(), data);
    }
}

/// Juicebox's elements, keys and proofs, 32 bytes each; a proof is checked
/// against the elements before it.
pub fn threshold_juicebox(data: &[u8]) {
    let parts: Vec<[u8; 32]> = data.chunks_exact(32).filter_map(|part| part.try_into().ok()).collect();
    let [blinded, output, key, c, beta_z, ..] = parts.as_slice() else { return };
    if let Ok(private) = juicebox::PrivateKey::from_bytes(c) {
        assert_eq!(*private.expose_bytes(), *c);
    }
    let (Ok(blinded), Ok(output), Ok(key)) = (
        juicebox::BlindedInput::from_bytes(blinded),
        juicebox::BlindedOutput::from_bytes(output),
        juicebox::PublicKey::from_bytes(key),
    ) else {
        return;
    };
    assert_eq!([blinded.to_bytes(), output.to_bytes(), key.to_bytes()], parts[..3]);
    if let Ok(proof) = juicebox::Proof::from_bytes(c, beta_z) {
        assert_eq!([proof.c(), proof.beta_z()], parts[3..5]);
        let _ = juicebox::verify(&key, &blinded, &output, &proof);
    }
}
