//! The keys of a space: one secret an epoch, of which the newest seals what is new, and the
//! others open what is old.
//!
//! All who may read a space have the same ring. So equal contents have equal ids for all of
//! them, and even the same sealed bytes. Who is shut out keeps the epochs that they had, and
//! does not get those that begin afterwards.

use alloc::vec::Vec;
use core::fmt;

use allod_crypto::hash::tagged;
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

/// A hash that binds an epoch of a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(transparent)]
pub struct Commitment(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 32]);

/// The keys of a space: a set of epochs, of which the newest is the one with the greatest
/// count, and among those that began apart from each other, the one with the greatest number.
#[derive(Clone, Debug)]
pub struct Ring {
    /// In ascending order.
    epochs: Vec<Epoch>,
}

#[derive(Clone, Debug)]
struct Epoch {
    /// How many there were when it began.
    count: u32,
    secret: Secret<32>,
    keys: Keys,
}

/// Bytes of an epoch among the ring's secrets: its count, little endian, and its secret.
const EPOCH: usize = 4 + 32;

/// A ring has as many epochs as it can, or what was given is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingError;

impl Ring {
    /// Of a new space: its first epoch.
    pub fn new(rng: &mut impl CryptoRng) -> Self {
        Self { epochs: alloc::vec![Epoch::new(0, Secret::random(rng))] }
    }

    /// Begins another epoch.
    ///
    /// # Errors
    /// [`RingError`], where there are [`EPOCHS_MAX`] already.
    pub fn begin(&mut self, rng: &mut impl CryptoRng) -> Result<(), RingError> {
        let newest = self.epochs.last().map_or(0, |newest| newest.count);
        let count = newest.checked_add(1).ok_or(RingError)?;
        self.add(Epoch::new(count, Secret::random(rng)))
    }

    /// Of each epoch a hash that binds its secret and its place among the others, in
    /// ascending order. It tells nothing of the secret.
    pub fn commitments(&self) -> Vec<Commitment> {
        let mut all: Vec<Commitment> = self.epochs.iter().map(Epoch::commitment).collect();
        all.sort_unstable();
        all
    }

    /// The epochs of these commitments alone, if there is one.
    pub fn only(&self, committed: &[Commitment]) -> Option<Self> {
        let is_one = |epoch: &&Epoch| committed.contains(&epoch.commitment());
        let epochs: Vec<Epoch> = self.epochs.iter().filter(is_one).cloned().collect();
        (!epochs.is_empty()).then_some(Self { epochs })
    }

    /// Takes over the epochs of another ring of the same space.
    ///
    /// # Errors
    /// [`RingError`], where there would be too many. Nothing is taken over then.
    pub fn merge(&mut self, other: &Self) -> Result<(), RingError> {
        let mut merged = self.clone();
        other.epochs.iter().try_for_each(|epoch| merged.add(epoch.clone()))?;
        *self = merged;
        Ok(())
    }

    fn add(&mut self, epoch: Epoch) -> Result<(), RingError> {
        match self.epochs.binary_search_by_key(&epoch.order(), Epoch::order) {
            // Two of one number that are not the same are none.
            Ok(place) if self.epochs[place].secret != epoch.secret => Err(RingError),
            Ok(_) => Ok(()),
            Err(_) if self.epochs.len() >= EPOCHS_MAX => Err(RingError),
            Err(_) if self.get(epoch.keys.number()).is_some() => Err(RingError),
            Err(place) => {
                self.epochs.insert(place, epoch);
                Ok(())
            }
        }
    }

    /// The keys that seal what is new.
    pub fn newest(&self) -> &Keys {
        match self.epochs.last() {
            Some(newest) => &newest.keys,
            None => unreachable!("a ring has an epoch from the start"),
        }
    }

    /// The keys with this number.
    pub fn get(&self, number: u32) -> Option<&Keys> {
        // Most is of the newest.
        self.epochs.iter().rev().map(|epoch| &epoch.keys).find(|keys| keys.number() == number)
    }

    /// The numbers of all epochs, which tell nothing of their secrets.
    pub fn numbers(&self) -> Vec<u32> {
        self.epochs.iter().map(|epoch| epoch.keys.number()).collect()
    }

    /// How many epochs there are.
    pub fn epochs(&self) -> usize {
        self.epochs.len()
    }

    /// Whether this ring has every epoch of the other.
    pub fn extends(&self, other: &Self) -> bool {
        let has = |epoch: &Epoch| match self.epochs.binary_search_by_key(&epoch.order(), Epoch::order) {
            Ok(place) => self.epochs[place].secret == epoch.secret,
            Err(_) => false,
        };
        other.epochs.iter().all(has)
    }

