//! A guardian's reply to a request, sealed to the request's key.

use alloc::vec::Vec;

use allod_crypto::group::Ristretto255;
use allod_crypto::sign::{Signature, SigningKey, VerifyingKey};
use allod_crypto::{CryptoRng, Secret, aead, hash, kdf, kem};
use allod_threshold::quorum::PartialDecryption;
use allod_wire::{GuardianId, Wire};
use minicbor::{Decode, Encode};

use super::error::{Fault, Refusal};

type Partial = PartialDecryption<Ristretto255>;

/// What a guardian sends back. Only who made the request can read it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Reply {
    /// The guardian helps.
    #[n(0)]
    Helped {
        /// An X-Wing ciphertext for the request's key, [`kem::CIPHERTEXT`] bytes.
        #[cbor(n(0), with = "minicbor::bytes")]
        encapsulated: Vec<u8>,
        /// The partial decryption under the secret that is in there.
        #[cbor(n(1), with = "minicbor::bytes")]
        sealed: Vec<u8>,
    },
    /// It does not. Readable by everybody.
    #[n(1)]
    Refused(#[n(0)] Refusal),
}

impl Wire for Reply {
    const SIZE_MAX: usize = kem::CIPHERTEXT + 512;
}

/// What is inside of the seal.
#[derive(Encode, Decode)]
struct Signed {
    #[n(0)]
    generation: u32,
    #[cbor(n(1), with = "minicbor::bytes")]
    partial: Vec<u8>,
    /// The guardian's, on [`message`].
    #[cbor(n(2), with = "minicbor::bytes")]
    signature: [u8; 64],
}

impl Wire for Signed {
    const SIZE_MAX: usize = 256;
}

impl Reply {
    /// Signs a partial decryption and seals it to the request's key. `request` is
    /// the hash that the request's device signed.
    ///
    /// # Errors
    /// [`Refusal::BadReplyKey`].
    pub(super) fn helped(
        request: &[u8; 32],
        reply_key: &[u8],
        guardian: &SigningKey,
        generation: u32,
        partial: &Partial,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, Refusal> {
        let (encapsulated, shared) = kem::encapsulate(reply_key, rng).map_err(|_| Refusal::BadReplyKey)?;
        let partial = partial.encode();
        let signature = guardian.sign(&message(request, generation, &partial)).0;
        let signed = allod_wire::encode(&Signed { generation, partial, signature });
        let sealed = aead::seal_once(key(&shared, request), &signed);
        Ok(Self::Helped { encapsulated, sealed })
    }

    /// Opens what [`Self::helped`] made: the generation and the partial decryption,
    /// which `guardian` signed for this request.
    ///
    /// # Errors
    /// [`Fault::NotForThis`], [`Fault::NotSigned`].
    pub(super) fn open(
        encapsulated: &[u8],
        sealed: &[u8],
        request: &[u8; 32],
        secret: &Secret<32>,
        guardian: &GuardianId,
    ) -> Result<(u32, Vec<u8>), Fault> {
        let shared = kem::decapsulate(secret, encapsulated).map_err(|_| Fault::NotForThis)?;
        let signed = aead::open_once(&key(&shared, request), sealed).map_err(|_| Fault::NotForThis)?;
        let Signed { generation, partial, signature } =
            allod_wire::decode(signed.expose()).map_err(|_| Fault::NotForThis)?;
        VerifyingKey(guardian.0)
            .verify(&message(request, generation, &partial), &Signature(signature))
            .map_err(|_| Fault::NotSigned)?;
        Ok((generation, partial))
    }
}

/// What a guardian signs.
fn message(request: &[u8; 32], generation: u32, partial: &[u8]) -> [u8; 32] {
    hash::tagged("allod/sealed/reply", &[request, &generation.to_be_bytes(), partial])
}

/// The key of one reply.
fn key(shared: &Secret<32>, request: &[u8; 32]) -> Secret<32> {
    kdf::derive(shared.expose(), b"allod/sealed/reply key", &[request])
}
