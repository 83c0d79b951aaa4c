//! The keys of a space: one secret an epoch, of which the newest seals what is new, and the
//! others open what is old.
//!
//! All who may read a space have the same ring. So equal contents have equal ids for all of
//! them, and even the same sealed bytes. Who is shut out keeps the epochs that they had, and
//! does not get those that begin afterwards.

use alloc::vec::Vec;
use core::fmt;

use allod_crypto::{CryptoRng, Secret, SecretBytes};
use minicbor::{Decode, Encode};

use crate::compress::Compress;
use crate::object::{Keys, Sealed, Unreadable};

/// The most epochs that a space can have: its ring has to fit into a checkpoint.
pub const EPOCHS_MAX: usize = 200;

/// Which space something belongs to: a person's own vault, or a folder that is shared.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct SpaceId(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 32]);

/// The keys of a space.
#[derive(Clone, Debug)]
pub struct Ring {
    secrets: Vec<Secret<32>>,
    keys: Vec<Keys>,
}

/// A ring has as many epochs as it can, or what was given is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingError;

impl Ring {
    /// Of a new space: its first epoch.
    pub fn new(rng: &mut impl CryptoRng) -> Self {
        let mut ring = Self { secrets: Vec::new(), keys: Vec::new() };
        ring.push(Secret::random(rng));
        ring
    }

    /// Begins another epoch.
    ///
    /// # Errors
    /// [`RingError`], where there are [`EPOCHS_MAX`] already.
    pub fn begin(&mut self, rng: &mut impl CryptoRng) -> Result<(), RingError> {
        if self.secrets.len() >= EPOCHS_MAX {
            return Err(RingError);
        }
        self.push(Secret::random(rng));
        Ok(())
    }

    fn push(&mut self, secret: Secret<32>) {
        self.keys.push(Keys::new(&secret, self.secrets.len() as u32));
        self.secrets.push(secret);
    }

    /// The keys that seal what is new.
    pub fn newest(&self) -> &Keys {
        self.keys.last().unwrap_or_else(|| unreachable!("a ring has an epoch from the start"))
    }

    /// The keys of an epoch.
    pub fn get(&self, number: u32) -> Option<&Keys> {
        self.keys.get(usize::try_from(number).ok()?)
    }

    /// How many epochs there are.
    pub fn epochs(&self) -> u32 {
        self.keys.len() as u32
    }

    /// Whether this ring has every epoch of the other, and the same in them: what a later
    /// ring of the same space has.
    pub fn extends(&self, other: &Self) -> bool {
        self.secrets.len() >= other.secrets.len()
            && other.secrets.iter().zip(&self.secrets).all(|(one, another)| one == another)
    }

    /// The content of an object of any epoch.
    ///
    /// # Errors
    /// [`Unreadable`], also where its epoch is not on the ring.
    pub fn open(&self, object: &Sealed, compress: &impl Compress) -> Result<Vec<u8>, Unreadable> {
        self.get(object.keys).ok_or(Unreadable)?.open(&object.id, &object.bytes, compress)
    }

    /// The same, of an object that somebody else sealed: see [`Keys::check`].
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn check(&self, object: &Sealed, compress: &impl Compress) -> Result<Vec<u8>, Unreadable> {
        self.get(object.keys).ok_or(Unreadable)?.check(object, compress)
    }

    /// The secrets, 32 bytes an epoch, the oldest first.
    pub fn secrets(&self) -> SecretBytes {
        let mut bytes = Vec::with_capacity(self.secrets.len() * 32);
        self.secrets.iter().for_each(|secret| bytes.extend_from_slice(secret.expose()));
        SecretBytes::from(bytes)
    }

    /// A ring from its secrets.
    ///
    /// # Errors
    /// [`RingError`], where they are none, too many, or not whole.
    pub fn from_secrets(bytes: &SecretBytes) -> Result<Self, RingError> {
        let (secrets, rest) = bytes.expose().as_chunks::<32>();
        if secrets.is_empty() || secrets.len() > EPOCHS_MAX || !rest.is_empty() {
            return Err(RingError);
        }
        let mut ring = Self { secrets: Vec::new(), keys: Vec::new() };
        secrets.iter().for_each(|secret| ring.push(Secret::from(*secret)));
        Ok(ring)
    }
}

impl fmt::Display for RingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a space has between 1 and {EPOCHS_MAX} epochs of keys")
    }
}

impl core::error::Error for RingError {}

impl fmt::Display for SpaceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for SpaceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SpaceId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compress::Uncompressed;
    use crate::object::Kind;

    #[test]
    fn a_later_epoch_opens_what_is_old_and_who_was_shut_out_opens_nothing_new() {
        let rng = &mut crate::tests::rng();
        let mut ring = Ring::new(rng);
        let shut_out = ring.clone();
        let old = ring.newest().seal(Kind::Data, b"for all", &Uncompressed);
        ring.begin(rng).unwrap();
        let new = ring.newest().seal(Kind::Data, b"for those who stayed", &Uncompressed);
        assert_eq!(ring.open(&old, &Uncompressed).unwrap(), b"for all");
        assert_eq!(ring.check(&new, &Uncompressed).unwrap(), b"for those who stayed");
        assert_eq!(shut_out.open(&old, &Uncompressed).unwrap(), b"for all");
        assert_eq!(shut_out.open(&new, &Uncompressed), Err(Unreadable));
        assert!(ring.extends(&shut_out) && !shut_out.extends(&ring));
        // Nor with the number of an epoch that they have.
        assert_eq!(shut_out.open(&Sealed { keys: 0, ..new }, &Uncompressed), Err(Unreadable));
    }

    #[test]
    fn a_ring_comes_back_from_its_secrets() {
        let rng = &mut crate::tests::rng();
        let mut ring = Ring::new(rng);
        ring.begin(rng).unwrap();
        let back = Ring::from_secrets(&ring.secrets()).unwrap();
        assert!(back.extends(&ring) && ring.extends(&back));
        assert_eq!(back.newest().id(Kind::Data, b"x"), ring.newest().id(Kind::Data, b"x"));
        for bad in [0, 31, 33, 32 * (EPOCHS_MAX + 1)] {
            assert_eq!(Ring::from_secrets(&alloc::vec![7; bad].into()).unwrap_err(), RingError);
        }
        for _ in 2..EPOCHS_MAX {
            ring.begin(rng).unwrap();
        }
        assert_eq!(ring.begin(rng), Err(RingError));
    }
}
