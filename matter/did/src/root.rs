//! The identity's root secret: whoever has it is the person.

use core::fmt;

use allod_crypto::sign::SigningKey;
use allod_crypto::{CryptoRng, Secret, kdf};

use crate::PublicKey;

/// The root secret, 32 bytes. Zeroized on drop, compared in constant time, and
/// never printed. Every other key of the person can be derived from it.
#[derive(Clone, PartialEq, Eq)]
pub struct Root(Secret<32>);

impl Root {
    /// A fresh root from `rng`.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        Self(Secret::random(rng))
    }

    /// The root that was stored as `bytes`.
    pub fn from_bytes(bytes: Secret<32>) -> Self {
        Self(bytes)
    }

    /// The secret itself, for what stores or shares it.
    pub fn expose(&self) -> &Secret<32> {
        &self.0
    }

    /// The `index`th secret of `N` bytes for `purpose`. The same inputs give the
    /// same secret; another purpose, index or size gives one that tells nothing
    /// about it.
    ///
    /// HKDF-SHA-512 (RFC 5869), with the info `allod/root/derive/`, the purpose,
    /// the index and the size (4 bytes each, big endian).
    pub fn derive<const N: usize>(&self, purpose: &str, index: u32) -> Secret<N> {
        const { assert!(N <= 16_320, "HKDF-SHA-512 gives at most 16,320 bytes") };
        // What follows the purpose has a fixed size, so no two inputs run into
        // each other.
        let info =
            [b"allod/root/derive/", purpose.as_bytes(), &index.to_be_bytes(), &(N as u32).to_be_bytes()];
        kdf::derive(self.0.expose(), b"", &info)
    }

    /// The Ed25519 key that signs the log. No purpose of [`Root::derive`] gives
    /// its seed.
    pub fn signing_key(&self) -> SigningKey {
        SigningKey::from_seed(&kdf::derive(self.0.expose(), b"", &[b"allod/root/sign"]))
    }

    /// The public half of [`Root::signing_key`].
    pub fn public_key(&self) -> PublicKey {
        self.signing_key().verifying_key().into()
    }
}

impl fmt::Debug for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Root(..)")
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use data_encoding::HEXLOWER;

    use super::*;

    #[test]
    fn a_root_is_never_printed() {
        assert_eq!(format!("{:?}", Root::from_bytes(Secret::from([0xAB; 32]))), "Root(..)");
    }

    #[test]
    fn every_purpose_index_and_size_has_a_secret_of_its_own() {
        let root = Root::from_bytes(Secret::from([1; 32]));
        let first = root.derive::<32>("ssh", 0);
        assert_eq!(first, root.derive("ssh", 0));
        assert_ne!(first, root.derive("ssh", 1));
        assert_ne!(first, root.derive("age", 0));
        assert_ne!(first.expose()[..], root.derive::<64>("ssh", 0).expose()[..32]);
        assert_ne!(first, Root::from_bytes(Secret::from([2; 32])).derive("ssh", 0));
        assert_ne!(root.signing_key().seed(), root.derive("", 0));
        assert_ne!(&first, root.expose());
    }

    #[test]
    fn derived_secrets_and_the_root_key_are_frozen() {
        let root = Root::from_bytes(Secret::from([7; 32]));
        assert_eq!(
            HEXLOWER.encode(root.derive::<32>("vault", 3).expose()),
            "c38199893bf8a50cf0c52fac47e5daaa32a0fcbab029826d5555a63bc076cba2"
        );
        assert_eq!(
            root.public_key().to_did_key(),
            "did:key:z6MkpYuR74PjjjihsCbCD5kodrzwYdfxpFQMZcwuyMQjwZUy"
        );
    }

    #[test]
    fn random_roots_differ() {
        let mut rng = getrandom::rand_core::UnwrapErr(getrandom::SysRng);
        assert_ne!(Root::random(&mut rng), Root::random(&mut rng));
    }
}
