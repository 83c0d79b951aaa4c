//! A grant: the keys of a space for one device, sealed to it.
//!
//! Sealed is: an X-Wing ciphertext (1,120 bytes), and under a key from its secret, used for
//! nothing else, the grant with the signature of who grants. The signature covers the
//! ciphertext and the device that it is for, so that a grant cannot be handed on as one's own
//! nor to somebody else.

use alloc::vec::Vec;

use allod_crypto::aead::{open_once, seal_once};
use allod_crypto::hash::tagged;
use allod_crypto::sign::{Signature, SigningKey, VerifyingKey};
use allod_crypto::{CryptoRng, Secret, SecretBytes, Zeroizing, kem};
use allod_did::Did;
use allod_wire::Wire;
use minicbor::{Decode, Encode};

use super::request::secret;
use super::{ROSTER_MAX, Request, Roster, ShareError, public};
use crate::ring::{EPOCHS_MAX, Ring};

/// The most bytes of a sealed grant.
pub const GRANT_MAX: usize = ROSTER_MAX + EPOCHS_MAX * 40 + 4096;

/// The keys of a space, and who its members are.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The keys.
    pub ring: Ring,
    /// The members, and which space it is.
    pub roster: Roster,
}

/// Who granted something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Granter {
    /// The person.
    pub did: Did,
    /// The device's key.
    pub key: VerifyingKey,
}

#[derive(Encode, Decode)]
struct Encoded {
    #[cbor(n(0), with = "minicbor::bytes")]
    ring: Vec<u8>,
    #[cbor(n(1), with = "minicbor::bytes")]
    roster: Vec<u8>,
    /// The device that grants.
    #[cbor(n(2), with = "minicbor::bytes")]
    by: [u8; 32],
    #[cbor(n(3), with = "minicbor::bytes")]
    signature: [u8; 64],
}

impl Drop for Encoded {
    fn drop(&mut self) {
        drop(SecretBytes::from(core::mem::take(&mut self.ring)));
    }
}

impl Wire for Encoded {
    const SIZE_MAX: usize = GRANT_MAX;
}

impl Grant {
    /// Seals it to the device that asked, which has to be one of a member's, as the one that
    /// grants has to be.
    ///
    /// # Errors
    /// [`ShareError::NotAMember`]; [`ShareError::NotADevice`]; [`ShareError::Malformed`], where the
    /// device's key is none.
    pub fn seal(
        &self,
        to: &Request,
        by: &SigningKey,
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<u8>, ShareError> {
        // The log that the device shows may be older than the one that the members know.
        if self.roster.device(&to.key()).is_none() {
            let is_member = self.roster.members().iter().any(|log| log.state().did() == to.did());
            return Err(match is_member {
                true => ShareError::NotADevice(to.did()),
                false => ShareError::NotAMember(to.did()),
            });
        }
        let (ciphertext, shared) = kem::encapsulate(to.kem(), rng).map_err(|_| ShareError::Malformed)?;
        let ring = self.ring.secrets();
        let roster = self.roster.encode();
        let signature = by.sign(&signed(&ciphertext, &to.key(), ring.expose(), &roster)).0;
        let encoded = Encoded { ring: ring.expose().to_vec(), roster, by: by.verifying_key().0, signature };
        let plain = Zeroizing::new(allod_wire::encode(&encoded));
        Ok([&ciphertext[..], &seal_once(key(&shared, &ciphertext), &plain)].concat())
    }

    /// Opens a grant for this device, and finds out who granted it: a device of a member of the
    /// roster that is in it. Whether one trusts the founder of that roster is for the person
    /// to say, where it is the first of its space.
    ///
    /// # Errors
    /// [`ShareError`].
    pub fn open(sealed: &[u8], device: &SigningKey) -> Result<(Self, Granter), ShareError> {
        if sealed.len() > GRANT_MAX {
            return Err(ShareError::Malformed);
        }
        let (ciphertext, rest) = sealed.split_at_checked(kem::CIPHERTEXT).ok_or(ShareError::Malformed)?;
        let shared = kem::decapsulate(&secret(device), ciphertext).map_err(|_| ShareError::Malformed)?;
        let plain = open_once(&key(&shared, ciphertext), rest).map_err(|_| ShareError::NotForThisDevice)?;
        let mut encoded: Encoded = allod_wire::decode(plain.expose()).map_err(|_| ShareError::Malformed)?;
        let roster = Roster::decode(&encoded.roster)?;
        let by = VerifyingKey(encoded.by);
        let founder = roster.founder().ok_or(ShareError::Malformed)?;
        let (did, _) = roster.device(&by).ok_or(ShareError::NotAMember(founder))?;
        roster.device(&device.verifying_key()).ok_or(ShareError::NotForThisDevice)?;
        let message = signed(ciphertext, &device.verifying_key(), &encoded.ring, &encoded.roster);
        by.verify(&message, &Signature(encoded.signature)).map_err(|_| ShareError::Signature(did))?;
        let ring = SecretBytes::from(core::mem::take(&mut encoded.ring));
        let ring = Ring::from_secrets(&ring).map_err(|_| ShareError::Malformed)?;
        // Epochs that the founder did not sign are nobody's.
        let ring = ring.only(roster.epochs()).ok_or(ShareError::Malformed)?;
        Ok((Self { ring, roster }, Granter { did, key: by }))
    }

    /// Whether a device can grant: whether it is one of a member's.
    pub fn can_be_by(&self, device: &SigningKey) -> bool {
        let id = public(device).device_id();
        self.roster.devices().any(|(_, known)| known.id() == id)
    }
}

fn key(shared: &Secret<32>, ciphertext: &[u8]) -> Secret<32> {
    Secret::from(tagged("allod 2026 vault, sealing of a grant", &[shared.expose(), ciphertext]))
}

fn signed(ciphertext: &[u8], to: &VerifyingKey, ring: &[u8], roster: &[u8]) -> [u8; 32] {
    tagged("allod 2026 vault, grant", &[ciphertext, &to.0, ring, roster])
}