    /// The content of an object of any epoch.
    ///
    /// # Errors
    /// [`Unreadable`], also where its epoch is not on the ring.
    pub fn open(&self, object: &Sealed, compress: &impl Compress) -> Result<Vec<u8>, Unreadable> {
        self.get(object.keys).ok_or(Unreadable)?.open(&object.id, &object.bytes, compress)
    }

    /// The same, with the sealed bytes' memory.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn open_owned(&self, object: Sealed, compress: &impl Compress) -> Result<Vec<u8>, Unreadable> {
        self.get(object.keys).ok_or(Unreadable)?.open_owned(&object.id, object.bytes, compress)
    }

    /// The same, of an object that somebody else sealed: see [`Keys::check`].
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn check(&self, object: &Sealed, compress: &impl Compress) -> Result<Vec<u8>, Unreadable> {
        self.get(object.keys).ok_or(Unreadable)?.check(object, compress)
    }

    /// All secrets, with which the ring comes [back](Self::from_secrets).
    pub fn secrets(&self) -> SecretBytes {
        let mut bytes = Vec::with_capacity(self.epochs.len() * EPOCH);
        for epoch in &self.epochs {
            bytes.extend_from_slice(&epoch.count.to_le_bytes());
            bytes.extend_from_slice(epoch.secret.expose());
        }
        SecretBytes::from(bytes)
    }

    /// A ring from its secrets.
    ///
    /// # Errors
    /// [`RingError`], where they are none, too many, or not whole.
    pub fn from_secrets(bytes: &SecretBytes) -> Result<Self, RingError> {
        let (epochs, rest) = bytes.expose().as_chunks::<EPOCH>();
        if epochs.is_empty() || !rest.is_empty() {
            return Err(RingError);
        }
        let mut ring = Self { epochs: Vec::new() };
        for epoch in epochs {
            let (count, secret) = epoch.split_first_chunk::<4>().ok_or(RingError)?;
            let secret = Secret::from(<[u8; 32]>::try_from(secret).map_err(|_| RingError)?);
            ring.add(Epoch::new(u32::from_le_bytes(*count), secret))?;
        }
        Ok(ring)
    }
}

impl Epoch {
    fn new(count: u32, secret: Secret<32>) -> Self {
        let number = tagged("allod 2026 vault, number of an epoch", &[secret.expose()]);
        let number = u32::from_le_bytes([number[0], number[1], number[2], number[3]]);
        // The upper half of all numbers is for keys that are on no ring.
        let keys = Keys::new(&secret, number >> 1);
        Self { count, secret, keys }
    }

    fn commitment(&self) -> Commitment {
        let count = self.count.to_le_bytes();
        Commitment(tagged("allod 2026 vault, commitment to an epoch", &[&count, self.secret.expose()]))
    }

    fn order(&self) -> (u32, u32) {
        (self.count, self.keys.number())
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
        assert_eq!(shut_out.open(&Sealed { keys: old.keys, ..new }, &Uncompressed), Err(Unreadable));
    }

    #[test]
    fn a_ring_comes_back_from_its_secrets() {
        let rng = &mut crate::tests::rng();
        let mut ring = Ring::new(rng);
        ring.begin(rng).unwrap();
        let back = Ring::from_secrets(&ring.secrets()).unwrap();
        assert!(back.extends(&ring) && ring.extends(&back));
        assert_eq!(back.newest().id(Kind::Data, b"x"), ring.newest().id(Kind::Data, b"x"));
        for bad in [0, 35, 37] {
            assert_eq!(Ring::from_secrets(&alloc::vec![7; bad].into()).unwrap_err(), RingError);
        }
        for _ in 2..EPOCHS_MAX {
            ring.begin(rng).unwrap();
        }
        assert_eq!(ring.begin(rng), Err(RingError));
    }

    #[test]
    fn epochs_that_began_apart_are_both_kept_and_one_of_them_is_the_newest_for_all() {
        let rng = &mut crate::tests::rng();
        let mut one = Ring::new(rng);
        let mut other = one.clone();
        one.begin(rng).unwrap();
        other.begin(rng).unwrap();
        let objects = [&one, &other].map(|ring| ring.newest().seal(Kind::Data, b"apart", &Uncompressed));
        let (mut there, mut back) = (one.clone(), other.clone());
        there.merge(&other).unwrap();
        back.merge(&one).unwrap();
        for ring in [&there, &back] {
            assert_eq!(ring.epochs(), 3);
            assert_eq!(ring.newest().number(), there.newest().number());
            assert!(objects.iter().all(|object| ring.open(object, &Uncompressed).is_ok()));
        }
        assert!(there.extends(&one) && there.extends(&other) && !one.extends(&there));
        there.begin(rng).unwrap();
        back.merge(&there).unwrap();
        assert_eq!(back.newest().number(), there.newest().number());
    }
}
