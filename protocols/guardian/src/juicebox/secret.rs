//! What a Juicebox client derives from a PIN and from the OPRF's output.
//!
//! Labels, lengths and orders are Juicebox's (`juicebox-sdk` 0.3: `pin.rs`,
//! `types.rs`, `realm_api/types.rs`, `realm_api/signing.rs`).

use alloc::vec::Vec;

use allod_crypto::password::{BadCost, Cost, argon2id};
use allod_crypto::sign::{BadSignature, Signature, SigningKey, VerifyingKey};
use allod_crypto::{ConstantTimeEq, Secret, SecretBytes, Zeroizing, aead, hash};
use allod_wire::{RealmId, RegistrationVersion};

use super::{ENCRYPTED_SECRET, SignedPublicKey};

/// Longest secret that can be guarded, in bytes.
pub const SECRET_MAX: usize = 128;

/// What Argon2 makes of a PIN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretched {
    /// The OPRF's input.
    pub access_key: Secret<32>,
    /// The part of the encryption key that only the PIN gives.
    pub encryption_key_seed: Secret<32>,
}

/// Stretches `pin`. The salt is the registration's version and `info`, so that
/// no realm can have a table made beforehand. Takes as long as `cost` says;
/// shells run it off their main thread.
///
/// # Errors
/// [`BadCost`] for a cost that Argon2 does not allow.
pub fn stretch(
    pin: &SecretBytes,
    version: &RegistrationVersion,
    info: &[u8],
    cost: Cost,
) -> Result<Stretched, BadCost> {
    let mut salt = Vec::with_capacity(24 + info.len());
    for part in [version.as_bytes().as_slice(), info] {
        salt.extend_from_slice(&be4(part));
        salt.extend_from_slice(part);
    }
    let out: Secret<64> = argon2id(pin.expose(), &salt, cost)?;
    let (access_key, encryption_key_seed) = halves(&out);
    Ok(Stretched { access_key, encryption_key_seed })
}

/// The unlock key and its commitment, from the OPRF's 64-byte output.
pub fn unlock_key(oprf_output: &Secret<64>) -> (Secret<32>, [u8; 32]) {
    let digest = Secret::from(*Zeroizing::new(hash::sha512(oprf_output.expose())));
    let (commitment, key) = halves(&digest);
    (key, *commitment.expose())
}

/// The tag that opens `realm`'s share.
pub fn unlock_key_tag(unlock_key: &Secret<32>, realm: &RealmId) -> Secret<16> {
    Secret::from(mac16(unlock_key, b"Unlock Key Tag", &[realm.as_bytes()]))
}

/// Binds `realm`'s share and the encrypted secret to the unlock key.
pub fn encrypted_secret_commitment(
    unlock_key: &Secret<32>,
    realm: &RealmId,
    scalar_share: &Secret<32>,
    encrypted_secret: &[u8; ENCRYPTED_SECRET],
) -> [u8; 16] {
    let parts: [&[u8]; 3] = [realm.as_bytes(), scalar_share.expose(), encrypted_secret];
    mac16(unlock_key, b"Encrypted User Secret Commitment", &parts)
}

/// The key that encrypts the secret, from the PIN's seed and the shared scalar.
pub fn encryption_key(seed: &Secret<32>, scalar: &Secret<32>) -> Secret<32> {
    let label = b"User Secret Encryption Key";
    hash::blake2s_keyed_32(seed, &[&be4(label), label, &be4(scalar.expose()), scalar.expose()])
}

/// Encrypts a secret of at most [`SECRET_MAX`] bytes, padded so that its length
/// does not show. `None` where it is longer.
pub fn encrypt(secret: &SecretBytes, key: Secret<32>) -> Option<[u8; ENCRYPTED_SECRET]> {
    let bytes = secret.expose();
    let mut padded = Zeroizing::new([0; SECRET_MAX + 1]);
    padded[0] = u8::try_from(bytes.len()).ok()?;
    padded.get_mut(1..=bytes.len())?.copy_from_slice(bytes);
    aead::seal_once(key, padded.as_slice()).try_into().ok()
}

/// What [`encrypt`] encrypted; `None` where the key is another.
pub fn decrypt(encrypted: &[u8; ENCRYPTED_SECRET], key: &Secret<32>) -> Option<SecretBytes> {
    let padded = aead::open_once(key, encrypted).ok()?;
    let (length, rest) = padded.expose().split_first()?;
    Some(SecretBytes::from(rest.get(..usize::from(*length))?.to_vec()))
}

/// Signs a share's public key for `realm`.
pub fn sign_public_key(key: &SigningKey, realm: &RealmId, public_key: [u8; 32]) -> SignedPublicKey {
    SignedPublicKey {
        public_key,
        verifying_key: key.verifying_key().0,
        signature: key.sign(&signed_message(realm, &public_key)).0,
    }
}

/// Checks that a share's public key was signed for `realm`.
///
/// # Errors
/// [`BadSignature`].
pub fn verify_public_key(signed: &SignedPublicKey, realm: &RealmId) -> Result<(), BadSignature> {
    VerifyingKey(signed.verifying_key)
        .verify(&signed_message(realm, &signed.public_key), &Signature(signed.signature))
}

/// Compares commitments without telling where they differ.
pub fn same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

fn signed_message(realm: &RealmId, public_key: &[u8; 32]) -> Vec<u8> {
    [&[0, 16][..], realm.as_bytes(), &[0, 32], public_key].concat()
}

fn mac16(key: &Secret<32>, label: &[u8], parts: &[&[u8]]) -> [u8; 16] {
    // Every part stands behind its length.
    let lengths: Vec<[u8; 4]> = parts.iter().map(|part| be4(part)).collect();
    let mut all: Vec<&[u8]> = Vec::with_capacity(2 + 2 * parts.len());
    let label_length = be4(label);
    all.extend([&label_length[..], label]);
    for (length, part) in lengths.iter().zip(parts) {
        all.extend([&length[..], part]);
    }
    hash::blake2s_keyed_16(key, &all)
}

fn be4(part: &[u8]) -> [u8; 4] {
    // Parts are identifiers, keys and account names: never near 4 GiB.
    (part.len() as u32).to_be_bytes()
}

fn halves(whole: &Secret<64>) -> (Secret<32>, Secret<32>) {
    let (mut first, mut second) = (Secret::from([0; 32]), Secret::from([0; 32]));
    first.expose_mut().copy_from_slice(&whole.expose()[..32]);
    second.expose_mut().copy_from_slice(&whole.expose()[32..]);
    (first, second)
}
